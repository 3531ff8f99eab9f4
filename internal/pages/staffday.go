package pages

import (
	"meterledger/internal/meter"
	"meterledger/internal/query"
	"meterledger/internal/store"
)

// dayOfMeter is what a meter sent on a day: its readings as an archive of the day has them.
type dayOfMeter struct {
	Name string
	Rows []rawRow
}

// rawRow is a half hour, with or without a reading.
type rawRow struct {
	At       moment // with the clock alone
	Register string // kWh; empty if there is none
	Note     string // why it is not as sent
	Correct  string // href; empty for those who may change nothing
}

// dayOfMeter returns the readings of a day up to now, or nil if no day is asked for.
func (s *site) dayOfMeter(reader *query.Reader, q *staffMeterRequest, mayCorrect bool) (*dayOfMeter, error) {
	if q.Day == (meter.Day{}) {
		return nil, nil
	}
	window := s.zone.DayWindow(q.Day).Rows()
	sent, err := s.sent(reader, q.Meter, window)
	if err != nil {
		return nil, err
	}
	edited, err := s.edited(reader, q.Meter, window)
	if err != nil {
		return nil, err
	}
	here := staffMonthPath(q.Meter, q.Month) + "&day=" + q.Day.String()
	view := &dayOfMeter{Name: dayName(q.Day)}
	for slot := window.From; slot <= window.To; slot++ {
		register, isSent := sent[slot]
		if !isSent && s.zone.Time(slot).After(s.Reader.Now()) {
			break
		}
		row := rawRow{At: s.atClock(slot)}
		past, isEdited := edited[slot]
		switch {
		case isSent && isEdited && !past.IsWithdrawn && past.After == register:
			row.Note = "corrected"
		case !isSent && isEdited && past.IsWithdrawn:
			row.Note = "withdrawn"
		case !isSent:
			row.Note = "missing"
		}
		if isSent {
			row.Register = register.String()
		}
		if isSent && mayCorrect {
			row.Correct = actionPath("correct", here, "meter_id", string(q.Meter), "timestamp", row.At.Stamp)
		}
		view.Rows = append(view.Rows, row)
	}
	return view, nil
}

// sent returns a meter's registers within a window.
func (s *site) sent(reader *query.Reader, id meter.ID, w meter.Window) (map[meter.Slot]meter.Register, error) {
	parts, err := reader.Readings(id, w)
	if err != nil {
		return nil, err
	}
	registers := make(map[meter.Slot]meter.Register)
	for points, err := range parts {
		if err != nil {
			return nil, err
		}
		for _, p := range points {
			registers[p.Slot] = p.Register
		}
	}
	return registers, nil
}

// edited returns what was done last to a meter's readings within a window.
func (s *site) edited(reader *query.Reader, id meter.ID, w meter.Window) (map[meter.Slot]store.Past, error) {
	last := make(map[meter.Slot]store.Past)
	for from := (&query.HistoryPlace{}); from != nil; {
		page, next, err := reader.History(id, w, *from, linesMax)
		if err != nil {
			return nil, err
		}
		for _, past := range page {
			last[past.Slot] = past
		}
		from = next
	}
	return last, nil
}
