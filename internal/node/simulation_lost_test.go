package node_test

import (
	"maps"
	"time"

	"meterledger/internal/cluster"
)

// stillness is a time in which nothing could be recorded, since the engine had lost something.
type stillness struct {
	began, ended time.Duration // since the run began
	end          uint64        // of the order, before it was lost
}

// rollBack makes the engine what it was some batches ago. A node that was behind then meets it, and two that are ahead:
// they halt it, and one of them heals it in the end.
func (s *simulation) rollBack() {
	s.calmAll()
	s.revive()
	at := s.luck.IntN(3)
	laggard, ahead := s.machines[at], []*host{s.machines[(at+1)%3], s.machines[(at+2)%3]}
	if laggard.process != nil {
		s.kill(laggard, 100)
	}
	for _, m := range ahead {
		if m.process == nil {
			s.start(m)
		}
	}
	time.Sleep(time.Second + time.Duration(s.luck.IntN(3000))*time.Millisecond)
	still, back := stillness{end: s.end()}, 1+s.luck.Uint64N(20)
	if ahead[0].process == nil || ahead[1].process == nil || still.end <= back {
		return
	}
	s.isLost = true
	s.mu.Lock()
	told := maps.Clone(s.terms)
	s.mu.Unlock()
	if err := s.engine.RollBack(still.end - back); err != nil {
		s.isFault("the engine is not rolled back: %v", err)
	}
	s.did("the engine is rolled back from batch %d to batch %d", still.end, still.end-back)
	s.saw(rolledBack)
	time.Sleep(3 * time.Second) // the nodes that are ahead look in between
	still.began = time.Since(s.began)
	s.start(laggard)
	if laggard.process != nil {
		s.saw(laggardMet)
	}
	time.Sleep(2*time.Second + time.Duration(s.luck.IntN(5000))*time.Millisecond)
	if end := s.engine.End(); end != still.end-back {
		s.isFault("the engine ends with batch %d, and had lost all behind batch %d that nodes have up to %d", end, still.end-back, still.end)
	}
	still.ended = time.Since(s.began)
	s.still = append(s.still, still)
	s.heal(ahead)
	s.forgetTold(told, still.end-back, still.end)
}

// forgetTold forgets what nodes were told that began to lead behind a batch while those up to another were lost: nothing came
// of them, and the lost batches are there again, whatever their terms.
func (s *simulation) forgetTold(before map[uint64]uint64, behind, upTo uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for sequence := behind + 1; sequence <= upTo; sequence++ {
		s.terms[sequence] = before[sequence]
	}
}

// heal starts nodes again that put back what the engine has lost. One that has come by a snapshot may lack some of it, and
// does not start before the other.
func (s *simulation) heal(nodes []*host) {
	left := nodes[1:]
	if !s.startsToHeal(nodes[0]) {
		left = []*host{nodes[1], nodes[0]}
	}
	for _, m := range left {
		if !s.startsToHeal(m) {
			s.isFault("%s does not start to heal the engine", m.name)
		}
	}
	s.isLost = false
	view, err := s.engine.Client("an operator").View(s.t.Context())
	if err != nil || view != (cluster.View{Leader: view.Leader, Head: view.Head}) {
		s.isFault("after it was healed the engine has %+v, %v", view, err)
		return
	}
	s.saw(healedEvent)
}

func (s *simulation) startsToHeal(m *host) bool {
	if m.process != nil {
		s.kill(m, 100)
	}
	m.heals = true
	s.start(m)
	m.heals = false
	return m.process != nil
}

// findStill finds what was answered while nothing could be recorded: it stood before.
func (s *simulation) findStill() {
	for _, still := range s.still {
		for _, q := range s.asked {
			if _, isShown := q.request.(showing); !isShown && q.err == nil && q.began > still.began && q.ended < still.ended {
				q.standsAt = append(q.standsAt, still.end)
			}
		}
	}
}
