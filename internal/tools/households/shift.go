package households

import (
	"meterledger/internal/meter"
)

// Shifted is a meter's series after Shift. Every register that went in is
// accounted for: it is a reading, refused, or later.
type Shifted struct {
	Readings []meter.Reading // in order of time
	Refused  []Refused
	Later    int // registers that lie after the last slot
}

// Refused is a register that is no reading by the rules of meter.ParseKWh.
type Refused struct {
	Slot     meter.Slot
	Register Register
	Reason   error
}

// Shift places a meter's registers in time: half hour 0 of the source falls on
// the slot first, and what lies after the slot last is left out and counted.
func Shift(id meter.ID, registers []Register, first, last meter.Slot) Shifted {
	var s Shifted
	for _, r := range registers {
		slot := first + meter.Slot(r.HalfHour)
		if slot > last {
			s.Later++
			continue
		}
		kwh, err := meter.ParseKWh(r.Value.String())
		if err != nil {
			s.Refused = append(s.Refused, Refused{slot, r, err})
			continue
		}
		s.Readings = append(s.Readings, meter.Reading{Meter: id, Slot: slot, Register: kwh})
	}
	return s
}
