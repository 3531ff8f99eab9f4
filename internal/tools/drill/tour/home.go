package tour

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/dsnet/try"
	"github.com/shopspring/decimal"

	"meterledger/api"
	"meterledger/internal/meter"
	"meterledger/internal/tools/caller"
	"meterledger/internal/tools/households"
)

// home is what one meter sends and, by the sums of the source, what the api must answer about it.
type home struct {
	id       meter.ID
	source   households.Household
	first    meter.Slot         // on which half hour 0 of the source falls
	placed   households.Shifted // and cut, if the meter has a life
	life     *life              // nil for most
	accepted []meter.Reading    // in order of time
}

// within returns the readings that the api has taken in a window.
func (h *home) within(w meter.Window) []meter.Reading {
	from, _ := slices.BinarySearchFunc(h.accepted, w.From, bySlot)
	to, _ := slices.BinarySearchFunc(h.accepted, w.To+1, bySlot)
	return h.accepted[from:max(from, to)]
}

func bySlot(r meter.Reading, s meter.Slot) int { return int(r.Slot) - int(s) }

// used sums what the source says was used after from and up to to.
func (h *home) used(from, to meter.Slot) (sum decimal.Decimal) {
	for _, interval := range h.source.Intervals {
		if end := h.first + meter.Slot(interval.End); from < end && end <= to {
			sum = sum.Add(interval.Energy)
		}
	}
	return sum
}

// gaps returns the household's missing half hours up to last.
func (h *home) gaps(last meter.Slot) (gaps []households.Gap) {
	for _, g := range h.source.Gaps() {
		if left := int(last-h.first) - g.First + 1; left > 0 {
			gaps = append(gaps, households.Gap{First: g.First, HalfHours: min(g.HalfHours, left)})
		}
	}
	return gaps
}

// consumption is the row that the api must answer for a window up to until; empty below two readings.
func (h *home) consumption(zone *meter.Zone, w meter.Window, until meter.Slot) string {
	taken := h.within(w)
	if len(taken) < 2 {
		return ""
	}
	from, to := taken[0].Slot, taken[len(taken)-1].Slot
	expected := w.Until(until).Points()
	return consumptionRow(taken[0].Register, taken[len(taken)-1].Register, h.used(from, to), api.Usage{
		StartTime: zone.Stamp(from), EndTime: zone.Stamp(to),
		Readings: len(taken), ExpectedReadings: expected, Complete: len(taken) == expected,
	})
}

const consumptionHeader = "from             to               start_reading  end_reading    kWh used  readings"

// consumptionRow writes every field exactly, so two answers with the same row are equal.
func consumptionRow(start, end, used fmt.Stringer, u api.Usage) string {
	readings := fmt.Sprintf("%d of %d", u.Readings, u.ExpectedReadings)
	switch {
	case u.Complete && u.Readings == u.ExpectedReadings:
		readings = fmt.Sprintf("all %d", u.Readings)
	case u.Complete:
		readings += ", said to be complete"
	}
	return fmt.Sprintf("%-16s %-16s %13s %12s %11s  %s", minutes(u.StartTime), minutes(u.EndTime), start, end, used, readings)
}

// minutes leaves the T and the seconds, which are none on the grid, out of a stamp.
func minutes(stamp string) string {
	if len(stamp) < len(time.DateTime) {
		return stamp
	}
	return strings.Replace(stamp[:16]+stamp[19:], "T", " ", 1)
}

// periods are all that can be asked for.
var periods = []string{"last_30min", "today", "this_week", "this_month", "last_month", "custom"}

// window is what a period means to a household when the present lies in the half hour that began at now.
func (t *tour) window(h *home, period string, now meter.Slot) meter.Window {
	today := t.zone.DayOf(now)
	switch period {
	case "last_30min":
		if len(h.within(meter.Window{From: now, To: now})) == 0 {
			now-- // its closing reading has not arrived yet
		}
		return meter.Window{From: now - 1, To: now}
	case "today":
		return t.zone.DayWindow(today)
	case "this_week":
		return t.zone.WeekWindow(today)
	case "this_month":
		return t.zone.MonthWindow(today.CalendarMonth())
	case "last_month":
		return t.zone.MonthWindow(today.CalendarMonth().Add(-1))
	default: // custom: from the 10th to the 20th of last month
		first := t.lastMonth.FirstDay()
		return meter.Window{From: t.zone.DayStart(first.AddDays(9)), To: t.zone.DayStart(first.AddDays(19))}
	}
}

// reply is what the api answered, as it is and in a table, and in which half hour it was asked.
type reply struct {
	answer, row string
	now         meter.Slot
}

// ask asks for a household's period and compares the answer with the source.
func (t *tour) ask(h *home, period string) reply {
	query := url.Values{"meter_id": {string(h.id)}, "period": {period}}
	for {
		now := t.zone.Floor(t.now())
		w := t.window(h, period, now)
		if period == "custom" {
			query.Set("start", t.zone.Stamp(w.From))
			query.Set("end", t.zone.Stamp(w.To))
		}
		got := try.E1(t.api.Get(t.ctx, "/get_consumption", query))
		if t.zone.Floor(t.now()) != now {
			continue // the half hour turned: nobody knows which one was answered
		}
		row := t.compare(fmt.Sprintf("%s of %s", period, h.id), got, h.consumption(t.zone, w, now), meter.CodeNotEnoughReadings)
		return reply{got.String(), row, now}
	}
}

// compare checks an answer against a row; an empty row stands for a 404 with the code absent.
func (t *tour) compare(what string, got caller.Answer, want string, absent meter.Code) (row string) {
	t.compared++
	var u api.Usage
	err := got.Into(what, &u)
	row = consumptionRow(u.StartReading, u.EndReading, u.Consumption, u)
	switch {
	case want == "":
		if got.Status != http.StatusNotFound || got.Code() != absent {
			t.differ("%s: the api says %s, where it should be 404 %s", what, got, absent)
		}
	case err != nil:
		t.differ("%v, where the source gives %s", err, want)
	case row != want:
		t.differ("%s: the api says\n%s\nthe source\n%s", what, row, want)
	}
	if !got.OK() {
		return got.String()
	}
	return row
}

// askAll asks for every period of every household.
func (t *tour) askAll() map[string]reply {
	all := map[string]reply{}
	for _, h := range t.homes {
		for _, period := range periods {
			all[string(h.id)+" "+period] = t.ask(h, period)
		}
	}
	return all
}

// showConsumption prints the table of one household and remembers all answers.
func (t *tour) showConsumption() {
	t.before = t.askAll()
	t.say("period      %s", consumptionHeader)
	for _, period := range periods {
		t.say("%-11s %s", period, t.before[string(t.homes[0].id)+" "+period].row)
	}
	t.say("%d answers, for %d households and %d periods, compared with the source.", len(t.before), len(t.homes), len(periods))
}

// showSameAnswers asks everything again and compares it with what was said before.
func (t *tour) showSameAnswers() {
	after := t.askAll()
	same, turned := 0, 0
	for key, a := range after {
		b := t.before[key]
		switch {
		case a.now != b.now:
			turned++
		case a.answer == b.answer:
			same++
		default:
			t.differ("%s: before the clearing the api said %s, after it %s", key, b.answer, a.answer)
		}
	}
	t.say("%d of %d answers are the same, byte for byte, now that the month is cleared from memory.", same, len(after))
	if turned > 0 {
		t.say("%d were asked in another half hour and so compared with the source alone.", turned)
	}
}

// showBills prints one household's bill of last month and compares all of them.
func (t *tour) showBills() {
	w := t.zone.MonthWindow(t.lastMonth)
	for i, h := range t.homes {
		got := try.E1(t.api.Get(t.ctx, "/get_last_month_bill", url.Values{"meter_id": {string(h.id)}}))
		row := t.compare("the bill of "+string(h.id), got, h.consumption(t.zone, w, w.To), meter.CodeBillNotFound)
		if i == 0 {
			t.say("bill        %s", consumptionHeader)
			t.say("%-11s %s", t.lastMonth, row)
		}
	}
	t.say("%d bills compared with the source.", len(t.homes))
}
