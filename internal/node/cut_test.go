package node_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"meterledger/internal/closing"
	"meterledger/internal/dialtest"
	"meterledger/internal/faulttest"
	"meterledger/internal/ledger"
	"meterledger/internal/meter"
	"meterledger/internal/query"
	"meterledger/internal/tools/households"
	"meterledger/internal/vee"
)

// cutLives is how many lives of real homes the whole proof goes through.
const cutLives = 500

// TestACutMeterAnswersAsTheUncutOne has real homes live with meters that are exchanged, that roll
// over and that are late, in any order with closings, snapshots and restarts. In the end they are
// held against the same home with one meter for ever.
func TestACutMeterAnswersAsTheUncutOne(t *testing.T) {
	homes, err := households.Load()
	if err != nil {
		t.Fatal(err)
	}
	zone := loadZone(t, "Europe/London")
	lives := 0
	for again := true; again; again = faulttest.Whole() && lives < cutLives {
		rapid.Check(t, func(rt *rapid.T) {
			lives++
			uncut := drawHome(rt, zone, homes)
			l := &cutLife{bench: &bench{t: t, fs: vfs.NewCrashableMem(), zone: zone, now: now, refusalsMax: 1_000_000}, cut: drawCut(rt, uncut)}
			l.snapshotBytes = rapid.SampledFrom([]int64{0, 3000}).Draw(rt, "snapshotBytes")
			l.open()
			defer func() { l.close() }()
			l.begin(rt)
			l.slip(rt)
			rt.Repeat(map[string]func(*rapid.T){
				"send":     l.send,
				"exchange": l.exchangeOne,
				"back":     l.takeBackOne,
				"correct":  l.correctOne,
				"retake":   l.retake,
				"month": func(rt *rapid.T) {
					l.closeMonth(rt, meter.Month{Year: 2026, Month: time.Month(rapid.IntRange(8, 10).Draw(rt, "month"))})
				},
				"day":      l.closeDay,
				"snapshot": func(*rapid.T) { l.snapshot() },
				"restart":  func(*rapid.T) { l.restart() },
				"kill": func(*rapid.T) {
					l.kill()
					l.forgot = true
				},
			})
			l.settle(rt)
			truth := uncutBench(t, rt, zone, uncut)
			defer truth.close()
			l.wantTruth(rt, truth)
			if rapid.Bool().Draw(rt, "restore") {
				l.loses(cutMeter)
				l.restores()
				l.wantTruth(rt, truth)
			}
		})
	}
	t.Logf("%d lives of real homes: a cut meter answers as the uncut one", lives)
}

const cutMeter meter.ID = "CUT"

// drawHome draws some weeks of a home, around the turn of a month.
func drawHome(rt *rapid.T, zone *meter.Zone, homes []households.Household) (uncut []meter.Point) {
	longest := 250
	if faulttest.Whole() {
		longest = 1200
	}
	home := homes[rapid.IntRange(0, len(homes)-1).Draw(rt, "home")]
	registers := home.Registers(decimal.NewFromInt(rapid.SampledFrom([]int64{0, 1000}).Draw(rt, "opening")))
	turn := zone.DayStart(meter.Day{Year: 2026, Month: time.Month(rapid.IntRange(9, 10).Draw(rt, "turn")), Day: 1})
	first := rapid.IntRange(0, len(registers)-1).Draw(rt, "first of the home")
	registers = registers[first:min(len(registers), first+rapid.IntRange(2, longest).Draw(rt, "length"))]
	before := turn - meter.Slot(rapid.IntRange(0, registers[len(registers)-1].HalfHour-registers[0].HalfHour).Draw(rt, "before the turn"))
	placed := households.Shift(cutMeter, registers, before-meter.Slot(registers[0].HalfHour), zone.Floor(now))
	for _, r := range placed.Readings {
		uncut = append(uncut, meter.Point{Slot: r.Slot, Register: r.Register})
	}
	return uncut
}

// drawCut cuts a home. A dial that rolls over goes through less than one turn, since readings may
// come in any order; see TestTheOrderInWhichReadingsAndExchangesComeDoesNotMatter of meter.
func drawCut(rt *rapid.T, uncut []meter.Point) dialtest.Meter {
	used := uncut[len(uncut)-1].Register.Decimal().Sub(uncut[0].Register.Decimal())
	fits := slices.DeleteFunc(slices.Clone(dialtest.Moduli), func(m meter.Register) bool { return m.Decimal().LessThanOrEqual(used) })
	if rapid.Bool().Draw(rt, "rolls over") {
		return dialtest.Draw(rt, uncut, rapid.SampledFrom(fits).Draw(rt, "modulus"), 1)
	}
	return dialtest.Draw(rt, uncut, meter.Register{}, 4)
}

// cutLife is the life of one home's meters.
type cutLife struct {
	*bench
	cut     dialtest.Meter
	unsent  []meter.Point  // in order of time; some of them wrong
	wrong   []glitch       // that are not corrected
	unknown []meter.Change // exchanges that are not entered
	entered []meter.Change
	forgot  bool // it was killed, and may not have written down yet what it had refused
}

// glitch is a wrong reading.
type glitch struct {
	right meter.Point
	sent  meter.Register
}

func (l *cutLife) begin(rt *rapid.T) {
	l.register(cutMeter)
	if err := l.SetLimits(context.Background(), cutMeter, l.cut.Limits, ""); err != nil {
		rt.Fatal(err)
	}
	l.unsent, l.unknown = slices.Clone(l.cut.Shown), slices.Clone(l.cut.Changes)
}

// slip makes some readings wrong: mostly far too high, so that those after it are refused.
func (l *cutLife) slip(rt *rapid.T) {
	for range rapid.IntRange(0, 2).Draw(rt, "glitches") {
		i := rapid.IntRange(0, len(l.unsent)-1).Draw(rt, "glitch")
		if right := l.cut.Shown[i]; l.unsent[i] == right && !l.isExchangedAt(right.Slot) {
			if wrong := l.bent(rt, right.Register); wrong != right.Register {
				l.unsent[i].Register = wrong
				l.wrong = append(l.wrong, glitch{right, wrong})
			}
		}
	}
}

// isExchangedAt reports whether a register at a slot is given with an exchange.
func (l *cutLife) isExchangedAt(slot meter.Slot) bool {
	return slices.ContainsFunc(l.cut.Changes, func(c meter.Change) bool { return c.At == slot.Instant() })
}

// bent returns another register that a dial can show.
func (l *cutLife) bent(rt *rapid.T, right meter.Register) meter.Register {
	more := rapid.SampledFrom([]decimal.Decimal{decimal.New(1, -9), decimal.New(3344, -1), decimal.NewFromInt(100_000)}).Draw(rt, "too much")
	wrong := right.Decimal().Add(more)
	if modulus := l.cut.Limits.RollsOverAt.Decimal(); modulus.IsPositive() {
		wrong = wrong.Mod(modulus)
	}
	return kwh(rt, wrong.String())
}

// correctOne corrects a wrong reading, if it was taken.
func (l *cutLife) correctOne(rt *rapid.T) {
	if len(l.wrong) > 0 {
		l.correct(rt, rapid.IntRange(0, len(l.wrong)-1).Draw(rt, "corrected"))
	}
}

// correct looks at what stands at a wrong reading's time, as an operator does: it corrects what
// is wrong, and records by hand what was refused.
func (l *cutLife) correct(rt *rapid.T, i int) bool {
	g := l.wrong[i]
	if slices.ContainsFunc(l.unsent, func(p meter.Point) bool { return p.Slot == g.right.Slot }) {
		return false
	}
	at := meter.Window{From: g.right.Slot, To: g.right.Slot}
	stored := l.readings(rt, cutMeter, at)
	if len(stored) == 0 {
		l.post(rt, []meter.Point{g.right})
		stored = l.readings(rt, cutMeter, at)
	}
	switch {
	case len(stored) == 0: // another is wrong, or an exchange is missing
		return false
	case stored[0].Register == g.sent:
		err := l.Correct(context.Background(), cutMeter, []ledger.Correction{{Slot: g.right.Slot, Expect: g.sent, Reading: &g.right.Register}}, "a glitch", "Ann")
		if got := code(rt, err); got == meter.CodeReadingDecreases { // another is wrong, or an exchange is missing
			return false
		} else if got != "" {
			rt.Fatalf("%+v: %v", g, err)
		}
	}
	l.wrong = slices.Delete(l.wrong, i, i+1)
	return true
}

// withdrawOne withdraws a wrong reading that was taken, as an operator does if neither what is right
// there nor an exchange before it fits without the other.
func (l *cutLife) withdrawOne(rt *rapid.T) bool {
	for _, g := range l.wrong {
		stored := l.readings(rt, cutMeter, meter.Window{From: g.right.Slot, To: g.right.Slot})
		if len(stored) == 0 || stored[0].Register != g.sent {
			continue
		}
		if err := l.Correct(context.Background(), cutMeter, []ledger.Correction{{Slot: g.right.Slot, Expect: g.sent}}, "a glitch", "Ann"); err != nil {
			rt.Fatalf("%+v is not withdrawn: %v", g, err)
		}
		return true
	}
	return false
}

// send sends some of what is left: the next, or some from anywhere.
func (l *cutLife) send(rt *rapid.T) {
	if len(l.unsent) == 0 {
		return
	}
	first := 0
	if rapid.IntRange(0, 2).Draw(rt, "late") == 0 {
		first = rapid.IntRange(0, len(l.unsent)-1).Draw(rt, "skipped")
	}
	end := min(len(l.unsent), first+rapid.SampledFrom([]int{1, 2, 48, 400}).Draw(rt, "count"))
	l.post(rt, l.unsent[first:end])
	l.unsent = slices.Delete(l.unsent, first, end)
}

// post sends readings. Those that do not fit yet are kept, to be taken again.
func (l *cutLife) post(rt *rapid.T, points []meter.Point) {
	var readings []meter.Reading
	for _, p := range points {
		readings = append(readings, meter.Reading{Meter: cutMeter, Slot: p.Slot, Register: p.Register})
	}
	results, err := l.RecordMany(context.Background(), readings)
	if err != nil {
		rt.Fatal(err)
	}
	for _, r := range results {
		if c := code(rt, r.Err); c != "" && c != meter.CodeReadingDecreases && c != meter.CodeReadingConflict {
			rt.Fatal(r.Err)
		}
	}
}

// exchangeOne enters an exchange, before its readings or after them.
func (l *cutLife) exchangeOne(rt *rapid.T) {
	if len(l.unknown) > 0 {
		l.enter(rt, rapid.IntRange(0, len(l.unknown)-1).Draw(rt, "exchange"))
	}
}

func (l *cutLife) enter(rt *rapid.T, i int) bool {
	c := l.unknown[i]
	repeated, err := l.Exchange(context.Background(), cutMeter, c, false)
	switch got := code(rt, err); {
	case got == meter.CodeReadingDecreases: // another is missing
		return false
	case got != "" || repeated:
		rt.Fatalf("exchange %+v: repeated %v, %v", c, repeated, err)
	}
	if repeated, err := l.Exchange(context.Background(), cutMeter, c, false); err != nil || !repeated {
		rt.Fatalf("the same exchange again: repeated %v, %v", repeated, err)
	}
	other := c
	other.New = kwh(rt, c.New.Decimal().Add(decimal.New(1, -9)).String())
	if _, err := l.Exchange(context.Background(), cutMeter, other, false); code(rt, err) != meter.CodeExchangeConflict {
		rt.Fatalf("another exchange at the same time: %v", err)
	}
	l.unknown, l.entered = slices.Delete(l.unknown, i, i+1), append(l.entered, c)
	return true
}

// takeBackOne takes an exchange back, to be entered again.
func (l *cutLife) takeBackOne(rt *rapid.T) {
	if len(l.entered) == 0 {
		return
	}
	i := rapid.IntRange(0, len(l.entered)-1).Draw(rt, "taken back")
	c := l.entered[i]
	err := l.TakeBack(context.Background(), cutMeter, c.At, "")
	switch got := code(rt, err); got {
	case "":
		l.entered, l.unknown = slices.Delete(l.entered, i, i+1), append(l.unknown, c)
	case meter.CodeReadingDecreases:
	default:
		rt.Fatal(err)
	}
}

func (l *cutLife) retake(rt *rapid.T) {
	if _, err := l.Retake(context.Background(), cutMeter); err != nil {
		rt.Fatal(err)
	}
}

func (l *cutLife) closeMonth(rt *rapid.T, month meter.Month) {
	if run := l.maintain(closing.Request{Kind: closing.Monthly, Month: month}); run.Err != nil {
		rt.Fatal(run.Err)
	}
}

func (l *cutLife) closeDay(rt *rapid.T) {
	p := rapid.SampledFrom(l.cut.Uncut).Draw(rt, "in the day")
	if run := l.maintain(closing.Request{Kind: closing.Daily, Day: l.zone.DayOf(p.Slot)}); run.Err != nil {
		rt.Fatal(run.Err)
	}
}

// settle sends and enters what is left, in order of time, and closes all months again.
func (l *cutLife) settle(rt *rapid.T) {
	for len(l.unsent) > 0 {
		n := min(len(l.unsent), 1000)
		l.post(rt, l.unsent[:n])
		l.unsent = l.unsent[n:]
	}
	slices.SortFunc(l.unknown, func(a, b meter.Change) int { return int(a.At - b.At) })
	for again := true; again; l.retake(rt) {
		again = false
		for i := len(l.unknown) - 1; i >= 0; i-- {
			again = l.enter(rt, i) || again
		}
		for i := len(l.wrong) - 1; i >= 0; i-- {
			again = l.correct(rt, i) || again
		}
		again = again || l.withdrawOne(rt)
	}
	if l.forgot {
		l.post(rt, l.cut.Shown)
	}
	if len(l.unknown)+len(l.wrong) > 0 {
		rt.Fatalf("%+v and %+v fit nowhere", l.unknown, l.wrong)
	}
	for _, month := range []time.Month{8, 9, 10} {
		l.closeMonth(rt, meter.Month{Year: 2026, Month: month})
	}
}

// uncutBench is a ledger with the same home and one meter for ever.
func uncutBench(t *testing.T, rt *rapid.T, zone *meter.Zone, uncut []meter.Point) *cutLife {
	b := &cutLife{bench: &bench{t: t, fs: vfs.NewMem(), zone: zone, now: now, refusalsMax: 1_000_000}, cut: dialtest.Meter{Uncut: uncut, Shown: uncut}}
	b.open()
	b.begin(rt)
	b.settle(rt)
	return b
}

// wantTruth compares all that can be asked of a meter.
func (l *cutLife) wantTruth(rt *rapid.T, truth *cutLife) {
	all := meter.Window{From: l.cut.Uncut[0].Slot - 1, To: l.cut.Uncut[len(l.cut.Uncut)-1].Slot + 1}
	got := l.readings(rt, cutMeter, all)
	for i, want := range l.cut.Shown {
		if i >= len(got) || got[i] != want {
			rt.Fatalf("reading %d of %d is not %v: %v", i, len(l.cut.Shown), want, got[min(i, len(got)):])
		}
	}
	if len(got) != len(l.cut.Shown) {
		rt.Fatalf("there are %d readings, not %d", len(got), len(l.cut.Shown))
	}
	for month := range 4 {
		name := meter.Month{Year: 2026, Month: time.August}.Add(month)
		l.wantSame(rt, "the bill of "+name.String(), (*cutLife).billed, truth, l.zone.MonthWindow(name))
		l.wantSame(rt, "the month "+name.String(), (*cutLife).used, truth, l.zone.MonthWindow(name))
	}
	for range 8 {
		i, j := rapid.IntRange(0, all.Points()-1).Draw(rt, "from"), rapid.IntRange(0, all.Points()-1).Draw(rt, "to")
		w := meter.Window{From: all.From + meter.Slot(min(i, j)), To: all.From + meter.Slot(max(i, j))}
		l.wantSame(rt, "a window", (*cutLife).used, truth, w)
		l.wantSame(rt, "a series", (*cutLife).series, truth, w)
	}
}

func (l *cutLife) wantSame(rt *rapid.T, what string, ask func(*cutLife, fataler, meter.Window) string, truth *cutLife, w meter.Window) {
	if got, want := ask(l, rt, w), ask(truth, rt, w); got != want {
		rt.Fatalf("%s from %s to %s\n got %s\nwant %s\nby %+v, %+v", what, l.zone.Stamp(w.From), l.zone.Stamp(w.To), got, want, l.cut.Changes, l.cut.Limits)
	}
}

// used is what is said of a window's consumption, the registers left out.
func (l *cutLife) used(t fataler, w meter.Window) string {
	c, err := l.Consumption(cutMeter, w, vee.None)
	if code(t, err) != "" {
		return string(code(t, err))
	}
	return fmt.Sprint(c.Energy(), c.Start.Slot, c.End.Slot, c.Readings, c.Expected)
}

func (l *cutLife) billed(t fataler, w meter.Window) string {
	bill, err := l.Bill(cutMeter, l.zone.MonthOf(w.From))
	if code(t, err) != "" {
		return string(code(t, err))
	}
	return fmt.Sprint(bill.Consumption(), bill.Start.Slot, bill.End.Slot, bill.Readings, bill.Expected)
}

// series is what is said of a window's half hours, hours and days, which add up to it.
func (l *cutLife) series(t fataler, w meter.Window) (said string) {
	whole, err := l.Consumption(cutMeter, w, vee.None)
	for _, interval := range []query.Interval{query.HalfHour, query.Hour, query.Day} {
		page, pageErr := l.Series(cutMeter, query.SeriesQuery{Window: w, Interval: interval, PageSize: 10_000})
		if pageErr != nil {
			t.Fatal(pageErr)
		}
		sum, isKnown := decimal.Zero, page.Count() > 0
		for bucket := range page.Buckets() {
			isReceived := bucket.Source != vee.Missing
			if isKnown = isKnown && isReceived; isReceived {
				sum = sum.Add(bucket.Energy().Decimal)
				said += fmt.Sprint(" ", bucket.Energy())
			}
		}
		page.Release()
		if isKnown && (err != nil || !sum.Equal(whole.Energy().Decimal)) {
			t.Fatalf("the parts add up to %v, the whole is %v, %v", sum, whole.Energy(), err)
		}
	}
	return said
}
