package vee

import (
	"fmt"
	"strings"
	"testing"

	"github.com/shopspring/decimal"

	"meterledger/internal/meter"
)

// monday is a day of 48 half hours.
var monday = meter.Window{From: 48 * 20_000, To: 48 * 20_001}

func register(t *testing.T, s string) meter.Register {
	t.Helper()
	r, err := meter.ParseRegister(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// dayOf is a day of half hours that used so many kWh each, from 100 kWh on. After the last the
// meter stands still.
func dayOf(t *testing.T, w meter.Window, used ...string) *Day {
	t.Helper()
	d := &Day{Window: w, Known: w.To, Past: new(Past)}
	at := decimal.NewFromInt(100)
	for slot := w.From; slot <= w.To; slot++ {
		d.Points = append(d.Points, meter.Point{Slot: slot, Register: register(t, at.String())})
		if n := int(slot - w.From); n < len(used) {
			at = at.Add(decimal.RequireFromString(used[n]))
		}
	}
	return d
}

// without takes readings away.
func (d *Day) without(from, to meter.Slot) *Day {
	var left []meter.Point
	for _, p := range d.Points {
		if p.Slot < d.Window.From+from || p.Slot > d.Window.From+to {
			left = append(left, p)
		}
	}
	d.Points = left
	return d
}

func (d *Day) before(slots meter.Slot, r meter.Register) *Day {
	d.Before = &meter.Point{Slot: d.Window.From - slots, Register: r}
	return d
}

// pastOf sets the totals of the days before, the day before first, in kWh; empty for one that is
// not known, and with a ~ for one that is not whole.
func (d *Day) pastOf(t *testing.T, used ...string) *Day {
	t.Helper()
	for i, u := range used {
		past := &d.Past[i]
		past.From = d.Window.From - meter.Slot(meter.SlotsPerDay*(i+1))
		if u != "" {
			kWh, isPart := strings.CutPrefix(u, "~")
			past.Used = register(t, kWh).Total().Since(meter.Total{})
			past.IsKnown, past.IsWhole = true, !isPart
		}
	}
	return d
}

func repeat(s string, n int) (all []string) {
	for range n {
		all = append(all, s)
	}
	return all
}

// found are the exceptions of one rule, as text: from and to in half hours of the day.
func (d *Day) found(rule meter.Rule) string {
	var all []string
	for _, e := range d.Check(d.Total(), nil) {
		if e.Rule == rule {
			all = append(all, fmt.Sprintf("%d to %d: %v, %v %s", int(e.From)-int(d.Window.From), int(e.To)-int(d.Window.From), e.Value, e.Threshold, Unit(rule)))
		}
	}
	return strings.Join(all, "; ")
}

type ruleCase struct {
	name string
	day  *Day
	want string
}

func check(t *testing.T, rule meter.Rule, cases []ruleCase) {
	t.Helper()
	for _, c := range cases {
		if got := c.day.found(rule); got != c.want {
			t.Errorf("%v, %s: found %q, want %q", rule, c.name, got, c.want)
		}
	}
}

func TestHighIsMoreThanHalfOfMaxKWInAHalfHour(t *testing.T) {
	limited := dayOf(t, monday, "5.000000001")
	limited.Limits.MaxKW = meter.Power(register(t, "10"))
	atLimit := dayOf(t, monday, "5")
	atLimit.Limits = limited.Limits
	check(t, meter.RuleHigh, []ruleCase{
		{"at the default", dayOf(t, monday, "1", "30"), ""},
		{"above the default", dayOf(t, monday, "1", "30.000000001"), "1 to 2: 30.000000001, 30 kWh"},
		{"at the meter's own", atLimit, ""},
		{"above the meter's own", limited, "0 to 1: 5.000000001, 5 kWh"},
		{"over a missing reading, at twice", dayOf(t, monday, "60").without(1, 1), ""},
		{"over a missing reading, above twice", dayOf(t, monday, "60.1").without(1, 1), "0 to 2: 60.1, 60 kWh"},
		{"from a reading of the day before", dayOf(t, monday, "61").without(0, 0).before(1, register(t, "99")), "-1 to 1: 62, 60 kWh"},
		{"of any size", dayOf(t, monday, "999999999999999899"), "0 to 1: 999999999999999899, 30 kWh"},
	})
}

func TestSpikeIsAboveThreeTimesTheThirdHighest(t *testing.T) {
	check(t, meter.RuleSpike, []ruleCase{
		{"at three times", dayOf(t, monday, "1", "3", "2"), ""},
		{"above it", dayOf(t, monday, "1", "3.001", "2"), "1 to 2: 3.001, 3 kWh"},
		{"at 2 kWh", dayOf(t, monday, "0.5", "2", "0.5"), ""},
		{"above 2 kWh", dayOf(t, monday, "0.5", "2.000000001", "0.5"), "1 to 2: 2.000000001, 1.5 kWh"},
		{"above nothing at all", dayOf(t, monday, "0", "0", "2.5"), "2 to 3: 2.5, 0 kWh"},
		{"the second is as high", dayOf(t, monday, "9", "9"), "0 to 1: 9, 0 kWh"},
		{"only two half hours are known", dayOf(t, monday, "9").without(3, 48), ""},
		{"the highest is over a missing reading", dayOf(t, monday, "5", "5", "0.1", "0.1", "0.1").without(1, 1), ""},
	})
}

func TestZeroRunIsFourteenDaysAfterSomeAdvance(t *testing.T) {
	check(t, meter.RuleZeroRun, []ruleCase{
		{"thirteen days", dayOf(t, monday).pastOf(t, append(repeat("0", 12), "5")...), ""},
		{"fourteen", dayOf(t, monday).pastOf(t, append(repeat("0", 13), "5")...), fmt.Sprintf("%d to 48: 14, 14 days", -13*48)},
		{"twenty", dayOf(t, monday).pastOf(t, append(repeat("0", 19), "0.001")...), fmt.Sprintf("%d to 48: 20, 14 days", -19*48)},
		{"the last day of the 28", dayOf(t, monday).pastOf(t, append(repeat("0", 40), "0.001")...), fmt.Sprintf("%d to 48: 41, 14 days", -40*48)},
		{"always", dayOf(t, monday).pastOf(t, repeat("0", PastDays)...), ""},
		{"today is above zero", dayOf(t, monday, "0.001").pastOf(t, append(repeat("0", 13), "5")...), ""},
		{"a day of the fourteen is not known", dayOf(t, monday).pastOf(t, "0", "", "0", "0", "0", "0", "0", "0", "0", "0", "0", "0", "0", "5"), ""},
		{"days without a reading, between the same registers", dayOf(t, monday).pastOf(t, append(repeat("~0", 13), "5")...), fmt.Sprintf("%d to 48: 14, 14 days", -13*48)},
		{"no reading today", dayOf(t, monday).without(0, 48).before(1, register(t, "100")).pastOf(t, append(repeat("0", 13), "5")...), ""},
	})
}

func TestHighLowComparesWithTheLastFourLikeWeekdays(t *testing.T) {
	weeks := func(used ...string) []string { // of the same weekday; other days are far from them
		past := repeat("1000", PastDays)
		for i, u := range used {
			past[7*(i+1)-1] = u
		}
		return past
	}
	like := weeks("10", "20", "10", "20") // a mean of 15
	check(t, meter.RuleHighLow, []ruleCase{
		{"at 0.2", dayOf(t, monday, "3").pastOf(t, like...), ""},
		{"below 0.2", dayOf(t, monday, "2.999999999").pastOf(t, like...), "0 to 48: 2.999999999, 3 kWh"},
		{"at 5", dayOf(t, monday, "75").pastOf(t, like...), ""},
		{"above 5", dayOf(t, monday, "75.000000001").pastOf(t, like...), "0 to 48: 75.000000001, 75 kWh"},
		{"the fifth week does not count", dayOf(t, monday, "3").pastOf(t, weeks("10", "20", "10", "20", "1000")...), ""},
		{"it does for one that is not known", dayOf(t, monday, "3").pastOf(t, weeks("10", "", "10", "20", "1000")...), "0 to 48: 3, 52 kWh"},
		{"or not whole", dayOf(t, monday, "3").pastOf(t, weeks("10", "~9", "10", "20", "1000")...), "0 to 48: 3, 52 kWh"},
		{"only three are known", dayOf(t, monday, "3").pastOf(t, weeks("10", "", "10", "20", "")...), ""},
		{"the day is not whole", dayOf(t, monday, "1").without(48, 48).pastOf(t, like...), ""},
		{"nothing was used before", dayOf(t, monday, "0.001").pastOf(t, weeks("0", "0", "0", "0")...), "0 to 48: 0.001, 0 kWh"},
		{"nothing is used still", dayOf(t, monday).pastOf(t, weeks("0", "0", "0", "0")...), ""},
	})
}

func TestMissingIsAGapOfTwoHours(t *testing.T) {
	never := func(registered meter.Slot) *Day {
		return &Day{Window: monday, Known: monday.From + registered, Past: new(Past)}
	}
	check(t, meter.RuleMissing, []ruleCase{
		{"an hour and a half", dayOf(t, monday).without(11, 12), ""},
		{"two hours", dayOf(t, monday).without(11, 13), "10 to 14: 2, 2 hours"},
		{"two gaps", dayOf(t, monday).without(11, 13).without(21, 24), "10 to 14: 2, 2 hours; 20 to 25: 2.5, 2 hours"},
		{"the day's end, an hour and a half", dayOf(t, monday).without(46, 48), ""},
		{"the day's end, two hours", dayOf(t, monday).without(45, 48), "44 to 48: 2, 2 hours"},
		{"from the day before", dayOf(t, monday).without(0, 0).before(3, register(t, "1")), "-3 to 1: 2, 2 hours"},
		{"not quite", dayOf(t, monday).without(0, 0).before(2, register(t, "1")), ""},
		{"nothing came", dayOf(t, monday).without(0, 48).before(1, register(t, "1")), "-1 to 48: 24.5, 2 hours"},
		{"a gap that ended as the day began", dayOf(t, monday).before(4, register(t, "1")), ""},
		{"nothing was ever sent", never(44), "44 to 48: 2, 2 hours"},
		{"or not for long", never(45), ""},
		{"it was registered later", never(148), ""},
	})
}

func TestProlongedIsMoreThanSevenDaysOfHours(t *testing.T) {
	silent := func(slots meter.Slot) *Day {
		return dayOf(t, monday).without(0, 48).before(slots-48, register(t, "1"))
	}
	check(t, meter.RuleProlonged, []ruleCase{
		{"seven days", silent(336), ""},
		{"and a half hour", silent(337), "-289 to 48: 168.5, 168 hours"},
		{"until a reading", dayOf(t, monday).without(0, 9).before(327, register(t, "1")), "-327 to 10: 168.5, 168 hours"},
	})
	summer := monday // an hour shorter, by the clock seven days are 167 hours
	summer.To -= 2
	check(t, meter.RuleProlonged, []ruleCase{
		{"seven days by the clock", dayOf(t, summer).without(0, 46).before(336-48, register(t, "1")), ""},
		{"168 hours", dayOf(t, summer).without(0, 46).before(290, register(t, "1")), ""},
		{"more", dayOf(t, summer).without(0, 46).before(291, register(t, "1")), "-291 to 46: 168.5, 168 hours"},
	})
}

func TestDecreasingTellsOfRefusedReadings(t *testing.T) {
	r := Refused{Count: 477, First: meter.Point{Slot: 10, Register: register(t, "4036.247")}, Last: meter.Point{Slot: 990, Register: register(t, "4114.191")}}
	e := NewDecreasing(r)
	want := "477 readings, from 4036.247 kWh to 4114.191 kWh, were refused because registers rise with time."
	if e.Why != want || e.From != 10 || e.To != 990 || e.Value.String() != "477" || Unit(e.Rule) != "readings" {
		t.Errorf("%+v", e)
	}
	const below = "42259 kWh of 2026-11-20T12:30:00"
	for want, r := range map[string]Refused{
		"477 readings, from 4036.247 kWh to 4114.191 kWh, were refused because they are less than " + below + ".":                                              {477, r.First, r.Last, false, below},
		"477 readings, from 4036.247 kWh to 4114.191 kWh, and earlier ones that are not kept any more, were refused because they are less than " + below + ".": {477, r.First, r.Last, true, below},
		"477 readings, from 4036.247 kWh to 4114.191 kWh, and earlier ones that are not kept any more, were refused because registers rise with time.":         {477, r.First, r.Last, true, ""},
		"A reading of 4036.247 kWh was refused because it is less than " + below + ".":                                                                         {1, r.First, r.First, false, below},
		"A reading of 4036.247 kWh was refused because registers rise with time.":                                                                              {1, r.First, r.First, false, ""},
		"A reading of 4036.247 kWh, and earlier ones that are not kept any more, were refused because they are less than " + below + ".":                       {1, r.First, r.First, true, below},
	} {
		if e := NewDecreasing(r); e.Why != want {
			t.Errorf("of %+v: %s", r, e.Why)
		}
	}
}

func TestGapsAreToldInHours(t *testing.T) {
	d := dayOf(t, monday).before(987, register(t, "1"))
	d.Points = nil
	found := d.prolonged(d.missing(nil))
	if len(found) != 2 || found[0].Why != "No reading for 517.5 hours." || found[1].Why != "No reading for 517.5 hours, which is more than 7 days." {
		t.Errorf("%+v", found)
	}
}

// TestAnExchangeIsNoSpike has a new dial that begins far above the old one, and one far below.
func TestAnExchangeIsNoSpike(t *testing.T) {
	for _, begins := range []string{"5000.2", "0.2"} {
		d := dayOf(t, monday, "0.5", "0.5", "0.5", "0.5")
		change := meter.Change{At: (monday.From + 2).Instant() + 600, Kind: meter.Exchange, Old: register(t, "101.1"), New: register(t, begins)}
		d.Dials = meter.NewDials([]meter.Change{change})
		for i := 3; i < len(d.Points); i++ { // 0.1 kWh by the old dial and 0.4 kWh by the new
			more := decimal.RequireFromString(begins).Add(decimal.RequireFromString("0.4"))
			if i > 3 {
				more = more.Add(decimal.RequireFromString("0.5"))
			}
			d.Points[i].Register = register(t, more.String())
		}
		if found := d.Check(d.Total(), nil); len(found) > 0 {
			t.Errorf("a dial that begins at %s: %+v", begins, found)
		}
		if total := d.Total(); total.Used.Energy().String() != "2" {
			t.Errorf("a dial that begins at %s: the day's total is %v", begins, total.Used.Energy())
		}
		d.Dials = nil
		if begins == "5000.2" && d.found(meter.RuleHigh) == "" {
			t.Error("before the exchange is entered, its half hour is not HIGH")
		}
	}
}

// TestTotalsOfDaysAddUp has a day that begins and ends without a reading.
func TestTotalsOfDaysAddUp(t *testing.T) {
	d := dayOf(t, monday, repeat("0.5", 48)...).without(0, 3).without(44, 48).before(6, register(t, "98.25"))
	total := d.Total()
	if !total.IsKnown || total.IsWhole || total.Used.Energy().String() != "23.25" {
		t.Errorf("%v kWh, %+v", total.Used.Energy(), total)
	}
	d.Before = nil
	if total := d.Total(); total.IsKnown {
		t.Errorf("with no reading before it: %+v", total)
	}
}

func BenchmarkCheck(b *testing.B) {
	d := &Day{Window: monday, Known: monday.To, Past: new(Past)}
	for slot := monday.From; slot <= monday.To; slot++ {
		r, _ := meter.RegisterFromParts(int64(1_000_000+137*(slot-monday.From)), 3)
		d.Points = append(d.Points, meter.Point{Slot: slot, Register: r})
	}
	var found []Exception
	b.ReportAllocs()
	for b.Loop() {
		found = d.Check(d.Total(), found[:0])
	}
	if len(found) > 0 {
		b.Fatal(found)
	}
}
