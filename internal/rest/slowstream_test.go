package rest

import (
	"errors"
	"log/slog"
	"net/http"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"meterledger/internal/meter"
)

// slowCaller takes an answer at a rate, in bytes a second, with a pause before some chunk.
type slowCaller struct {
	http.ResponseWriter

	rate     int
	pauseAt  int // bytes
	pause    time.Duration
	taken    int
	deadline time.Time
}

func (c *slowCaller) Header() http.Header                 { return http.Header{} }
func (c *slowCaller) FlushError() error                   { return nil }
func (c *slowCaller) SetWriteDeadline(at time.Time) error { c.deadline = at; return nil }

func (c *slowCaller) Write(p []byte) (int, error) {
	if c.taken >= c.pauseAt {
		time.Sleep(min(c.pause, time.Until(c.deadline)))
		c.pause = 0
	}
	time.Sleep(min(time.Duration(len(p))*time.Second/time.Duration(c.rate), time.Until(c.deadline)))
	if !c.deadline.IsZero() && !time.Now().Before(c.deadline) {
		return 0, os.ErrDeadlineExceeded
	}
	c.taken += len(p)
	return len(p), nil
}

func TestAStreamHasALeastRate(t *testing.T) {
	zone, err := meter.LoadZone("Asia/Singapore")
	if err != nil {
		t.Fatal(err)
	}
	points := make([]meter.Point, 100_000)
	for name, c := range map[string]struct {
		caller slowCaller
		cutMin time.Duration // when it is cut; 0 for a caller who gets it all
		cutMax time.Duration
	}{
		"as slowly as a caller may be": {slowCaller{rate: streamBytesMin}, 0, 0},
		"fast, with a long pause":      {slowCaller{rate: 1 << 20, pauseAt: 1 << 20, pause: stalledMax}, 0, 0},
		"half as fast":                 {slowCaller{rate: streamBytesMin / 2}, 2 * stalledMax, 2*stalledMax + 2*time.Second},
		"not at all":                   {slowCaller{rate: 1}, stalledMax, stalledMax + 2*time.Second},
		"not any more":                 {slowCaller{rate: 1 << 30, pauseAt: 1 << 20, pause: time.Hour}, stalledMax, stalledMax + 2*time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &app{zone: zone, log: slog.New(slog.DiscardHandler)}
				began := time.Now()
				s := &rowStream{stream: a.newStream(&c.caller, from(t, "192.0.2.1")), rows: meter.NewRowWriter(zone)}
				err := s.add("A", points)
				took := time.Since(began)
				if isCut := errors.Is(err, errCallerGone); isCut != (c.cutMax > 0) || isCut && (took < c.cutMin || took > c.cutMax) {
					t.Errorf("after %v, %d bytes: %v", took, c.caller.taken, err)
				}
			})
		})
	}
}
