package node_test

import (
	"testing"
	"testing/synctest"
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/node"
)

func TestBulkGivesWayWhileManyAskOrSendOneByOne(t *testing.T) {
	for name, once := range map[string]func(*bench){
		"questions":       func(b *bench) { _, _ = b.Account("A") },
		"single readings": func(b *bench) { b.record("A", "2026-11-20T10:00", "7") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, "Asia/Singapore")
				defer b.close()
				b.register("A")
				bulk := func() time.Duration {
					began := time.Now()
					if _, err := b.RecordMany(t.Context(), []meter.Reading{b.reading("A", "2026-11-20T10:00", "7")}); err != nil {
						t.Fatal(err)
					}
					return time.Since(began)
				}
				if paused := bulk(); paused > 0 {
					t.Errorf("a bulk paused for %s while nobody asked", paused)
				}
				for range 1000 {
					once(b)
				}
				time.Sleep(time.Second)
				if paused := bulk(); paused != node.BulkPause {
					t.Errorf("a bulk paused for %s while 1,000 came in within a second, want %s", paused, node.BulkPause)
				}
				time.Sleep(time.Second)
				if paused := bulk(); paused > 0 {
					t.Errorf("a bulk paused for %s when nobody asked any more", paused)
				}
			})
		})
	}
}
