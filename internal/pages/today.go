package pages

import (
	"net/http"
	"time"

	"meterledger/internal/meter"
)

// lateAfter is how old a meter's last reading is when its household is told that others are late.
// Meters send one each half hour.
const lateAfter = 2 * time.Hour

// todayView is the first page of a household.
type todayView struct {
	overview
	Last  *lastView // nil if there is none
	Late  string    // for how long nothing came; empty if that is not long
	Month figure    // so far
	Whole *guess    // of the month
}

// lastView is the last reading.
type lastView struct {
	At            moment
	Ago, Register string
}

type meterRequest struct {
	Meter meter.ID `path:"meter_id"`
}

func (s *site) today(w http.ResponseWriter, r *http.Request, q *meterRequest) error {
	h, err := s.homeOf(r, q.Meter)
	if err != nil {
		return err
	}
	var view todayView
	now := s.Reader.Now()
	view.last(s, h, now)
	today := s.zone.Today(now)
	p, month := periodAround(aDay, today), periodAround(aMonth, today)
	yesterday := p.beside(-1, s.zone)
	if view.overview, err = s.overview(h, p, []period{yesterday}, &yesterday); err != nil {
		return err
	}
	used, err := h.used(month.window(s.zone))
	if err != nil {
		return err
	}
	view.Month = s.figure(month.String(), month.window(s.zone), used)
	view.Month.Href = usagePath(h.id, month, "")
	if view.Whole, err = s.guess(h, month, used); err != nil {
		return err
	}
	frame := household(h.id, "Today", "")
	frame.Modules = []string{assets.Path("live.js")}
	return s.show(w, r, frame, "today", view)
}

// last tells of the last reading, and whether others should have come since.
func (v *todayView) last(s *site, h home, now time.Time) {
	if h.known.Points() == 0 {
		return
	}
	age := now.Sub(s.zone.Time(h.last.Slot))
	v.Last = &lastView{s.moment(h.last.Slot), ago(age), h.last.Register.String()}
	if h.isOpen && age >= lateAfter {
		v.Late = lasting(age)
	}
}
