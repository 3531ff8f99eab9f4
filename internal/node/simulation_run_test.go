package node_test

import (
	"math"
	"time"

	"meterledger/internal/closing"
	"meterledger/internal/meter"
)

// runs are what maintenance is asked for: both months that callers send readings of, and a day of each.
var runs = []closing.Request{
	{Kind: closing.Monthly, Month: meter.Month{Year: 2026, Month: time.September}},
	{Kind: closing.Monthly, Month: meter.Month{Year: 2026, Month: time.October}},
	{Kind: closing.Daily, Day: meter.Day{Year: 2026, Month: time.September, Day: 30}},
	{Kind: closing.Daily, Day: meter.Day{Year: 2026, Month: time.October, Day: 1}},
}

// maintain asks all nodes for a run, one of which does it, at most.
func (s *simulation) maintain() {
	q := runs[s.luck.IntN(len(runs))]
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
		s.did("%s archives %v", m.name, q.Month)
		s.calls.Go(func() {
			<-run.Done()
			s.did("%s has archived: %v", m.name, run.Err)
		})
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
			if run, err := m.Start(q); err == nil {
				if <-run.Done(); run.Err == nil {
					return true
				}
				s.did("%s could not archive: %v", m.name, run.Err)
			}
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
		if !isReading || q.err != nil {
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
