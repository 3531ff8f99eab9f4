package node_test

import (
	"context"
	"math"
	"time"

	"meterledger/internal/closing"
	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// runs are what maintenance is asked for: both months that callers send readings of, and a day of each.
var runs = []closing.Request{
	{Kind: closing.Monthly, Month: meter.Month{Year: 2026, Month: time.September}},
	{Kind: closing.Monthly, Month: meter.Month{Year: 2026, Month: time.October}},
	{Kind: closing.Daily, Day: meter.Day{Year: 2026, Month: time.September, Day: 30}},
	{Kind: closing.Daily, Day: meter.Day{Year: 2026, Month: time.October, Day: 1}},
}

// maintain asks all nodes for a run, one of which does it, at most, and returns that one.
func (s *simulation) maintain(q closing.Request) (by *host) {
	for _, m := range s.machines {
		p := m.take()
		if p == nil {
			continue
		}
		run, err := p.Start(q)
		p.calls.Done()
		if err != nil {
			continue
		}
		by = m
		s.did("%s archives %v %v", m.name, q.Day, q.Month)
		s.calls.Go(func() {
			<-run.Done()
			s.did("%s has archived: %v", m.name, run.Err)
			s.sawRun(run)
		})
	}
	return by
}

func (s *simulation) sawRun(run *closing.Run) {
	switch {
	case run.Err == nil:
		s.saw(runEnded)
	case meter.CodeOf(run.Err) == meter.CodeMaintenanceRunning || meter.CodeOf(run.Err) == meter.CodeNotReady:
		s.saw(runOver)
	}
}

// duel lets a node begin a run whose archive folder is slow, and another one take its term and do the same.
func (s *simulation) duel() {
	q := runs[s.luck.IntN(2)]
	by := s.maintain(q)
	if by == nil {
		return
	}
	for _, m := range s.machines {
		if m.process != nil {
			m.slow.Store(0)
		}
	}
	if s.luck.IntN(2) == 0 {
		s.hangs(by)
	} else {
		by.slow.Store(int64(s.luck.IntN(4)) * 1e9)
		time.Sleep(time.Duration(s.luck.IntN(3000)) * time.Millisecond)
	}
	if s.luck.IntN(4) == 0 {
		s.kill(by, 100)
	} else {
		s.setEngine(by, outage(s.luck))
		s.expire()
	}
	for range 20 {
		time.Sleep(time.Duration(s.luck.IntN(400)) * time.Millisecond)
		if other := s.maintain(q); other != nil && other != by {
			return
		}
	}
}

// hangs lets a node hang for long when its next file in the archive folder is about to take its place, and waits
// until it does.
func (s *simulation) hangs(m *host) {
	h := &hang{pause: 2*time.Second + time.Duration(s.luck.IntN(6000))*time.Millisecond, begun: make(chan struct{})}
	m.mu.Lock()
	p := m.process
	m.mu.Unlock()
	p.hang(h)
	select {
	case <-h.begun:
		s.did("%s hangs for %v before its file takes its place", m.name, h.pause)
		s.writesLate(m)
	case <-time.After(3 * time.Second):
		p.hang(nil)
	}
}

// writesLate has a run that is over still lift its hold, while that of another run stands.
func (s *simulation) writesLate(m *host) {
	p := m.take()
	if p == nil {
		return
	}
	defer p.calls.Done()
	hold, stands := p.Store().Hold()
	if !stands {
		return
	}
	hold.ID.Number--
	verdict, err := p.Ask(context.Background(), store.AppendFree(nil, hold.ID), 1)
	switch {
	case err != nil:
	case verdict.Outcome == store.Over:
		s.saw(lateWrite)
	default:
		s.isFault("%s lifts the hold of another run by %+v, which does not stand: %v", m.name, hold.ID, verdict.Outcome)
	}
}

// archivesAgain makes sure that no run is in the way of another, and that all that is late is archived.
func (s *simulation) archivesAgain() {
	for _, q := range runs {
		if !s.archives(q) {
			s.isFault("no node archives %v %v after all faults were mended", q.Day, q.Month)
		}
	}
}

func (s *simulation) archives(q closing.Request) bool {
	for began := time.Now(); time.Since(began) < 2*healthyAfter; {
		for _, m := range s.machines {
			run, err := m.Start(q)
			if err == nil {
				<-run.Done()
				s.sawRun(run)
				err = run.Err
			}
			if err == nil {
				return true
			}
			s.did("%s could not archive: %v", m.name, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	return false
}

// checkRows makes sure that a node finds all readings that were answered 200, in memory or in files.
func (s *simulation) checkRows(m *host) {
	found := make(map[meter.ID]map[meter.Slot]meter.Register)
	for _, q := range s.asked {
		r, isReading := q.request.(sentReading)
		if !isReading || q.err != nil || s.corrected[q.request] {
			continue
		}
		if found[r.Meter] == nil {
			found[r.Meter] = s.rows(m, r.Meter)
		}
		if got, there := found[r.Meter][r.Slot]; !there || got.Cmp(r.Register) != 0 {
			s.isFault("%s answered 200 to %q, and %s finds %v, %v", q.node, q, m.name, got, there)
		}
	}
}

func (s *simulation) rows(m *host, id meter.ID) map[meter.Slot]meter.Register {
	rows := make(map[meter.Slot]meter.Register)
	months, err := m.Readings(id, meter.Window{To: math.MaxUint32})
	if err != nil {
		s.isFault("%s does not find the readings of %s: %v", m.name, id, err)
		return rows
	}
	for points, err := range months {
		if err != nil {
			s.isFault("%s does not find the readings of %s: %v", m.name, id, err)
		}
		for _, p := range points {
			rows[p.Slot] = p.Register
		}
	}
	return rows
}

// findCorrected finds the readings that were to be corrected, of whose end nothing is known.
func (s *simulation) findCorrected() {
	type place struct {
		meter.ID
		meter.Slot
	}
	corrected := make(map[place]bool)
	for _, q := range s.asked {
		if c, isCorrection := q.request.(sentCorrection); isCorrection {
			corrected[place{c.of.Meter, c.of.Slot}] = true
		}
	}
	s.corrected = make(map[request]bool)
	for _, q := range s.asked {
		if r, isReading := q.request.(sentReading); isReading {
			s.corrected[r] = corrected[place{r.Meter, r.Slot}]
		}
	}
}
