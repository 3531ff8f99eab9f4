package pages

import "time"

// The chart of the readings of each minute, in units of its view box.
const (
	rateHeight = 100
	rateBar    = 10 // wide, with the gap beside it
	rateWidth  = rateBar * (marksMax - 1)
)

// rateView is how many readings were taken in each minute of the last hour, in order of time.
type rateView struct {
	Width, Height int
	Bars          []rateBarView
	Most          string // in a minute
}

// rateBarView is a minute.
type rateBarView struct {
	From      moment
	Readings  string
	PerSecond string
	X         int
	Y, Height float64
}

func (s *site) rateView(marks []mark) rateView {
	view, most := rateView{Width: rateWidth, Height: rateHeight}, 0.
	for n := 1; n < len(marks); n++ {
		most = max(most, marks[n].taken-marks[n-1].taken)
	}
	for n := 1; n < len(marks); n++ {
		before, after := marks[n-1], marks[n]
		taken := after.taken - before.taken
		height := rateHeight * taken / max(most, 1)
		view.Bars = append(view.Bars, rateBarView{
			s.minute(before.at), grouped(int(taken)), perSecond(taken, after.at.Sub(before.at)),
			rateWidth - rateBar*(len(marks)-n), rateHeight - height, height,
		})
	}
	view.Most = grouped(int(most))
	return view
}

// minute returns a time with the minute that the clock shows.
func (s *site) minute(at time.Time) moment {
	const day, clock = len("2006-01-02T"), len("2006-01-02T15:04")
	stamp := s.zone.StampTime(at)
	return moment{stamp, stamp[day:clock]}
}
