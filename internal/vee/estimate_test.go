package vee_test

import (
	"slices"
	"testing"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"meterledger/internal/meter"
	"meterledger/internal/vee"
)

// home is a meter whose readings are made up.
type home struct {
	t       testing.TB
	zone    *meter.Zone
	dials   meter.Dials
	history []meter.Point
}

func newHome(t testing.TB, zone string) *home {
	t.Helper()
	z, err := meter.LoadZone(zone)
	if err != nil {
		t.Fatal(err)
	}
	return &home{t: t, zone: z}
}

func (h *home) slot(stamp string) meter.Slot {
	h.t.Helper()
	slot, err := h.zone.ParseSlot("timestamp", stamp)
	if err != nil {
		h.t.Fatal(err)
	}
	return slot
}

func (h *home) instant(stamp string) meter.Instant {
	h.t.Helper()
	at, err := h.zone.ParseInstant("at", stamp)
	if err != nil {
		h.t.Fatal(err)
	}
	return at
}

func (h *home) point(stamp, register string) *meter.Point {
	h.t.Helper()
	return &meter.Point{Slot: h.slot(stamp), Register: kwh(h.t, register)}
}

// use adds readings from one time to another. Each half hour uses what wh says of the hour
// and minute that the clock shows as it begins.
func (h *home) use(from, to string, wh func(day meter.Day, hour, minute int) int64) {
	h.t.Helper()
	total := int64(1_000_000)
	for slot := h.slot(from); slot <= h.slot(to); slot++ {
		register, _ := meter.RegisterFromParts(total, 3)
		h.history = append(h.history, meter.Point{Slot: slot, Register: register})
		t := h.zone.Time(slot)
		total += wh(h.zone.DayOf(slot), t.Hour(), t.Minute())
	}
}

func (h *home) estimator(mode vee.Mode) *vee.Estimator {
	return &vee.Estimator{Mode: mode, Zone: h.zone, Dials: h.dials, History: h.history}
}

// used returns the energy from one register to another.
func (h *home) used(from, to vee.Known) decimal.Decimal {
	return h.dials.TotalOn(to.Changes, to.Register).Sub(h.dials.TotalOn(from.Changes, from.Register)).Decimal
}

// morning uses 0.8 kWh from 12:00 to 12:30 and 4 kWh from 08:00 to 14:00; at night 0.1.
func morning(_ meter.Day, hour, minute int) int64 {
	switch {
	case hour == 12 && minute == 0:
		return 800
	case hour == 8 && minute == 0:
		return 640
	case hour >= 8 && hour < 14:
		return 256
	default:
		return 100
	}
}

func TestALongGapHasTheShapeOfLikeDays(t *testing.T) {
	h := newHome(t, "Asia/Singapore")
	h.use("2026-10-26T00:00", "2026-11-23T08:00", morning)
	from, to := h.point("2026-11-23T08:00", "2000"), h.point("2026-11-23T14:00", "2006")
	for _, c := range []struct {
		mode        vee.Mode
		noon, after string
		source      vee.Source
	}{
		{vee.Auto, "2003.648", "2004.848", vee.LikeDay}, // 1.2 kWh = 0.8 × 6 ÷ 4
		{vee.LinearOnly, "2004", "2004.5", vee.Linear},
	} {
		e := h.estimator(c.mode)
		noon, after := e.At(h.slot("2026-11-23T12:00"), from, to), e.At(h.slot("2026-11-23T12:30"), from, to)
		if want := (vee.Known{Point: meter.Point{Slot: h.slot("2026-11-23T12:00"), Register: kwh(t, c.noon)}, Source: c.source}); noon != want {
			t.Errorf("noon is %+v, want %+v", noon, want)
		}
		if after.Register != kwh(t, c.after) || after.Source != c.source {
			t.Errorf("12:30 is %+v, want %s", after, c.after)
		}
	}
}

func TestGapsUpToTwoHoursAreStraight(t *testing.T) {
	h := newHome(t, "Asia/Singapore")
	h.use("2026-10-26T00:00", "2026-11-23T12:00", morning)
	from := h.point("2026-11-23T12:00", "2000")
	for _, c := range []struct {
		to   string
		want vee.Source
	}{{"2026-11-23T14:00", vee.Linear}, {"2026-11-23T14:30", vee.LikeDay}} {
		if k := h.estimator(vee.Auto).At(h.slot("2026-11-23T12:30"), from, h.point(c.to, "2001")); k.Source != c.want {
			t.Errorf("a gap until %s is %+v", c.to, k)
		}
	}
}

func TestWhatIsNoLikeDay(t *testing.T) {
	for _, c := range []struct {
		name    string
		history func(h *home)
		want    vee.Source
	}{
		{"one Monday is enough", func(h *home) { h.use("2026-11-16T00:00", "2026-11-17T00:00", morning) }, vee.LikeDay},
		{"five weeks ago is too long", func(h *home) { h.use("2026-10-19T00:00", "2026-10-20T00:00", morning) }, vee.Linear},
		{"a Sunday", func(h *home) { h.use("2026-11-22T00:00", "2026-11-23T00:00", morning) }, vee.Linear},
		{"a day without its last register", func(h *home) { h.use("2026-11-16T00:00", "2026-11-16T23:30", morning) }, vee.Linear},
		{"a day with a gap", func(h *home) {
			h.use("2026-11-16T00:00", "2026-11-17T00:00", morning)
			h.history = slices.Delete(h.history, 20, 21)
		}, vee.Linear},
		{"a day in which nobody read a dial", func(h *home) {
			h.use("2026-11-16T00:00", "2026-11-17T00:00", morning)
			h.dials = meter.NewDials([]meter.Change{{At: h.instant("2026-11-16T10:17:00"), Kind: meter.Exchange, IsEstimated: true}})
		}, vee.Linear},
		{"a day without any use", func(h *home) {
			h.use("2026-11-16T00:00", "2026-11-17T00:00", func(meter.Day, int, int) int64 { return 0 })
		}, vee.Linear},
		{"none", func(*home) {}, vee.Linear},
	} {
		h := newHome(t, "Asia/Singapore")
		c.history(h)
		from, to := h.point("2026-11-23T08:00", "3000"), h.point("2026-11-23T14:00", "3006")
		if k := h.estimator(vee.Auto).At(h.slot("2026-11-23T12:00"), from, to); k.Source != c.want {
			t.Errorf("%s: %+v", c.name, k)
		}
	}
}

func TestLikeDaysGoByTheClock(t *testing.T) {
	onlyAtNine := func(_ meter.Day, hour, minute int) int64 {
		if hour == 9 && minute == 0 {
			return 1000
		}
		return 0
	}
	for _, c := range []struct{ history, from, to string }{
		{"2026-03-01T00:00", "2026-03-29T00:30", "2026-03-29T23:00"}, // the day of 46 half hours
		{"2026-09-27T00:00", "2026-10-25T00:30", "2026-10-25T23:00"}, // the day of 50
		{"2026-10-18T00:00", "2026-11-01T00:30", "2026-11-01T23:00"}, // after it
	} {
		h := newHome(t, "Europe/London")
		h.use(c.history, c.from, onlyAtNine)
		e, from, to := h.estimator(vee.Auto), h.point(c.from, "100"), h.point(c.to, "101")
		nine, after := h.slot(c.from[:10]+"T09:00"), h.slot(c.from[:10]+"T09:30")
		if a, b := e.At(nine, from, to), e.At(after, from, to); a.Register != kwh(t, "100") || b.Register != kwh(t, "101") || a.Source != vee.LikeDay {
			t.Errorf("%s: 09:00 is %+v, 09:30 %+v", c.from, a, b)
		}
	}
}

func TestAGapOverAnExchangeHasACornerThere(t *testing.T) {
	h := newHome(t, "Asia/Singapore")
	h.dials = meter.NewDials([]meter.Change{{
		At: h.instant("2026-11-23T10:17:00"), Kind: meter.Exchange, Old: kwh(t, "5123.4"), New: kwh(t, "0.2"),
	}})
	from, to := h.point("2026-11-23T09:30", "5123"), h.point("2026-11-23T11:00", "0.63")
	e := h.estimator(vee.LinearOnly)
	before, after := e.At(h.slot("2026-11-23T10:00"), from, to), e.At(h.slot("2026-11-23T10:30"), from, to)
	// 0.4 kWh in 47 minutes, 0.43 in 43
	if before.Register != kwh(t, "5123.255") || before.Changes != 0 || after.Register != kwh(t, "0.33") || after.Changes != 1 {
		t.Errorf("10:00 is %+v, 10:30 %+v", before, after)
	}
	if used := h.used(before, after); used.String() != "0.275" {
		t.Errorf("the half hour of the exchange used %v", used)
	}
	if source := vee.Between(&before, &after, h.dials); source != vee.Linear {
		t.Errorf("its source is %v", source)
	}
}

func TestAnExchangeAfterTheLastReadingIsAKnownRegister(t *testing.T) {
	h := newHome(t, "Asia/Singapore")
	h.dials = meter.NewDials([]meter.Change{{
		At: h.instant("2026-11-23T10:15:00"), Kind: meter.Exchange, Old: kwh(t, "10.75"), New: kwh(t, "500"),
	}})
	last := h.point("2026-11-23T09:30", "10")
	h.history = []meter.Point{*last}
	e := h.estimator(vee.Auto)
	if k := e.At(h.slot("2026-11-23T10:00"), last, nil); k.Register != kwh(t, "10.5") || k.Source != vee.Linear {
		t.Errorf("before it: %+v", k)
	}
	// The mean day is that of 45 minutes: 1 kWh an hour.
	if k := e.At(h.slot("2026-11-23T10:30"), last, nil); k.Register != kwh(t, "500.25") || k.Source != vee.MeanDayAhead || k.Changes != 1 {
		t.Errorf("after it: %+v", k)
	}
	if k := h.estimator(vee.LinearOnly).At(h.slot("2026-11-23T10:30"), last, nil); k != vee.Unknown(h.slot("2026-11-23T10:30"), h.dials) {
		t.Errorf("linear, after it: %+v", k)
	}
}

func TestADialThatNobodyReadIsASubstitute(t *testing.T) {
	h := newHome(t, "Asia/Singapore")
	h.dials = meter.NewDials([]meter.Change{{
		At: h.instant("2026-11-23T10:15:00"), Kind: meter.Exchange, Old: kwh(t, "10.75"), IsEstimated: true, Estimated: kwh(t, "0.75"),
	}})
	from, to := vee.Read(*h.point("2026-11-23T10:00", "10"), h.dials), vee.Read(*h.point("2026-11-23T10:30", "1"), h.dials)
	if source := vee.Between(&from, &to, h.dials); source.Quality() != "SUBSTITUTE" || source.Method() != "edited" {
		t.Errorf("%v %v", source.Quality(), source.Method())
	}
	if source := vee.Between(&to, &to, h.dials); source.Quality() != "ACTUAL" || source.Method() != "" {
		t.Errorf("after it: %v %v", source.Quality(), source.Method())
	}
}

func TestAGapOverARolloverWrapsWhereTheDialDoes(t *testing.T) {
	h := newHome(t, "Asia/Singapore")
	from, to := h.point("2026-11-23T10:00", "99998.5"), h.point("2026-11-23T11:30", "1.25")
	h.dials = meter.NewDials([]meter.Change{{At: from.Slot.Instant(), Kind: meter.Rollover, Old: kwh(t, "100000")}})
	e := h.estimator(vee.LinearOnly)
	one, two := e.At(from.Slot+1, from, to), e.At(from.Slot+2, from, to)
	if one.Register != kwh(t, "99999.416") || one.Changes != 0 || two.Register != kwh(t, "0.333") || two.Changes != 1 {
		t.Errorf("%+v, then %+v", one, two)
	}
	if sum := h.used(vee.Read(*from, h.dials), one).Add(h.used(one, two)).Add(h.used(two, vee.Read(*to, h.dials))); sum.String() != "2.75" {
		t.Errorf("the three use %v", sum)
	}
}

func TestAfterTheLastRegisterLikeDaysGoOn(t *testing.T) {
	h := newHome(t, "Asia/Singapore")
	h.use("2026-11-16T00:00", "2026-11-18T00:00", morning) // a Monday and a Tuesday
	h.history = append(h.history, *h.point("2026-11-23T08:00", "2000"))
	last := &h.history[len(h.history)-1]
	e := h.estimator(vee.Auto)
	for _, c := range []struct {
		at, want string
		source   vee.Source
	}{
		{"2026-11-23T14:00", "2004.0", vee.LikeDayAhead},
		{"2026-11-24T00:00", "2006", vee.LikeDayAhead},
		{"2026-11-24T08:00", "2007.6", vee.LikeDayAhead},
		{"2026-11-25T00:00", "2013.6", vee.LikeDayAhead}, // no Wednesday is known
	} {
		if k := e.At(h.slot(c.at), last, nil); k.Register.Cmp(kwh(t, c.want)) != 0 || k.Source != c.source {
			t.Errorf("%s is %+v, want %s", c.at, k, c.want)
		}
	}
	k := e.At(h.slot("2026-11-25T01:00"), last, nil)
	if k.Source != vee.MeanDayAhead || k.Source.Quality() != "ESTIMATE" || k.Register.Cmp(kwh(t, "2013.6")) <= 0 {
		t.Errorf("on Wednesday it is %+v", k)
	}
}

func TestTheMeanDayIsThatOfTheDayBeforeTheLastRegister(t *testing.T) {
	for _, c := range []struct {
		name, want string
		history    [][2]string
	}{
		{"the last two", "112", [][2]string{{"2026-11-01T00:00", "10"}, {"2026-11-21T00:00", "90"}, {"2026-11-22T00:00", "100"}}},
		{"more than a day apart", "106", [][2]string{{"2026-11-02T00:00", "0"}, {"2026-11-22T00:00", "100"}}},
		{"a day back, whatever came between", "112", [][2]string{{"2026-11-21T00:00", "90"}, {"2026-11-21T23:30", "90.5"}, {"2026-11-22T00:00", "100"}}},
		{"less than a day is all there is", "112", [][2]string{{"2026-11-21T12:00", "95"}, {"2026-11-22T00:00", "100"}}},
		{"one only", "", [][2]string{{"2026-11-22T00:00", "100"}}},
	} {
		h := newHome(t, "Asia/Singapore")
		for _, p := range c.history {
			h.history = append(h.history, *h.point(p[0], p[1]))
		}
		at := h.slot("2026-11-23T05:00") // 29 hours on
		k := h.estimator(vee.Auto).At(at, &h.history[len(h.history)-1], nil)
		if c.want == "" {
			if k.Source != vee.Missing {
				t.Errorf("%s: %+v", c.name, k)
			}
		} else if k.Source != vee.MeanDayAhead || k.Register.Decimal().Truncate(0).String() != c.want {
			t.Errorf("%s: %+v, want %s", c.name, k, c.want)
		}
	}
}

func TestNothingIsKnownOfAMeterWithoutReadings(t *testing.T) {
	h := newHome(t, "Asia/Singapore")
	for _, mode := range []vee.Mode{vee.LinearOnly, vee.Auto} {
		for _, after := range []*meter.Point{nil, h.point("2026-11-23T10:00", "1")} {
			if k := h.estimator(mode).At(h.slot("2026-11-23T09:00"), nil, after); k.Source != vee.Missing {
				t.Errorf("%+v", k)
			}
		}
	}
}

// TestEstimatesRiseAndAddUp draws a history, a gap and what happens to the dial in it.
func TestEstimatesRiseAndAddUp(t *testing.T) {
	h := newHome(t, "Europe/London")
	rapid.Check(t, func(rt *rapid.T) {
		h.history, h.dials = nil, nil
		start := h.slot("2026-10-04T00:00") + meter.Slot(rapid.Uint32Range(0, 2000).Draw(rt, "start"))
		begin := start + meter.Slot(rapid.Uint32Range(1, 2000).Draw(rt, "history"))
		length := meter.Slot(rapid.Uint32Range(2, 700).Draw(rt, "length"))
		scale := rapid.Uint8Range(0, 9).Draw(rt, "decimals")
		total := rapid.Int64Range(0, 1_000_000).Draw(rt, "total")
		step := rapid.Int64Range(0, 3000)
		for slot := start; slot <= begin; slot++ {
			register, _ := meter.RegisterFromParts(total, scale)
			h.history = append(h.history, meter.Point{Slot: slot, Register: register})
			if slot < begin {
				total += step.Draw(rt, "wh")
			}
		}
		from := h.history[len(h.history)-1]
		rise := rapid.Int64Range(0, 1_000_000).Draw(rt, "rise")
		last, _ := meter.RegisterFromParts(total+rise, scale)
		switch rapid.IntRange(0, 2).Draw(rt, "change") {
		case 1: // an exchange within the gap
			at := from.Slot.Instant() + meter.Instant(rapid.Int64Range(0, int64(length)*1800-1).Draw(rt, "at"))
			part := rapid.Int64Range(0, rise).Draw(rt, "part")
			old, _ := meter.RegisterFromParts(total+part, scale)
			begins, _ := meter.RegisterFromParts(rapid.Int64Range(0, 10_000_000).Draw(rt, "new"), 3)
			h.dials = meter.NewDials([]meter.Change{{At: at, Kind: meter.Exchange, Old: old, New: begins}})
			last, _ = meter.ParseRegister(begins.Decimal().Add(decimal.New(rise-part, -int32(scale))).String())
		case 2: // the dial rolls over
			if rise == 0 {
				break
			}
			modulus, _ := meter.RegisterFromParts(total+rapid.Int64Range(1, rise).Draw(rt, "modulus"), scale)
			h.dials = meter.NewDials([]meter.Change{{At: from.Slot.Instant(), Kind: meter.Rollover, Old: modulus}})
			last, _ = meter.ParseRegister(last.Decimal().Sub(modulus.Decimal()).String())
		}
		to := meter.Point{Slot: from.Slot + length, Register: last}
		e := h.estimator(rapid.SampledFrom([]vee.Mode{vee.LinearOnly, vee.Auto}).Draw(rt, "mode"))
		sum, before := decimal.Zero, vee.Read(from, h.dials)
		for slot := from.Slot + 1; slot <= to.Slot; slot++ {
			k := vee.Read(to, h.dials)
			if slot < to.Slot {
				k = e.At(slot, &from, &to)
			}
			if used := h.used(before, k); k.Source == vee.Missing || used.IsNegative() {
				rt.Fatalf("%v uses %v until %+v", before, used, k)
			}
			sum, before = sum.Add(h.used(before, k)), k
		}
		if want := decimal.New(rise, -int32(scale)); !sum.Equal(want) {
			rt.Fatalf("the gap adds up to %v, want %v", sum, want)
		}
		// Whichever is asked for first, it is the same.
		slot := from.Slot + 1 + meter.Slot(rapid.Uint32Range(0, uint32(length-2)).Draw(rt, "slot"))
		again := h.estimator(e.Mode)
		if one, other := e.At(slot, &from, &to), again.At(slot, &from, &to); one != other {
			rt.Fatalf("%+v is %+v if it is asked for first", one, other)
		}
	})
}
