package pages

import (
	"fmt"
	"net/http"

	"meterledger/internal/meter"
	"meterledger/internal/query"
	"meterledger/internal/vee"
)

// readingRow is a reading of a meter, or that there is none.
type readingRow struct {
	Day      string // of the first reading of it
	At       moment // with the clock alone
	Register string // kWh; empty if there is none
	Used     string // kWh until half an hour later; empty if that is not known
	Note     string // what happened to the dial meanwhile
	Missing  int    // half hours without a reading, from then on
	IsMeant  bool   // it is one of those that the page is about
	Correct  string // the page to correct it
}

// Lack says how long there is no reading.
func (row readingRow) Lack() string {
	if row.Missing == 1 {
		return "no reading"
	}
	return fmt.Sprintf("no reading of %d half hours", row.Missing)
}

const (
	// besides is how many half hours are shown before and after those that a page is about.
	besides = 4
	// meantMax is how many of those are shown: a day.
	meantMax = meter.SlotsPerDay
)

// readingsAround returns the readings of a meter in and around a time, for the page at a path.
func (s *site) readingsAround(r *http.Request, id meter.ID, from, to meter.Slot, here string) ([]readingRow, error) {
	meant := meter.Window{From: from, To: min(to, from+meantMax)}
	page, err := s.readerOf(r).Series(id, query.SeriesQuery{
		Window:   meter.Window{From: meant.From - besides, To: meant.To + besides},
		Interval: query.HalfHour, PageSize: meantMax + 2*besides,
	})
	if err != nil {
		return nil, err
	}
	defer page.Release()
	var rows []readingRow
	var before meter.Slot
	add := func(k vee.Known, used string, changes meter.Dials) {
		row := readingRow{At: s.atClock(k.Slot), Used: used, IsMeant: meant.Contains(k.Slot)}
		if day := s.zone.DayOf(k.Slot); len(rows) == 0 || s.zone.DayOf(before) != day {
			row.Day = dayName(day)
		}
		before = k.Slot
		for i := range changes {
			row.Note = changeNames[changes[i].Kind]
		}
		last := len(rows) - 1
		switch {
		case k.Source.IsRead():
			row.Register = k.Register.String()
			row.Correct = actionPath("correct", here, "meter_id", string(id), "timestamp", row.At.Stamp)
		case last >= 0 && rows[last].Missing > 0 && rows[last].IsMeant == row.IsMeant:
			rows[last].Missing++
			return
		default:
			row.Missing = 1
		}
		rows = append(rows, row)
	}
	var end vee.Known
	for b := range page.Buckets() {
		used := ""
		if b.Known() {
			used = b.Energy().String()
		}
		add(b.Start, used, b.Changes())
		end = b.End
	}
	if page.Count() > 0 {
		add(end, "", nil)
	}
	return rows, nil
}
