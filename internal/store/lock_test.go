package store

import (
	"slices"
	"sync"
	"testing"
	"time"

	"meterledger/internal/meter"
)

// TestReadersGetInWhileALargeBatchIsApplied asks on and on while batches are applied,
// until an answer tells of a part of one.
func TestReadersGetInWhileALargeBatchIsApplied(t *testing.T) {
	const together = 16 * lockVerdicts
	for name, form := range map[string]func([]byte, []Reading) []byte{
		"one by one": func(b []byte, readings []Reading) []byte {
			for _, r := range readings {
				b = AppendReading(b, r)
			}
			return b
		},
		"as a pack": func(b []byte, readings []Reading) []byte { return AppendReadings(b, readings, false) },
	} {
		t.Run(name, func(t *testing.T) {
			s := tenMeters(t)
			slot := meter.Slot(closedFrom)
			for began := time.Now(); time.Since(began) < 10*time.Second; {
				readings := make([]Reading, together)
				for i := range readings {
					readings[i] = Reading{Index(i % 8), slot + meter.Slot(i/8), meter.Register{}}
				}
				slot += together / 8
				if sawPart(t, s, form(nil, readings), together) {
					return
				}
			}
			t.Error("nobody has ever seen a part of a batch")
		})
	}
}

// sawPart applies a batch, and reports whether somebody who asked meanwhile was told of
// a part of it.
func sawPart(t *testing.T, s *Store, batch []byte, together uint64) (part bool) {
	t.Helper()
	done := make(chan struct{})
	var reader sync.WaitGroup
	reader.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			if _, readings := s.Counts(); readings%together != 0 {
				part = true
				return
			}
		}
	})
	mustApply(t, s, batch)
	close(done)
	reader.Wait()
	return part
}

func TestApplyGivesItsLockUpAfterSoManyVerdicts(t *testing.T) {
	s := New()
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &batchReader{decoder: decoder{s: s}, verdicts: AllAccepted(4), yieldAt: 5}
	if r.yield(); r.yieldAt != 5 {
		t.Errorf("it gives it up at %d, too early", r.yieldAt)
	}
	r.verdicts = AllAccepted(7)
	if r.yield(); r.yieldAt != 7+lockVerdicts {
		t.Errorf("it gives it up again at %d", r.yieldAt)
	}
}

// TestWhatIsAskedForEachReadingWaitsForNone: the lock is held as it is while readings are applied. Whoever waited for it would
// wait for ever.
func TestWhatIsAskedForEachReadingWaitsForNone(t *testing.T) {
	s := New()
	h := Hold{holdOf(1).ID, windowOf(september)}
	mustApply(t, s, AppendHold(AppendAccount(AppendLevel(nil, LevelNewest), account), h))
	mustApply(t, s, AppendClose(AppendUnder(nil, h.ID), MonthArchive{Month: september, Window: windowOf(september), Revision: 1}))
	mustApply(t, s, AppendReception(nil, false))
	s.mu.Lock()
	defer s.mu.Unlock()
	m, known := s.Lookup(account.ID)
	located, unknown := s.Locate([]meter.Row{{Meter: []byte("nobody")}, {Meter: []byte(account.ID)}}, 0, nil, nil)
	if !known || m.Index != 0 || len(located) != 1 || !slices.Equal(unknown, []int{0}) {
		t.Errorf("%v is known: %v, of two rows %v are, and the places %v are not", m, known, located, unknown)
	}
	if until := s.ClosedUntil(); until != windowOf(september).To || s.Receiving() {
		t.Errorf("closed until %d, receiving %v", until, s.Receiving())
	}
}
