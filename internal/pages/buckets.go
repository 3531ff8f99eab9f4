package pages

import (
	"iter"

	"meterledger/internal/meter"
	"meterledger/internal/query"
	"meterledger/internal/vee"
)

// buckets yields the half hours or days of the part of a window that is known. They are read a month at
// a time, so that the memory for it does not grow with the window. Each is valid until the next; after an
// error there is no more.
func (h home) buckets(w meter.Window, interval query.Interval, estimate vee.Mode) iter.Seq2[*query.Bucket, error] {
	ask := query.SeriesQuery{Window: h.part(w), Interval: interval, Estimate: estimate, PageSize: 31}
	if interval == query.HalfHour {
		ask.PageSize *= meter.SlotsPerDay
	}
	return func(yield func(*query.Bucket, error) bool) {
		for {
			page, err := h.reader.Series(h.id, ask)
			if err != nil {
				yield(nil, err)
				return
			}
			for b := range page.Buckets() {
				if !yield(b, nil) {
					page.Release()
					return
				}
			}
			page.Release()
			if ask.At = page.Next; ask.At == nil {
				return
			}
		}
	}
}

// dayUse is what was used on a day, or in a part of it.
type dayUse struct {
	Name, Href string // of the day, and of its page
	Used       meter.Energy

	day meter.Day
}

func (h home) usedOn(day meter.Day, used meter.Energy) dayUse {
	return dayUse{dayName(day), usagePath(h.id, period{aDay, day}, ""), used, day}
}

// compareUse orders days by what was used.
func compareUse(a, b dayUse) int { return a.Used.Cmp(b.Used.Decimal) }
