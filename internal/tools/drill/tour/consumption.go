package tour

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"meterledger/internal/meter"
	"meterledger/internal/tools/caller"
)

// consumption is what the api answers for a period, and for a bill.
type consumption struct {
	StartReading     decimal.Decimal `json:"start_reading"`
	EndReading       decimal.Decimal `json:"end_reading"`
	Consumption      decimal.Decimal `json:"consumption"`
	StartTime        string          `json:"start_time"`
	EndTime          string          `json:"end_time"`
	Readings         int             `json:"readings"`
	ExpectedReadings int             `json:"expected_readings"`
	Complete         bool            `json:"complete"`
}

const consumptionHeader = "from             to               start_reading  end_reading    kWh used  readings"

// String writes every field exactly: two that are written alike are equal.
func (c consumption) String() string {
	readings := fmt.Sprintf("%d of %d", c.Readings, c.ExpectedReadings)
	switch {
	case c.Complete && c.Readings == c.ExpectedReadings:
		readings = fmt.Sprintf("all %d", c.Readings)
	case c.Complete:
		readings += ", said to be complete"
	}
	return fmt.Sprintf("%-16s %-16s %13s %12s %11s  %s",
		minutes(c.StartTime), minutes(c.EndTime), c.StartReading, c.EndReading, c.Consumption, readings)
}

// minutes leaves the T and the seconds, which are none on the grid, out of a stamp.
func minutes(stamp string) string {
	if len(stamp) < len(time.DateTime) {
		return stamp
	}
	return strings.Replace(stamp[:16]+stamp[19:], "T", " ", 1)
}

// inTable writes an answer as a row of a table, and an error as it is.
func inTable(got caller.Answer) string {
	var c consumption
	if err := got.Into("", &c); err != nil {
		return got.String()
	}
	return c.String()
}

// periods are all that can be asked for.
var periods = []string{"last_30min", "today", "this_week", "this_month", "last_month", "custom"}

// window is what a period means to a household when the present lies in the half
// hour that began at now.
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

// said is what the api answered, and in which half hour it was asked.
type said struct {
	answer string
	row    string // the same in a table
	now    meter.Slot
}

// ask asks for a household's period and compares the answer with the source.
func (t *tour) ask(ctx context.Context, h *home, period string) (said, error) {
	query := url.Values{"meter_id": {string(h.id)}, "period": {period}}
	for {
		now := t.zone.Floor(t.now())
		w := t.window(h, period, now)
		if period == "custom" {
			query.Set("start", t.zone.Stamp(w.From))
			query.Set("end", t.zone.Stamp(w.To))
		}
		got, err := t.api.Get(ctx, "/get_consumption", query)
		if err != nil {
			return said{}, fmt.Errorf("asking for %s of %s: %w", period, h.id, err)
		}
		if t.zone.Floor(t.now()) != now {
			continue // the half hour turned: nobody knows which one was answered
		}
		want, enough := h.consumption(t.zone, w, now)
		t.compare(fmt.Sprintf("%s of %s", period, h.id), got, want, enough, meter.CodeNotEnoughReadings)
		return said{got.String(), inTable(got), now}, nil
	}
}

// compare checks an answer against the source; where there is nothing to answer
// it must be a 404 with the code absent.
func (t *tour) compare(what string, got caller.Answer, want consumption, present bool, absent meter.Code) {
	t.compared++
	if !present {
		if got.Status != http.StatusNotFound || got.Code() != absent {
			t.differ("%s: the api says %s, where it should be 404 %s", what, got, absent)
		}
		return
	}
	var c consumption
	if err := got.Into(what, &c); err != nil {
		t.differ("%v, where the source gives %s", err, want)
		return
	}
	if c.String() != want.String() {
		t.differ("%s: the api says\n%s\nthe source\n%s", what, c, want)
	}
}

// askAll asks for every period of every household.
func (t *tour) askAll(ctx context.Context) (map[string]said, error) {
	all := map[string]said{}
	for _, h := range t.homes {
		for _, period := range periods {
			s, err := t.ask(ctx, h, period)
			if err != nil {
				return nil, err
			}
			all[string(h.id)+" "+period] = s
		}
	}
	return all, nil
}

// showConsumption prints the table of one household and remembers all answers.
func (t *tour) showConsumption(ctx context.Context) (err error) {
	if t.before, err = t.askAll(ctx); err != nil {
		return err
	}
	h := t.homes[0]
	t.say("period      %s", consumptionHeader)
	for _, period := range periods {
		t.say("%-11s %s", period, t.before[string(h.id)+" "+period].row)
	}
	t.say("%d answers, for %d households and %d periods, compared with the source.", len(t.before), len(t.homes), len(periods))
	return nil
}

// showSameAnswers asks everything again and compares it with what was said before.
func (t *tour) showSameAnswers(ctx context.Context) error {
	after, err := t.askAll(ctx)
	if err != nil {
		return err
	}
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
	return nil
}

// showBills prints one household's bill of last month and compares all of them.
func (t *tour) showBills(ctx context.Context) error {
	w := t.zone.MonthWindow(t.lastMonth)
	for i, h := range t.homes {
		got, err := t.api.Get(ctx, "/get_last_month_bill", url.Values{"meter_id": {string(h.id)}})
		if err != nil {
			return fmt.Errorf("asking for the bill of %s: %w", h.id, err)
		}
		want, present := h.consumption(t.zone, w, w.To)
		t.compare("the bill of "+string(h.id), got, want, present, meter.CodeBillNotFound)
		if i == 0 {
			t.say("bill        %s", consumptionHeader)
			t.say("%-11s %s", t.lastMonth, inTable(got))
		}
	}
	t.say("%d bills compared with the source.", len(t.homes))
	return nil
}
