package node_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"meterledger/internal/closing"
	"meterledger/internal/clustertest"
	"meterledger/internal/faulttest"
	"meterledger/internal/meter"
)

// TestTheNextNodeThatLeadsHasTheExceptionsAndTotalsOfTheOneBefore lets one node archive four weeks, and another one the day after
// them, on which a meter jumps: that is seen beside four Saturdays, of which October's are in its file only.
func TestTheNextNodeThatLeadsHasTheExceptionsAndTotalsOfTheOneBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSeats(t, func(errorfs.Op) error { return nil })
		defer s.end()
		s.a.register("jumps")
		at, last := int64(1000), day(time.November, 21)
		for d := day(time.October, 24); d.Before(last); d = d.AddDays(1) {
			at = s.a.uses("jumps", d, at, 100, 7, 8, 9)
			s.a.archives(d)
		}
		s.a.closes(october.Month)
		before, unknown := s.a.exceptions(closing.ExceptionsQuery{})
		if len(before) < 28 || len(unknown) > 0 {
			t.Fatalf("there are %q, and nothing is known of %v", before, unknown)
		}
		s.part(clustertest.Drops)
		s.leads(s.b)
		s.b.wantExceptions("at the next node", closing.ExceptionsQuery{}, before...)
		s.b.uses("jumps", last, at, 501)
		s.b.archives(last)
		jump := "jumps HIGH_LOW 2026-11-21T00:00:00 to 2026-11-22T00:00:00: 24.048 open"
		s.b.wantExceptions("of its own day", closing.ExceptionsQuery{Period: last.Period()}, jump)
		s.part(clustertest.Whole)
		s.catchUp()
		all, _ := s.b.exceptions(closing.ExceptionsQuery{})
		s.a.wantExceptions("at the first node again", closing.ExceptionsQuery{}, all...)
		if _, err := s.b.Backup("one"); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"data/exceptions/2026-10-24.csv", "data/days/2026-11-21.totals"} {
			if _, err := s.b.fs.Stat("backup/one/" + name); err != nil {
				t.Errorf("in a backup: %v", err)
			}
		}
	})
}

// TestExceptionsOfANodeThatWasHeldUpAnywhereDoNotTakeThePlaceOfLaterOnes holds the node that leads up at each
// operation with the exceptions of a day, while another one archives that day with what has come since.
func TestExceptionsOfANodeThatWasHeldUpAnywhereDoNotTakeThePlaceOfLaterOnes(t *testing.T) {
	for _, end := range ends {
		t.Run("it "+end.name, func(t *testing.T) {
			n, every := 1, faulttest.Every(7)
			for more := true; more && !t.Failed(); n += every {
				synctest.Test(t, func(t *testing.T) { more = holdUpExceptions(t, newHeldUp(n), end.do) })
			}
			if n < 20 {
				t.Errorf("there were only %d operations", n)
			}
		})
	}
}

func holdUpExceptions(t *testing.T, h *heldUp, end func(*seats, *heldUp, <-chan *closing.Run) *closing.Run) (more bool) {
	s := newSeats(t, func(op errorfs.Op) error {
		if !strings.HasPrefix(op.Path, "Archive/exceptions") && !strings.HasPrefix(op.Path, "Archive/days") {
			return nil
		}
		return h.meet(op)
	})
	defer s.end()
	s.a.register("A", "B")
	d := day(time.November, 21)
	q := closing.Request{Kind: closing.Daily, Day: d}
	ofDay := closing.ExceptionsQuery{Period: d.Period()}
	for _, id := range []meter.ID{"A", "B"} {
		s.a.uses(id, d, 1000, 100, 21, 22, 23)
	}
	s.a.mustMaintain(q)
	s.catchUp()
	ended, isHeld := s.runInto(h, q)
	if !isHeld {
		return false
	}
	s.part(clustertest.Drops)
	s.leads(s.b)
	s.b.uses("B", d, 1000, 100)
	s.b.mustMaintain(q)
	want := []string{"A MISSING 2026-11-21T10:00:00 to 2026-11-21T12:00:00: 2 open"}
	s.b.wantExceptions("once they were found again", ofDay, want...)
	end(s, h, ended)
	h.armed = false
	s.catchUp()
	s.b.wantExceptions("after the node that was held up", ofDay, want...)
	if t.Failed() {
		t.Logf("at operation %d of\n%s", h.at, strings.Join(h.trace, "\n"))
	}
	s.b.mustMaintain(q)
	for _, folder := range []string{"Archive/exceptions", "Archive/days"} {
		if names, err := s.disk.List(folder); err != nil || slices.ContainsFunc(names, isTemporary) {
			t.Errorf("%s holds %v", folder, fmt.Sprint(names, err))
		}
	}
	return true
}
