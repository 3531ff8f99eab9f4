package pages

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"meterledger/internal/httpkit"
)

func TestTheSamplerKeepsAMinuteOfFiguresAndAnHourOfReadingsUntilItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		metrics := httpkit.NewMetrics()
		taken := metrics.Counter("readings_total", "Readings.", "way", "bulk", "verdict", "accepted", "code", "")
		s := &sampler{metrics: metrics, log: slog.New(slog.DiscardHandler)}
		ctx, stop := context.WithCancel(t.Context())
		go s.run(ctx)
		synctest.Wait()
		if c, _ := s.lately(); c.after == nil || c.before != c.after || c.lasted() != 0 {
			t.Errorf("after the start: %+v", c)
		}
		for n := range 90 * 12 { // an hour and a half
			taken.Add(1 + n/12) // each 5 seconds of a minute as many as in the others
			time.Sleep(sampleEvery)
			synctest.Wait()
		}
		c, marks := s.lately()
		if got := c.after.taken - c.before.taken; c.lasted() != time.Minute || got != 90*12 {
			t.Errorf("in the last %v %v readings were taken", c.lasted(), got)
		}
		if len(s.samples) != samplesMax || len(marks) != marksMax {
			t.Errorf("%d samples and %d marks", len(s.samples), len(marks))
		}
		for n := 1; n < len(marks); n++ {
			minute := 90 - len(marks) + n + 1
			if got := marks[n].taken - marks[n-1].taken; marks[n].at.Sub(marks[n-1].at) != time.Minute || got != float64(12*minute) {
				t.Errorf("mark %d: %v readings in %v, want %d", n, got, marks[n].at.Sub(marks[n-1].at), 12*minute)
			}
		}
		stop() // else the test does not end
		unasked := &sampler{metrics: metrics}
		if unasked.run(ctx); len(unasked.samples) > 0 {
			t.Error("a sample was taken after the end")
		}
	})
}

func TestFiguresAreTakenTogetherAsAPersonAsksForThem(t *testing.T) {
	metrics := httpkit.NewMetrics()
	for labels, n := range map[[3]string]int{
		{"single", "accepted", ""}: 3, {"bulk", "accepted", ""}: 40, {"bulk", "duplicate", ""}: 500,
		{"single", "rejected", "reading_conflict"}: 6, {"bulk", "rejected", "reading_conflict"}: 70, {"single", "retry", "not_receiving"}: 8,
	} {
		metrics.Counter("readings_total", "Readings.", "way", labels[0], "verdict", labels[1], "code", labels[2]).Add(n)
	}
	for status, seconds := range map[string]float64{"200": .1, "400": .2, "500": 1, "503": 9} {
		metrics.Histogram("http_request_duration_seconds", "Requests.", []float64{.1, .2, 1}, "method", "GET", "route", "/r", "status", status).Update(seconds)
	}
	metrics.Histogram("journal_append_seconds", "Batches.", []float64{.001, .002}).Update(.0015)
	for kind, bytes := range map[string]float64{"dense": 30, "sparse": 4} {
		metrics.Gauge("memory_held_bytes", "Memory.", func() float64 { return bytes }, "kind", kind)
	}
	f, err := readSample(metrics, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	requests := f.requests["GET /r"]
	for what, is := range map[string]bool{
		"taken": f.taken == 43, "conflicts": f.refused["reading_conflict"] == 76, "not receiving": f.refused["not_receiving"] == 8,
		"requests": requests.count == 4 && slices.Equal(requests.within, []uint64{1, 2, 3}), "failures": f.failed["GET /r"] == 2,
		"batches": f.batches.count == 1 && slices.Equal(f.batches.within, []uint64{0, 1}),
		"memory":  f.gauges["memory_held_bytes"] == 34 && f.gauges["memory_held_bytes sparse"] == 4,
	} {
		if !is {
			t.Errorf("%s: %+v", what, f)
		}
	}
}

func TestMostIsTheBoundBelowWhich99Of100Are(t *testing.T) {
	bounds := []float64{.001, .01, .1}
	for want, within := range map[string][]uint64{ // the last is all
		"1 ms":        {99, 99, 99, 100},
		"10 ms":       {98, 99, 100, 100},
		"100 ms":      {0, 0, 1, 1},
		"over 100 ms": {90, 95, 98, 100},
	} {
		h := histogram{bounds, within[:3], within[3]}
		if got := most(h); got != want {
			t.Errorf("%v: %s, want %s", within, got, want)
		}
		if got := most(h.plus(h).since(h)); got != want {
			t.Errorf("%v, counted later: %s, want %s", within, got, want)
		}
		if got := most((histogram{}).plus(h)); got != want {
			t.Errorf("%v, and nothing before: %s, want %s", within, got, want)
		}
	}
}

func TestRatesAndSizesAreWrittenForPeople(t *testing.T) {
	for want, got := range map[string]string{
		"0": perSecond(0, time.Minute), "0.05": perSecond(3, time.Minute), "26,543": perSecond(26_543*60, time.Minute), "10": perSecond(100, 10*time.Second),
		"0 bytes": size(0), "999 bytes": size(999), "1.0 kB": size(1000), "1.0 MB": size(999_600), "730 kB": size(730_168), "16.2 GB": size(16_176_969_152),
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if got := fmt.Sprint((counted{&sample{at: time.Unix(0, 0)}, &sample{at: time.Unix(35, 0)}}).period()); got != "the last 35 seconds" {
		t.Error(got)
	}
}
