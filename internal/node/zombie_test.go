package node_test

import (
	"errors"
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
)

// heldUp stops the first node at an operation in the archive folder, while the other one takes
// the lead, closes the month with what has come since, and registers another meter.
type heldUp struct {
	at    int // the operation, from 1
	count int
	armed bool
	trace []string

	reached, goOn chan struct{}
	after         error // what the operation and those behind it come to
}

func newHeldUp(at int) *heldUp {
	return &heldUp{at: at, reached: make(chan struct{}), goOn: make(chan struct{})}
}

func (h *heldUp) meet(op errorfs.Op) error {
	if !h.armed || stepOf(op) == "" {
		return nil
	}
	h.count++
	h.trace = append(h.trace, fmt.Sprint(h.count, " ", stepOf(op), " ", op.Kind, " ", op.Path))
	if h.count == h.at {
		close(h.reached)
		<-h.goOn
	}
	if h.count >= h.at {
		return h.after
	}
	return nil
}

// ends are how the first node goes on after it was held up.
var ends = []struct {
	name string
	do   func(s *seats, h *heldUp, ended <-chan *closing.Run) *closing.Run
}{
	{"is dead", func(s *seats, h *heldUp, ended <-chan *closing.Run) *closing.Run {
		h.after = errors.New("the process is dead")
		close(h.goOn)
		return s.joined(ended)
	}},
	{"goes on cut off", func(s *seats, h *heldUp, ended <-chan *closing.Run) *closing.Run {
		close(h.goOn)
		return s.joined(ended)
	}},
	{"goes on with the others", func(s *seats, h *heldUp, ended <-chan *closing.Run) *closing.Run {
		s.part(clustertest.Whole)
		close(h.goOn)
		return s.ended(ended)
	}},
}

func isRename(line string) bool { return strings.Contains(line, " renamed ") }

// joined joins the first node to the others when it has gone on as far as it can, and returns its run.
func (s *seats) joined(ended <-chan *closing.Run) *closing.Run {
	time.Sleep(time.Minute) // of the bubble
	s.part(clustertest.Whole)
	return s.ended(ended)
}

// ended waits for a run.
func (s *seats) ended(ended <-chan *closing.Run) *closing.Run {
	select {
	case run := <-ended:
		return run
	case <-time.After(5 * time.Minute):
		panic("the run does not end")
	}
}

// TestAnotherNodeEndsTheRunOfOneThatWasHeldUpAnywhere holds the node that leads up at each operation that a
// closing does in the archive folder.
func TestAnotherNodeEndsTheRunOfOneThatWasHeldUpAnywhere(t *testing.T) {
	for _, again := range []bool{false, true} {
		for _, end := range ends {
			t.Run(fmt.Sprintf("again %v, it %s", again, end.name), func(t *testing.T) {
				seen := make(map[string]int)
				n, every := 1, faulttest.Every(3)
				for more := true; more && !t.Failed(); n += every {
					synctest.Test(t, func(t *testing.T) {
						h := newHeldUp(n)
						more = holdUp(t, h, again, end.do)
						for _, line := range h.trace {
							seen[strings.Fields(line)[1]]++
						}
						if t.Failed() {
							t.Logf("at operation %d of\n%s", n, strings.Join(h.trace, "\n"))
						}
					})
				}
				t.Logf("%v", seen)
			})
		}
	}
}

// runInto has a run of the first node begin. It returns once that is held up, or has ended before.
func (s *seats) runInto(h *heldUp, q closing.Request) (ended <-chan *closing.Run, isHeld bool) {
	h.armed = true
	ending := make(chan *closing.Run, 1)
	go func() { ending <- s.a.maintain(q) }()
	select {
	case <-h.reached:
		return ending, true
	case run := <-ending:
		if run.Err != nil {
			s.t.Error(run.Err)
		}
		h.armed = false
		return ending, false
	}
}

// holdUp reports whether the closing did as many operations.
func holdUp(t *testing.T, h *heldUp, again bool, end func(*seats, *heldUp, <-chan *closing.Run) *closing.Run) (more bool) {
	s := newSeats(t, h.meet)
	defer s.end()
	s.a.register("A", "B", "C")
	rows := slices.Clone(sceneRows)
	s.a.recordRows(rows)
	if again {
		s.a.mustMaintain(october)
		s.a.recordRows(sceneLateRows)
		rows = append(rows, sceneLateRows...)
	}
	s.catchUp()
	ended, isHeld := s.runInto(h, october)
	if !isHeld {
		return false
	}
	s.part(clustertest.Drops)
	s.leads(s.b)
	late := []string{"A 2026-10-25T00:00 2.8", "B 2026-10-25T00:00 1"}
	s.b.recordRows(late)
	s.b.register("E")
	rows = append(rows, late...)
	s.b.mustMaintain(october)
	if run := end(s, h, ended); run.Err == nil && slices.ContainsFunc(h.trace[h.at-1:], isRename) {
		t.Error("the run put something in place, and did not notice that it was over")
	}
	h.armed = false
	s.wantOctober(rows)
	s.catchUp()
	s.wantOctober(rows)
	s.b.mustMaintain(october)
	s.wantOctober(rows)
	for _, x := range []*seat{s.a, s.b} {
		if got := x.points("A", "B", "C"); len(got) != len(rows) {
			t.Errorf("%s knows %q", x.name, got)
		}
		if run := x.maintain(october); (x == s.b) != (run.Err == nil) {
			t.Errorf("%s runs: %v", x.name, run.Err)
		}
	}
	return true
}

// wantOctober wants the archive of October to be that of all rows, as its manifest says, beside
// all accounts.
func (s *seats) wantOctober(rows []string) {
	s.t.Helper()
	want := []string{header}
	for _, row := range rows {
		if id, rest, _ := strings.Cut(row, " "); strings.HasPrefix(rest, "2026-10") {
			want = append(want, id+","+strings.Replace(rest, " ", ":00,", 1))
		}
	}
	slices.Sort(want[1:])
	if got := strings.Split(strings.TrimSuffix(s.b.text("Archive/monthly_2026-10.csv"), "\n"), "\n"); !slices.Equal(got, want) {
		s.t.Errorf("the archive has\n%q\nwant\n%q", got, want)
	}
	if listed := s.b.Status().Archives; len(listed) != 1 || listed[0].State != closing.ArchiveGood {
		s.t.Errorf("archives %+v", listed)
	}
	if !strings.Contains(s.b.text("Archive/accounts.csv"), "Owner of E") {
		s.t.Error("accounts.csv lacks a meter that was registered since")
	}
}
