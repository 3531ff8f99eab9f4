// Package households holds the real half-hourly energy of twelve London homes over three months of 2013, and
// turns it into the registers of their meters on the half-hour grid of any other time. Every value is taken
// exactly as the source wrote it; data/README.md names the source, its licence, and what is odd in it.
package households

import (
	"github.com/shopspring/decimal"

	"meterledger/internal/meter"
)

// Household is one home of the sample, its intervals in order of time.
type Household struct {
	ID        string // the source's id, such as MAC000003: a valid meter id too
	Intervals []Interval
}

// Interval is the energy that a household used in one half hour.
type Interval struct {
	End    int             // its end, in half hours since 2013-03-01 00:00 of the source's clock
	Energy decimal.Decimal // kWh, exactly as written
}

// Register is what a household's meter showed at the end of a half hour.
type Register struct {
	HalfHour int             // since 2013-03-01 00:00 of the source's clock
	Value    decimal.Decimal // kWh
}

// Registers returns what the meter showed after each interval if it began at opening kWh.
func (h Household) Registers(opening decimal.Decimal) []Register {
	registers := make([]Register, len(h.Intervals))
	sum := opening
	for i, interval := range h.Intervals {
		sum = sum.Add(interval.Energy)
		registers[i] = Register{interval.End, sum}
	}
	return registers
}

// Gap is a run of half hours without an interval, between two that have one.
type Gap struct {
	First     int // the first missing half hour
	HalfHours int // how many are missing
}

// Gaps returns the household's missing half hours, in order of time.
func (h Household) Gaps() []Gap {
	var gaps []Gap
	for i := 1; i < len(h.Intervals); i++ {
		next := h.Intervals[i-1].End + 1
		if missing := h.Intervals[i].End - next; missing > 0 {
			gaps = append(gaps, Gap{next, missing})
		}
	}
	return gaps
}

// Shifted is a series after Shift: each register is a reading, refused, or later.
type Shifted struct {
	Readings []meter.Reading // in order of time
	Refused  []Refused
	Later    int // registers that lie after the last slot
}

// Refused is a register that is no reading by the rules of meter.ParseRegister.
type Refused struct {
	Slot     meter.Slot
	Register Register
	Reason   error
}

// Shift puts half hour 0 of the source on the slot first, and counts what lies after the slot last.
func Shift(id meter.ID, registers []Register, first, last meter.Slot) Shifted {
	var s Shifted
	for _, r := range registers {
		slot := first + meter.Slot(r.HalfHour)
		if slot > last {
			s.Later++
			continue
		}
		kwh, err := meter.ParseRegister(r.Value.String())
		if err != nil {
			s.Refused = append(s.Refused, Refused{slot, r, err})
			continue
		}
		s.Readings = append(s.Readings, meter.Reading{Meter: id, Slot: slot, Register: kwh})
	}
	return s
}
