package pages

import (
	"net/http"
	"time"

	"meterledger/internal/meter"
)

// lateAfter is how old a meter's last reading is when its household is told that others are late.
// Meters send each half hour.
const lateAfter = 2 * time.Hour

// todayView is the first page of a household.
type todayView struct {
	look
	Meter      meter.ID
	Day        string
	Last       *lastView
	Late       string // for how long nothing came; empty if that is not long
	Month      figure
	MonthGuess string
	UsageHref  string
}

// lastView is the last reading.
type lastView struct {
	At       moment
	Ago      string
	Register string
}

func (s *site) today(w http.ResponseWriter, r *http.Request, q *meterRequest) error {
	h, err := s.homeOf(r, q.Meter)
	if err != nil {
		return err
	}
	p := periodAround(aDay, s.zone.Today(s.Reader.Now()))
	view := todayView{Meter: h.id, Day: p.String(), UsageHref: usagePath(h.id, p, "")}
	if view.look, err = s.look(h, p, withBefore); err != nil {
		return err
	}
	frame := household(h.id, "Today", "")
	frame.Modules = []string{assets.Path("live.js")}
	return s.show(w, r, frame, "today", view)
}
