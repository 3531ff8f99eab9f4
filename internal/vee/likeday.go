package vee

import (
	"sort"

	"github.com/shopspring/decimal"

	"meterledger/internal/meter"
)

// HistoryDays is how many days before a stretch its like days may lie: 4 weeks.
const HistoryDays = likeWeeks * daysPerWeek

const (
	likeWeeks   = 4
	daysPerWeek = 7
	clockHalves = 48 // half hours that a clock shows in a day

	// manyHalves is a multiple of all numbers up to 2 × likeWeeks: a clock that is put back
	// shows a half hour twice. So a mean times manyHalves is exact.
	manyHalves = 840

	slotSeconds = 1800
	weightUnit  = manyHalves * slotSeconds // in a kWh
)

// profile is the use of the half hours of a day, by the time that the clock shows as they
// begin, in kWh × manyHalves.
type profile [clockHalves]decimal.Decimal

func clockHalf(zone *meter.Zone, slot meter.Slot) int {
	t := zone.Time(slot)
	return t.Hour()*2 + t.Minute()/30
}

// curve is how a meter uses energy from an instant on if it goes on as on like days: the mean of
// the days of the same weekday among the 4 weeks before. Of these, whole days count: those of
// which all registers were read.
type curve struct {
	estimator *Estimator
	from, end meter.Instant // it is made from the one to the other
	firstDay  meter.Day
	days      int // that it has
	profiles  [daysPerWeek]*profile
	first     meter.Slot
	sums      []decimal.Decimal // of what is used from first until first, the slot after it, and so on
}

func newCurve(e *Estimator, from meter.Instant) *curve {
	first, _ := from.Slot()
	return &curve{estimator: e, from: from, end: from, firstDay: e.Zone.DayOf(first), first: first, sums: make([]decimal.Decimal, 1)}
}

// reach makes the curve up to an instant at least. It returns false, and stops before that, at a
// day that has no like day.
func (c *curve) reach(at meter.Instant) bool {
	for c.end < at {
		p := c.profile(c.days % daysPerWeek)
		if p == nil {
			return false
		}
		window := c.estimator.Zone.DayWindow(c.firstDay.AddDays(c.days))
		for slot := max(window.From, c.first); slot < window.To; slot++ {
			c.sums = append(c.sums, c.sums[len(c.sums)-1].Add(p[clockHalf(c.estimator.Zone, slot)]))
		}
		c.end = window.To.Instant()
		c.days++
	}
	return true
}

// until returns what is used from the beginning of the curve to an instant that it reaches, in
// kWh × weightUnit.
func (c *curve) until(at meter.Instant) decimal.Decimal { return c.sum(at).Sub(c.sum(c.from)) }

func (c *curve) sum(at meter.Instant) decimal.Decimal {
	slot, onGrid := at.Slot()
	i := int(slot - c.first)
	sum := c.sums[i].Mul(decimal.NewFromInt(slotSeconds))
	if onGrid || i+1 == len(c.sums) { // nothing was made
		return sum
	}
	return sum.Add(c.sums[i+1].Sub(c.sums[i]).Mul(decimal.NewFromInt(int64(at - slot.Instant()))))
}

// profile returns the mean of the like days of the days that lie so many after the first, and
// whole weeks more. It is nil if there are none.
func (c *curve) profile(after int) *profile {
	if c.profiles[after] == nil {
		c.profiles[after] = c.mean(after)
	}
	return c.profiles[after]
}

func (c *curve) mean(after int) *profile {
	var sums profile
	var times [clockHalves]int64
	var found bool
	for week := 1; week <= likeWeeks; week++ {
		if day := c.estimator.day(c.firstDay.AddDays(after - week*daysPerWeek)); day != nil {
			found = true
			for i := range sums {
				sums[i] = sums[i].Add(day.used[i])
				times[i] += day.times[i]
			}
		}
	}
	if !found {
		return nil
	}
	for i, n := range times {
		if n > 0 {
			sums[i] = sums[i].Mul(decimal.NewFromInt(manyHalves / n))
		}
	}
	return &sums
}

// dayUse is what was used in the half hours of a whole day, by the time that the clock shows as
// they begin, and how often it shows that.
type dayUse struct {
	used  [clockHalves]decimal.Decimal
	times [clockHalves]int64
}

// day returns what was used in a day, or nil if that is not whole or nobody read a dial in it.
func (e *Estimator) day(d meter.Day) *dayUse {
	use, known := e.days[d]
	if !known {
		if e.days == nil {
			e.days = make(map[meter.Day]*dayUse)
		}
		use = e.use(e.Zone.DayWindow(d))
		e.days[d] = use
	}
	return use
}

func (e *Estimator) use(w meter.Window) *dayUse {
	first := sort.Search(len(e.History), func(i int) bool { return e.History[i].Slot >= w.From })
	last := first + w.Points() - 1
	if last >= len(e.History) || e.History[first].Slot != w.From || e.History[last].Slot != w.To {
		return nil
	}
	points := e.History[first : last+1]
	begin, end := Read(points[0], e.Dials), Read(points[len(points)-1], e.Dials)
	if Between(&begin, &end, e.Dials) != Received {
		return nil
	}
	use := new(dayUse)
	for i, p := range points[1:] {
		clock := clockHalf(e.Zone, points[i].Slot)
		use.used[clock] = use.used[clock].Add(e.Dials.Used(points[i], p).Decimal)
		use.times[clock]++
	}
	return use
}
