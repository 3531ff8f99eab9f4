package pages

import (
	"fmt"
	"math"
	"sync"
	"time"

	"meterledger/internal/query"
)

const (
	coverageKept      = 5 * time.Second
	coverageHalfHours = 8
)

// coverage keeps the last count of all meters' latest readings, so that any number of pages costs one
// in a while.
type coverage struct {
	mu   sync.Mutex // guards all below; held while the meters are counted
	at   time.Time
	last query.Coverage
}

func (c *coverage) count(reader *query.Reader) query.Coverage {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := reader.Now()
	if age := now.Sub(c.at); age < 0 || age >= coverageKept {
		c.last, c.at = reader.Coverage(coverageHalfHours), now
	}
	return c.last
}

// coverageView is how lately all meters reported.
type coverageView struct {
	Meters string
	Rows   []coverageRow
	Older  string
	Never  string
}

// coverageRow tells of a half hour.
type coverageRow struct {
	At      moment
	Latest  string  // of how many meters it is the latest reading
	Heard   string  // how many reported it or a later one
	Share   string  // the same of all meters, in percent
	Width   float64 // the same, of a bar
	Missing string  // how many did not
}

func (s *site) coverageView(c query.Coverage) coverageView {
	meters, heard := c.Older+c.Never, 0
	for _, latest := range c.Latest {
		meters += latest
	}
	view := coverageView{Meters: count(meters, "meter"), Older: count(c.Older, "meter"), Never: grouped(c.Never)}
	if meters == 0 {
		return view
	}
	slot := c.Newest
	for _, latest := range c.Latest {
		heard += latest
		share := math.Floor(1000*float64(heard)/float64(meters)) / 10 // 100 is all of them
		view.Rows = append(view.Rows, coverageRow{
			s.atClock(slot), grouped(latest), grouped(heard), fmt.Sprintf("%.1f", share), share, grouped(meters - heard),
		})
		slot--
	}
	return view
}
