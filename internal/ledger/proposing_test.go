package ledger

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/cluster"
	"meterledger/internal/clustertest"
	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// trio is three nodes of one order; the first leads.
type trio struct {
	t       *testing.T
	engine  *clustertest.Engine
	network *clustertest.Network
	members []member
	disks   []*vfs.MemFS
}

func openTrio(t *testing.T, changes ...func(*Options)) *trio {
	t.Helper()
	s := &trio{t: t, engine: clustertest.NewEngine(1), network: clustertest.NewNetwork(1)}
	for _, name := range []string{"a", "b", "c"} {
		s.disks = append(s.disks, vfs.NewCrashableMem())
		s.members = append(s.members, openMember(t, s.disks[len(s.disks)-1], s.engine, s.network, name, changes...))
		s.members[0].waitToLead()
	}
	return s
}

func (s *trio) register(n int, id meter.ID) error {
	return s.members[n].Register(s.t.Context(), id, "Tan", "Road")
}

// mustRegister registers a meter through a node, which may answer late that it has done so.
func (s *trio) mustRegister(n int, id meter.ID) {
	s.t.Helper()
	err := s.register(n, id)
	for range 100 {
		if err == nil || meter.CodeOf(err) == meter.CodeMeterExists {
			return
		}
		time.Sleep(time.Second) // of the bubble
		err = s.register(n, id)
	}
	s.t.Errorf("member %d does not register %s: %v, it has ended: %v", n, id, err, s.members[n].Failure())
}

// end makes sure that all nodes that still run are well and have the same state.
func (s *trio) end() {
	s.t.Helper()
	for _, m := range s.members {
		if err := m.Failure(); err != nil {
			s.t.Errorf("a node has ended: %v", err)
		} else if err := m.Confirm(context.Background()); err != nil {
			s.t.Error(err)
		}
	}
	for _, m := range s.members {
		if m.store.Hash() != s.members[0].store.Hash() && !s.t.Failed() {
			s.t.Error("another state")
		}
	}
	for _, m := range s.members {
		if err := m.Close(); err != nil {
			s.t.Error(err)
		}
	}
}

// clinging is an engine that nobody can resign at.
type clinging struct{ *clustertest.Client }

func (clinging) Resign(context.Context, uint64) error { return errors.New("lost") }

// TestANodeLeadsATermOnce has the engine take no batch for a moment, and what ends the term not arrive there. Numbers of
// proposals begin anew where a term begins: of a second beginning other nodes would come to know late.
func TestANodeLeadsATermOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openTrio(t, func(o *Options) {
			if o.Shared.Self.Name == "a" {
				o.Shared.Engine = clinging{o.Shared.Engine.(*clustertest.Client)}
			}
		})
		for i := range 5 {
			s.mustRegister(1, meter.ID(fmt.Sprint("M", i)))
		}
		began := make(chan error, 2)
		s.engine.Fill(true)
		go func() { began <- s.register(0, "A") }()
		time.Sleep(300 * time.Millisecond)
		s.engine.Fill(false)
		s.members[1].engine.Set(clustertest.Faults{Stalled: true})
		go func() { began <- s.register(1, "B") }()
		time.Sleep(5 * time.Second)
		s.members[1].engine.Set(clustertest.Faults{})
		for range 2 {
			if err := <-began; err != nil {
				t.Error(err)
			}
		}
		for i := range 3 {
			s.mustRegister(i, meter.ID(fmt.Sprint("N", i)))
		}
		s.end()
		terms := make(map[uint64]bool)
		at, batches := s.engine.Order()
		for _, batch := range batches {
			payload, err := at.Follow(batch)
			if err != nil {
				t.Fatal(err)
			}
			at = at.After(batch)
			term, isTerm := store.ReadTerm(payload)
			if isTerm && terms[term.Number] {
				t.Errorf("term %d begins twice", term.Number)
			}
			terms[term.Number] = terms[term.Number] || isTerm
		}
	})
}

// TestAProposalThatTheLeaderDoesNotKnowEndsNoNode lets a node write what no leader takes, between what all know.
func TestAProposalThatTheLeaderDoesNotKnowEndsNoNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openTrio(t)
		const around = 3 * underWayMax
		answers := make(chan error, around)
		for i := range around {
			if i == around/2 {
				go func() {
					_, err := s.members[1].ask(t.Context(), []byte{255}, 1)
					if code := meter.CodeOf(err); code != meter.CodeNotReady {
						t.Errorf("the entry is answered %v", err)
					}
					answers <- nil
				}()
			} else {
				go func() { answers <- s.register(1, meter.ID(fmt.Sprint("M", i))) }()
			}
			synctest.Wait()
		}
		for range around {
			if err := <-answers; err != nil && meter.CodeOf(err) != meter.CodeNotReady { // it may be of the same proposal
				t.Error(err)
			}
		}
		for i := range around {
			s.mustRegister(1, meter.ID(fmt.Sprint("M", i)))
		}
		s.end()
	})
}

// TestAProposalBehindAGapIsNotTakenAndNotRefused asks a leader for the second proposal of a process before the first.
func TestAProposalBehindAGapIsNotTakenAndNotRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openTrio(t)
		p := cluster.Proposal{Incarnation: 5, Number: 2, Entries: 1, Payload: store.AppendReception(nil, true)}
		p.To, _, _ = s.members[0].shared.term.leads()
		if err := s.members[0].Propose(t.Context(), p); !errors.Is(err, cluster.ErrMoved) || errors.Is(err, cluster.ErrRefused) {
			t.Errorf("it is answered %v", err)
		}
		s.end()
	})
}

// TestALeaderThatIsMissedIsFollowedAtOnce where nobody serves any more, and not where it may be slow.
func TestALeaderThatIsMissedIsFollowedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openTrio(t)
		s.mustRegister(1, "M")
		before := s.view().Leader
		s.link(clustertest.Drops, 0)
		s.members[1].Missed(before, context.DeadlineExceeded)
		time.Sleep(lookEvery)
		if v := s.view(); v.Leader != before {
			t.Errorf("after a question that was not answered %+v leads", v.Leader)
		}
		s.members[1].Missed(before, fmt.Errorf("reaching it: %w", syscall.ECONNREFUSED))
		time.Sleep(lookEvery)
		if v := s.view(); v.Leader == before || v.Leader.Term == 0 {
			t.Errorf("%+v leads", v.Leader)
		}
		s.link(clustertest.Whole, 0)
		s.mustRegister(0, "N")
		s.end()
	})
}
