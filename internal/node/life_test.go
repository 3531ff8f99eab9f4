package node_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/archive"
	"meterledger/internal/closing"
	"meterledger/internal/durable"
	"meterledger/internal/ledger"
	"meterledger/internal/meter"
	"meterledger/internal/node"
)

// life is a ledger that goes through a plan, step by step, before a witness. It
// goes on after an error for as long as the ledger says that it can.
type life struct {
	witness
	fs            vfs.FS
	zone          *meter.Zone
	snapshotBytes int64

	node *node.Node // nil before it is open and after it is closed
	errs []error    // what failed, in order
	// unanswered are those of them after which nobody knows whether something was taken,
	// so that the ledger must have failed for good.
	unanswered []error
	over       bool // nothing can be asked any more
}

// lifeMeters are all meters of a life. Each has registers of another sort.
var lifeMeters = []meter.ID{"A", "B", "C", "D", "newcomer"}

func ownerOf(id meter.ID) string { return "Owner of " + string(id) }

// registerOf is what a meter shows at a slot: A and others in Wh, B stands still
// most of the time, C has all digits that there are.
func registerOf(id meter.ID, slot meter.Slot) meter.Register {
	digits, scale := int64(slot)*125, uint8(3)
	switch id {
	case "B":
		digits, scale = int64(slot)/100, 0
	case "C":
		digits, scale = int64(slot)*100_000_000_003, 9
	}
	register, ok := meter.RegisterFromParts(digits, scale)
	if !ok {
		panic("BUG: a test's register is outside the limits")
	}
	return register
}

var quiet = slog.New(slog.DiscardHandler)

func optionsOn(fs vfs.FS, zone *meter.Zone) node.Options {
	return node.Options{
		FS: fs, DataDir: "data", ArchiveDir: "Archive", Zone: zone,
		Now: func() time.Time { return now }, Log: quiet, Holder: "a test", RefusalsMax: 1_000_000,
	}
}

// fail takes an error that is no refusal.
func (c *life) fail(what string, err error) {
	if err != nil {
		c.errs = append(c.errs, fmt.Errorf("%s: %w", what, err))
	}
}

// failFinally takes an error that leaves a caller without an answer.
func (c *life) failFinally(what string, err error) {
	c.fail(what, err)
	if err != nil {
		c.unanswered = append(c.unanswered, err)
	}
}

// hasFailed reports whether the ledger says that it takes nothing any more.
func (c *life) hasFailed() bool {
	select {
	case <-c.node.Failed():
		return true
	default:
		return false
	}
}

func (c *life) open() {
	o := optionsOn(c.fs, c.zone)
	o.SnapshotBytes = c.snapshotBytes
	l, err := node.Open(context.Background(), o)
	if err != nil {
		c.fail("opening", err)
		c.over = true
		return
	}
	c.node = l
}

func (c *life) close() {
	l := c.node
	c.node = nil
	c.fail("closing", l.Close())
}

func (c *life) restart() {
	c.close()
	c.open()
}

func (c *life) register(id meter.ID) {
	i := c.send(fact{account: id})
	c.failFinally("registering", c.answered(i, c.node.Register(context.Background(), id, ownerOf(id), "1 Road")))
}

// record sends one reading, as every request for one does.
func (c *life) record(id meter.ID, slot meter.Slot) error {
	r := meter.Reading{Meter: id, Slot: slot, Register: registerOf(id, slot)}
	i := c.send(fact{reading: r})
	_, err := c.node.Record(context.Background(), r)
	return c.answered(i, err)
}

// single sends the readings of a day's hours one by one.
func (c *life) single(day meter.Day, hours int, ids ...meter.ID) {
	for hour := range hours {
		for _, id := range ids {
			c.failFinally("recording", c.record(id, c.zone.DayStart(day)+meter.Slot(2*hour)))
		}
	}
}

// sideBySide sends the readings at half past of several meters at the same time,
// which share batches.
func (c *life) sideBySide(day meter.Day, hours int, ids ...meter.ID) {
	errs := make([]error, len(ids))
	var group sync.WaitGroup
	for i, id := range ids {
		group.Go(func() {
			for hour := range hours {
				errs[i] = errors.Join(errs[i], c.record(id, c.zone.DayStart(day)+meter.Slot(2*hour+1)))
			}
		})
	}
	group.Wait()
	c.failFinally("recording side by side", errors.Join(errs...))
}

// many sends a day of readings in one call, some of them again.
func (c *life) many(day meter.Day, ids ...meter.ID) {
	var readings []meter.Reading
	var facts []fact
	for _, id := range ids {
		for n := range meter.Slot(48) {
			slot := c.zone.DayStart(day) + n
			r := meter.Reading{Meter: id, Slot: slot, Register: registerOf(id, slot)}
			readings, facts = append(readings, r), append(facts, fact{reading: r})
		}
	}
	first := c.send(facts...)
	results, err := c.node.RecordMany(context.Background(), readings)
	for i, result := range results {
		c.failFinally("recording many", c.answered(first+i, result.Err))
	}
	c.failFinally("recording many", err)
}

// exchange is one of a meter, or that it is taken back.
type exchange struct {
	meter       meter.ID
	at          meter.Instant
	old, first  meter.Register
	isTakenBack bool
}

// exchangeAfter is an exchange ten minutes after a slot, by which the new dial shows what
// registerOf gives.
func exchangeAfter(id meter.ID, slot meter.Slot) exchange {
	digits, scale := registerOf(id, slot).Parts()
	old, _ := meter.RegisterFromParts(digits*100+5, scale+2)
	return exchange{meter: id, at: slot.Instant() + 600, old: old, first: registerOf(id, slot)}
}

func (c *life) exchange(x exchange) {
	i := c.send(fact{exchange: &x})
	var err error
	if x.isTakenBack {
		err = c.node.TakeBack(context.Background(), x.meter, x.at, "")
	} else {
		_, err = c.node.Exchange(context.Background(), x.meter, meter.Change{At: x.at, Kind: meter.Exchange, Old: x.old, New: x.first}, false)
	}
	var refused *meter.Error
	if errors.As(err, &refused) && refused.Code == meter.CodeReadingDecreases {
		c.fail("exchanging", err)
	}
	c.failFinally("exchanging", c.answered(i, err))
}

// exchanges enters exchanges around a day, one of them in a month that is closed, and takes one
// back.
func (c *life) exchanges(day meter.Day) {
	first, second := exchangeAfter("A", c.zone.DayStart(day)+3), exchangeAfter("B", c.zone.DayStart(day)+5)
	c.exchange(first)
	c.exchange(second)
	c.exchange(exchangeAfter("A", c.zone.DayStart(day)+meter.SlotsPerDay))
	first.isTakenBack = true
	c.exchange(first)
}

// correctedReading is a reading that is corrected to show a little more than registerOf gives.
type correctedReading struct {
	meter meter.ID
	slot  meter.Slot
	after meter.Register
}

func (c *life) correct(id meter.ID, slot meter.Slot) {
	r := correctedReading{id, slot, exchangeAfter(id, slot).old}
	i := c.send(fact{corrected: &r})
	err := c.node.Correct(context.Background(), id, []ledger.Correction{{Slot: slot, Expect: registerOf(id, slot), Reading: &r.after}}, "a wrong reading", "")
	var refused *meter.Error
	if errors.As(err, &refused) {
		c.fail("correcting", err)
	}
	c.failFinally("correcting", c.answered(i, err))
}

// refused sends what no ledger may take.
func (c *life) refused(day meter.Day) {
	wrong := meter.Reading{Meter: "A", Slot: c.zone.DayStart(day), Register: registerOf("A", 1)}
	for _, r := range []meter.Reading{wrong, {Meter: "nobody", Slot: wrong.Slot, Register: wrong.Register}} {
		_, err := c.node.Record(context.Background(), r)
		var refused *meter.Error
		if err == nil {
			c.fail("recording what is wrong", errors.New("it was taken"))
		} else if !errors.As(err, &refused) {
			c.fail("recording what is wrong", err)
		}
	}
}

func (c *life) reception(on bool) {
	i := c.send(fact{reception: &on})
	change := c.node.Shutdown
	if on {
		change = c.node.Resume
	}
	c.failFinally("switching reception", c.answered(i, change(context.Background())))
}

func (c *life) maintain(q closing.Request) {
	i := c.send(fact{run: &q})
	run, err := c.node.Start(q)
	if err == nil {
		<-run.Done()
		err = run.Err
	}
	if err == nil { // one that failed may have come as far as it likes
		err = c.answered(i, nil, run.Archives...)
	}
	c.fail("maintenance", err)
}

func (c *life) daily(day meter.Day) {
	c.maintain(closing.Request{Kind: closing.Daily, Day: day})
}

func (c *life) monthly(month meter.Month) {
	c.maintain(closing.Request{Kind: closing.Monthly, Month: month})
}

// restore puts a file of the Python original into the archive and has it read.
func (c *life) restore(day meter.Day) {
	content := meter.RowHeader + "\n"
	var facts []fact
	for n := range meter.Slot(4) {
		slot := c.zone.DayStart(day) + n
		r := meter.Reading{Meter: "A", Slot: slot, Register: registerOf("A", slot)}
		facts = append(facts, fact{reading: r})
		content += fmt.Sprintf("A,%s,%v\n", c.zone.Stamp(slot), r.Register)
	}
	path := c.fs.PathJoin("Archive", archive.Name(day.Period()))
	err := durable.WriteFile(c.fs, path, func(w io.Writer) error { _, err := io.WriteString(w, content); return err })
	if err != nil {
		c.fail("putting a file into the archive", err)
		return
	}
	first := c.send(facts...)
	restored, err := c.node.RestoreArchives()
	if err != nil {
		c.fail("restoring", err)
		return
	}
	if restored.Refused > 0 {
		c.fail("restoring", fmt.Errorf("%d rows were refused", restored.Refused))
	}
	for i := range facts {
		c.fail("restoring", c.answered(first+i, nil))
	}
}

func (c *life) snapshot() { c.fail("snapshot", c.node.Snapshot(context.Background())) }

// step is a part of a plan.
type step struct {
	do    func(*life)
	pause bool // what is recorded is the same without it
}

// plan is a life with everything in it that a ledger can be asked for.
func plan(months, days, hours int) (steps []step) {
	do := func(parts ...func(*life)) {
		for _, part := range parts {
			steps = append(steps, step{do: part})
		}
	}
	pause := func(part func(*life)) { steps = append(steps, step{part, true}) }
	do((*life).open)
	for _, id := range lifeMeters[:3] {
		do(func(c *life) { c.register(id) })
	}
	for n := range months {
		month := meter.Month{Year: 2026, Month: time.August}.Add(n)
		first := month.FirstDay()
		last := month.Add(1).FirstDay().AddDays(-1)
		for day := first; day.Before(first.AddDays(days)); day = day.AddDays(1) {
			do(
				func(c *life) { c.single(day, hours, "A", "B") },
				func(c *life) { c.sideBySide(day, hours, "A", "B", "C") },
				func(c *life) { c.many(day.AddDays(days), "B", "C") },
				func(c *life) { c.daily(day) },
			)
		}
		pause((*life).snapshot)
		do(
			func(c *life) { c.refused(first) },
			func(c *life) { c.single(last, 2, "A", "B") },
			func(c *life) { c.monthly(month) },
			func(c *life) { c.many(first, "A", "B") }, // late, and calls the month's rows back
			func(c *life) { c.exchanges(first) },
			func(c *life) { c.correct("A", c.zone.DayStart(first)+5) }, // of the closed month
		)
		pause((*life).restart)
		do(
			func(c *life) { c.daily(first) }, // of a closed month, with late readings
			func(c *life) { c.monthly(month) },
			func(c *life) { c.reception(false) },
		)
		pause((*life).snapshot)
		do(
			func(c *life) { c.reception(true) },
			func(c *life) { c.restore(meter.Day{Year: 2026, Month: time.July, Day: 1 + n}) },
		)
		if n == 0 {
			do(func(c *life) { c.register("D") }, func(c *life) { c.many(last, "D") })
		}
	}
	pause((*life).restart)
	do(func(c *life) { c.single(meter.Day{Year: 2026, Month: time.November, Day: 20}, 2, "A", "D") })
	return steps
}

// withPauses is a plan with other pauses, before any of its steps.
func withPauses(steps []step, pauseBefore func() func(*life)) (others []step) {
	for i, s := range steps {
		if pause := pauseBefore(); pause != nil && i > 0 {
			others = append(others, step{pause, true})
		}
		if !s.pause {
			others = append(others, s)
		}
	}
	return others
}

// run goes through a plan until its end or the ledger's.
func (c *life) run(steps []step) {
	for _, step := range steps {
		if step.do(c); c.over || c.node != nil && c.hasFailed() {
			return
		}
	}
}
