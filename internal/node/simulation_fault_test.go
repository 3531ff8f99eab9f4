package node_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"meterledger/internal/cluster"
	"meterledger/internal/clustertest"
)

// calm is a connection that only takes its time.
var calm = clustertest.Faults{DelayMax: 5 * time.Millisecond}

// noise draws what a connection does wrong for a while.
func noise(luck *rand.Rand) clustertest.Faults {
	f := calm
	if luck.IntN(3) == 0 {
		return f
	}
	often := func() float64 { return []float64{0, 0, 0.02, 0.1, 0.3}[luck.IntN(5)] }
	f.DelayMax = []time.Duration{5 * time.Millisecond, 30 * time.Millisecond, 200 * time.Millisecond}[luck.IntN(3)]
	f.LostBefore, f.LostAfter, f.Late, f.Repeats = often(), often(), often(), often()
	f.Skips, f.Breaks = often(), often()
	f.LateMax = []time.Duration{10 * time.Millisecond, time.Second, 5 * time.Second}[luck.IntN(3)]
	return f
}

// outage draws how a connection is cut off.
func outage(luck *rand.Rand) clustertest.Faults {
	f := calm
	switch link := luck.IntN(4); link {
	case 0:
		f.Stalled = true
	default:
		f.Link = clustertest.Link(link)
	}
	return f
}

var links = map[clustertest.Link]string{
	clustertest.Whole: "whole", clustertest.Refuses: "refuses", clustertest.Drops: "drops", clustertest.DropsAnswers: "drops answers",
}

func faultsText(f clustertest.Faults) string {
	return fmt.Sprintf("%s, delay %v, lost %v %v, late %v in %v, repeats %v, skips %v, breaks %v, stalled %v",
		links[f.Link], f.DelayMax, f.LostBefore, f.LostAfter, f.Late, f.LateMax, f.Repeats, f.Skips, f.Breaks, f.Stalled)
}

// doAll does one thing after the other to the nodes.
func (s *simulation) doAll() {
	for range 8 + s.luck.IntN(20) {
		time.Sleep(time.Duration(s.luck.IntN(1000)) * time.Millisecond)
		s.revive()
		s.do()
	}
}

func (s *simulation) do() {
	m, other := s.machines[s.luck.IntN(3)], s.machines[s.luck.IntN(3)]
	switch n := s.luck.IntN(100); {
	case n < 15 && m.process != nil:
		s.kill(m, []int{0, 50, 100}[s.luck.IntN(3)])
	case n < 20 && m.process != nil:
		s.setEngine(m, calm)
		s.stop(m)
	case m.process == nil:
		if m == s.wiped && n < 50 {
			s.wipe(m)
		}
		m.faults = noise(s.luck)
		s.start(m)
	case n < 24:
		s.maintain(runs[s.luck.IntN(len(runs))])
	case n < 28:
		s.duel()
	case n < 29:
		s.leaveAlone(s.wiped)
	case n < 30:
		s.rollBack()
	case n < 33:
		s.steal()
	case n < 35:
		s.regain()
	case n < 37:
		s.echo()
	case n < 39:
		s.lag()
	case n < 40:
		m.full.Store(true)
		s.wasFull = true
		s.did("the disk of %s is full", m.name)
	case n < 41:
		s.fillEngine()
	case n < 42:
		s.leaveName(m)
	case n < 44:
		s.expire()
	case n < 50:
		s.setEngine(m, outage(s.luck))
	case n < 60:
		s.setNetwork(m, other, outage(s.luck))
	case n < 75:
		s.setEngine(m, noise(s.luck))
	case n < 85:
		s.setNetwork(m, other, noise(s.luck))
	default:
		s.calmAll()
	}
}

// leads returns the machine of the node that leads, or nil, and the others.
func (s *simulation) leads() (leader *host, others []*host) {
	for _, m := range s.machines {
		if m.process != nil && leader == nil {
			if _, _, leads := m.Lead(); leads {
				leader = m
				continue
			}
		}
		others = append(others, m)
	}
	return leader, others
}

// steal ends the term of a node whose batches come late, and which does not know for long that it leads no more.
func (s *simulation) steal() {
	s.calmAll()
	leader, others := s.leads()
	if leader == nil {
		return
	}
	s.setEngine(leader, clustertest.Faults{DelayMax: 30 * time.Millisecond, Late: 0.8, LateMax: 1500 * time.Millisecond})
	for _, m := range others {
		s.setEngine(m, clustertest.Faults{DelayMax: 100 * time.Millisecond})
	}
	time.Sleep(time.Duration(s.luck.IntN(300)) * time.Millisecond)
	s.expire()
	time.Sleep(2 * time.Second)
}

// regain ends the terms of a node that leads again before others know, one after the other. What others propose
// in one comes late, in the next.
func (s *simulation) regain() {
	s.calmAll()
	leader, others := s.leads()
	for _, m := range others {
		s.setEngine(m, clustertest.Faults{DelayMax: 150 * time.Millisecond})
		if leader != nil {
			s.setNetwork(m, leader, clustertest.Faults{DelayMax: 30 * time.Millisecond, Late: 0.5, LateMax: time.Second})
		}
	}
	for range 4 {
		s.expire()
		time.Sleep(time.Duration(400+s.luck.IntN(400)) * time.Millisecond)
	}
}

func (s *simulation) expire() {
	s.engine.Expire()
	s.did("the term expired")
}

// echo lets batches of a leader arrive twice, long after one another: in between nodes copy them, and the engine
// drops them.
func (s *simulation) echo() {
	s.calmAll()
	for _, m := range s.machines {
		if m.process == nil {
			s.start(m)
		}
	}
	if leader, _ := s.leads(); leader != nil {
		s.setEngine(leader, clustertest.Faults{DelayMax: 5 * time.Millisecond, Repeats: 0.5, LateMax: 5 * time.Second})
	}
	time.Sleep(4 * time.Second)
}

// lag lets a node that does not lead come behind the others, which answer at once.
func (s *simulation) lag() {
	s.calmAll()
	_, others := s.leads()
	s.setEngine(others[s.luck.IntN(len(others))], clustertest.Faults{DelayMax: 400 * time.Millisecond})
	time.Sleep(2 * time.Second)
}

// fillEngine takes the engine's room away for a while.
func (s *simulation) fillEngine() {
	s.engine.Fill(true)
	s.did("the engine is full")
	time.Sleep(time.Duration(s.luck.IntN(3000)) * time.Millisecond)
	s.engine.Fill(false)
	s.did("the engine has room")
}

// leaveName has the engine keep the name of a process that was killed, while another one takes its place.
func (s *simulation) leaveName(m *host) {
	s.calmAll()
	s.kill(m, 100)
	s.start(m)
	for range 4 {
		s.engine.Prolong()
		time.Sleep(cluster.SayTime * 2 / 3)
	}
	s.did("the engine has kept the name of %s", m.name)
	s.saw(nameKept)
}

// leaveAlone lets a node be the only one for so long that the others count no more, and then lose its disk.
func (s *simulation) leaveAlone(m *host) {
	s.calmAll()
	for _, other := range s.machines {
		if other != m && other.process != nil {
			s.kill(other, 100)
		}
	}
	time.Sleep(cluster.SayTime + 3*time.Second)
	s.revive()
	if m.process == nil {
		return
	}
	s.kill(m, 100)
	s.wipe(m)
	for _, other := range s.machines {
		if other != m {
			s.start(other)
		}
	}
}

func (s *simulation) setEngine(m *host, f clustertest.Faults) {
	m.faults = f
	if m.process != nil {
		m.client.Set(f)
	}
	s.did("%s to the engine: %s", m.name, faultsText(f))
}

func (s *simulation) setNetwork(from, to *host, f clustertest.Faults) {
	s.network.Set(from.name, to.name, f)
	s.did("%s to %s: %s", from.name, to.name, faultsText(f))
}

func (s *simulation) calmAll() {
	for _, m := range s.machines {
		s.setEngine(m, calm)
		m.full.Store(false)
		for _, to := range s.machines {
			s.network.Set(m.name, to.name, calm)
		}
	}
}

// mend ends all faults.
func (s *simulation) mend() {
	s.did("all faults are mended")
	s.calmAll()
	s.revive()
	var starting sync.WaitGroup
	for _, m := range s.machines { // one may need another to start
		if m.process == nil {
			starting.Go(func() { s.start(m) })
		}
	}
	starting.Wait()
	for _, m := range s.machines {
		if m.process == nil {
			s.isFault("%s does not start after all faults were mended", m.name)
			continue
		}
		m.slow.Store(0)
	}
}
