package latency

import (
	"sync"
	"testing"
	"time"
)

func TestPercentilesAreThoseOfAllThatWasRecorded(t *testing.T) {
	r := NewRecorder()
	var recording sync.WaitGroup
	for i := range 100 {
		recording.Go(func() {
			for j := 1; j <= 100; j++ {
				r.Record(time.Duration(i*100+j) * time.Millisecond)
			}
		})
	}
	recording.Wait()
	got := r.Summary()
	if got.Count != 10000 {
		t.Errorf("%d were counted, want 10000", got.Count)
	}
	for _, c := range []struct{ got, want time.Duration }{
		{got.P50, 5 * time.Second},
		{got.P90, 9 * time.Second},
		{got.P99, 9900 * time.Millisecond},
		{got.P999, 9990 * time.Millisecond},
		{got.Max, 10 * time.Second},
	} {
		if off := (c.got - c.want).Abs(); off > c.want/1000+unit {
			t.Errorf("a percentile is %s, want %s", c.got, c.want)
		}
	}
}

func TestWhatTakesTooLongCountsAsTheLongest(t *testing.T) {
	r := NewRecorder()
	r.Record(time.Hour)
	r.Record(0)
	if got := r.Summary(); got.Count != 2 || got.Max < longest || got.P50 != 0 {
		t.Errorf("the summary is %+v", got)
	}
}

func TestDurationsAreWrittenShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 873 * time.Microsecond: "873µs", 1273456 * time.Nanosecond: "1.27ms",
		34567 * time.Microsecond: "34.6ms", 2037 * time.Millisecond: "2.04s",
	} {
		if got := Short(d); got != want {
			t.Errorf("%d ns are %s, want %s", d, got, want)
		}
	}
}
