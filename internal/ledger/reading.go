package ledger

import (
	"context"
	"fmt"
	"slices"
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

const (
	// futureMax is how far a meter's clock may be ahead.
	futureMax = 5 * time.Minute
	// recordBytesMax is the most that one call writes as one commit.
	recordBytesMax = 4 << 20
	// archivesMax is from how many archived months of meters one commit recalls
	// rows: about 20 KB each.
	archivesMax = 128
)

// Result is what became of one reading.
type Result struct {
	Duplicate bool  // it was recorded before; nothing changed
	Err       error // it was refused
}

// Record takes one reading. A nil error means that it is on disk.
func (l *Ledger) Record(ctx context.Context, r meter.Reading) (Result, error) {
	results, err := l.record(ctx, []meter.Reading{r}, recorder{l: l})
	if err != nil {
		return Result{}, err
	}
	return results[0], results[0].Err
}

// RecordMany takes many readings, in order, and returns one result for each. An
// error means that nothing can be said of the readings that have no result yet,
// which stand behind those that have. The caller is slowed down when the disk is
// behind.
func (l *Ledger) RecordMany(ctx context.Context, readings []meter.Reading) ([]Result, error) {
	return l.record(ctx, readings, recorder{l: l, wait: true})
}

func (l *Ledger) record(ctx context.Context, readings []meter.Reading, settings recorder) ([]Result, error) {
	results := make([]Result, 0, len(readings))
	for len(results) < len(readings) {
		r := settings
		part, err := r.some(ctx, readings[len(results):])
		if err != nil {
			return results, err
		}
		results = append(results, part...)
	}
	return results, nil
}

// recorder takes readings until they fill a commit.
type recorder struct {
	l       *Ledger
	wait    bool // for a place in the queue
	restore bool // an operator puts readings back: also while reception is shut down

	latest   meter.Slot // no reading may be later
	archived map[archivedMonth]*archivedRows
	commit   commit
	results  []Result
	entry    []int // by result: the entry whose verdict it waits for, or -1
}

// archivedMonth names one meter's rows in one archive.
type archivedMonth struct {
	meter    store.Index
	month    meter.Month
	revision uint32
}

// archivedRows are a meter's rows of a closed month.
type archivedRows struct {
	points   []meter.Point
	err      error // why they cannot be had
	recalled bool  // by this commit
}

func (r *recorder) some(ctx context.Context, readings []meter.Reading) ([]Result, error) {
	readings = readings[:r.readArchives(readings)]
	if err := r.enqueue(ctx, readings); err != nil {
		return nil, err
	}
	if r.commit.entries == 0 {
		return r.results, nil
	}
	verdicts, err := r.l.committer.wait(&r.commit)
	if err != nil {
		return nil, err
	}
	for i, entry := range r.entry {
		if entry >= 0 {
			r.results[i] = r.l.result(readings[i], verdicts[entry])
		}
	}
	return r.results, nil
}

// readArchives fetches what the store will want to see before it can judge late
// readings, and returns how many readings it has everything for. No lock is held
// while it reads.
func (r *recorder) readArchives(readings []meter.Reading) int {
	closedUntil := r.l.store.ClosedUntil()
	for n, reading := range readings {
		if reading.Slot >= closedUntil {
			continue // as nearly all are
		}
		i, known := r.l.store.Lookup(reading.Meter)
		if !known || r.l.store.Judge(stored(i, reading)).Outcome != store.Archived {
			continue
		}
		month, closed := r.l.store.SummaryAt(i, reading.Slot)
		key := archivedMonth{i, month.Month, month.Revision}
		if _, have := r.archived[key]; have || !closed {
			continue
		}
		if len(r.archived) == archivesMax {
			return n
		}
		if r.archived == nil {
			r.archived = make(map[archivedMonth]*archivedRows)
		}
		points, err := r.l.archivedRows(i, reading.Meter, month)
		r.archived[key] = &archivedRows{points: points, err: err}
	}
	return len(readings)
}

func (r *recorder) enqueue(ctx context.Context, readings []meter.Reading) error {
	r.l.admission.RLock()
	defer r.l.admission.RUnlock()
	if !r.l.receiving && !r.restore {
		return errNotReceiving
	}
	r.commit.deferred = true
	r.latest = r.l.zone.Floor(r.l.now().Add(futureMax))
	for _, reading := range readings {
		if len(r.commit.payload) > recordBytesMax {
			break
		}
		r.add(reading)
	}
	if r.commit.entries == 0 {
		return nil
	}
	return r.l.committer.enqueue(ctx, &r.commit, r.wait)
}

// add decides about one reading where that needs no journal, and else adds it to the commit.
func (r *recorder) add(reading meter.Reading) {
	result, undecided := r.judge(reading)
	entry := -1
	if undecided {
		entry = r.commit.entries - 1
	}
	r.results = append(r.results, result)
	r.entry = append(r.entry, entry)
}

func (r *recorder) judge(reading meter.Reading) (result Result, undecided bool) {
	i, known := r.l.store.Lookup(reading.Meter)
	switch {
	case !known:
		return Result{Err: meter.UnknownMeter(reading.Meter)}, false
	case reading.Slot > r.latest:
		return Result{Err: meter.Invalid(meter.CodeInvalidTimestamp, "timestamp", "lies more than five minutes in the future")}, false
	case r.l.closing.Contains(reading.Slot):
		return Result{Err: r.l.monthBusy(reading.Slot)}, false
	}
	at := stored(i, reading)
	switch verdict := r.l.store.Judge(at); verdict.Outcome {
	case store.Accepted:
		r.append(at)
		return Result{}, true
	case store.Archived:
		return r.late(at, reading)
	default:
		return r.l.result(reading, verdict), false
	}
}

// late decides about a reading of a closed month, whose archived rows have to be
// in memory before another can be judged beside them.
func (r *recorder) late(at store.Reading, reading meter.Reading) (result Result, undecided bool) {
	month, _ := r.l.store.Month(at.Slot)
	key := archivedMonth{at.Meter, month.Month, month.Revision}
	rows, have := r.archived[key]
	if !have {
		return Result{Err: r.l.monthBusy(at.Slot)}, false
	}
	if rows.err != nil {
		return Result{Err: rows.err}, false
	}
	if place, found := slices.BinarySearchFunc(rows.points, at.Slot, bySlot); found {
		if rows.points[place].Register == at.Register {
			return Result{Duplicate: true}, false
		}
		return r.l.result(reading, store.Verdict{Outcome: store.Conflict, Other: rows.points[place]}), false
	}
	if !rows.recalled {
		rows.recalled = true
		r.commit.payload = store.AppendRecall(r.commit.payload, month.Month, month.Revision, at.Meter, rows.points)
		r.commit.entries++
	}
	r.append(at)
	return Result{}, true
}

func bySlot(p meter.Point, slot meter.Slot) int { return int(int64(p.Slot) - int64(slot)) }

func (r *recorder) append(at store.Reading) {
	r.commit.payload = store.AppendReading(r.commit.payload, at)
	r.commit.entries++
}

func stored(i store.Index, r meter.Reading) store.Reading {
	return store.Reading{Meter: i, Slot: r.Slot, Register: r.Register}
}

// monthBusy is the answer to a reading whose month is being closed right now.
func (l *Ledger) monthBusy(slot meter.Slot) error {
	return meter.Unavailable(meter.CodeMaintenanceRunning, time.Second,
		"%s is being archived; readings of that month are taken again when it is done", l.zone.MonthOf(slot))
}

// result puts the store's verdict into words.
func (l *Ledger) result(r meter.Reading, v store.Verdict) Result {
	switch v.Outcome {
	case store.Accepted:
		return Result{}
	case store.Duplicate:
		return Result{Duplicate: true}
	case store.Conflict:
		return Result{Err: meter.Invalid(meter.CodeReadingConflict, "reading",
			"of %v kWh conflicts with %v kWh, which is recorded for %s", r.Register, v.Other.Register, l.zone.Stamp(r.Slot))}
	case store.BelowEarlier:
		return Result{Err: meter.Invalid(meter.CodeReadingDecreases, "reading",
			"of %v kWh is less than the earlier %v kWh of %s", r.Register, v.Other.Register, l.zone.Stamp(v.Other.Slot))}
	case store.AboveLater:
		return Result{Err: meter.Invalid(meter.CodeReadingDecreases, "reading",
			"of %v kWh is more than the later %v kWh of %s", r.Register, v.Other.Register, l.zone.Stamp(v.Other.Slot))}
	case store.Archived:
		return Result{Err: l.monthBusy(r.Slot)}
	default:
		panic(fmt.Sprintf("BUG: the store answered a reading with outcome %d", v.Outcome))
	}
}
