package ledger

import (
	"context"
	"slices"
	"sync"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

const (
	// batchRows is how many readings are written as one commit. They are judged
	// under one read lock and applied under one write lock, so this is also what a
	// query may have to wait for.
	batchRows = 1024
	// archivesMax is from how many archived months of meters one commit recalls
	// rows: about 20 KB each, so that all fit into commitBytesMax.
	archivesMax = 32
)

// batch takes some readings from the check before the journal to their verdicts.
type batch struct {
	l        *Ledger
	patience patience
	restore  bool                                   // an operator puts readings back: also while reception is shut down
	each     func(row int, i store.Index, r Result) // is told what became of each reading, unless nil

	readings []store.Reading
	rows     []int // by reading: its number for the caller

	from, to int // the readings that the commit is about
	commit   commit
	recalls  int             // at the beginning of the commit
	taken    []store.Reading // into the commit, behind them
	places   []int           // by taken: its place in readings
	judged   []store.PlacedVerdict
	archived map[archivedMonth]*archivedRows

	unlisted                      bool // nobody will read the refusals: they are only counted
	accepted, duplicates, refused int
	refusals                      []meter.Refusal
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

// reset makes a batch ready for its first reading. What it has allocated it keeps.
func (b *batch) reset(l *Ledger, p patience) {
	clear(b.refusals)
	*b = batch{
		l: l, patience: p,
		readings: b.readings[:0], rows: b.rows[:0], taken: b.taken[:0], places: b.places[:0], judged: b.judged[:0], refusals: b.refusals[:0],
		commit: commit{payload: b.commit.payload[:0], verdicts: b.commit.verdicts[:0], done: b.commit.done, deferred: true},
	}
}

// batchPool keeps what was allocated for batches that have been settled.
type batchPool struct{ sync.Pool }

func (p *batchPool) get() *batch {
	if b, kept := p.Get().(*batch); kept {
		return b
	}
	return new(batch)
}

func (p *batchPool) put(b *batch) { p.Put(b) }

func (b *batch) add(row int, r store.Reading) {
	b.readings = append(b.readings, r)
	b.rows = append(b.rows, row)
}

func (b *batch) refuse(row int, err error) {
	b.refused++
	if !b.unlisted {
		b.refusals = append(b.refusals, meter.Refusal{Row: row, Err: err})
	}
}

func (b *batch) refuseUnknown(row int, id []byte) {
	if b.unlisted {
		b.refused++
		return
	}
	b.refuse(row, meter.UnknownMeter(meter.ID(id)))
}

// send queues the readings. Nearly always they are one commit; where they need more
// of the archives than one may recall, all but the last are waited for here.
func (b *batch) send(ctx context.Context) error {
	for {
		recalled := b.readArchives()
		if err := b.enqueue(ctx, recalled); err != nil {
			return err
		}
		if b.to == len(b.readings) {
			return nil
		}
		if err := b.settle(); err != nil {
			return err
		}
	}
}

// readArchives fetches what the store will want to see before it can judge late
// readings, and sets how many readings it has everything for. It returns how many
// bytes their recalls can take. No lock is held while it reads.
func (b *batch) readArchives() (recalled int) {
	closedUntil := b.l.store.ClosedUntil()
	for place := b.from; place < len(b.readings); place++ {
		at := b.readings[place]
		if at.Slot >= closedUntil || b.l.store.Judge(at, b.restore).Outcome != store.Archived {
			continue // as nearly all
		}
		month, closed := b.l.store.SummaryAt(at.Meter, at.Slot)
		key := archivedMonth{at.Meter, month.Month, month.Revision}
		if _, have := b.archived[key]; have || !closed {
			continue
		}
		if len(b.archived) == archivesMax {
			b.to = place
			return recalled
		}
		if b.archived == nil {
			b.archived = make(map[archivedMonth]*archivedRows)
		}
		points, err := b.l.lateRows(b.l.store, store.Meter{Index: at.Meter, ID: b.l.store.Account(at.Meter).ID}, month)
		b.archived[key] = &archivedRows{points: points, err: err}
		recalled += store.RecallBytes(len(points))
	}
	b.to = len(b.readings)
	return recalled
}

// enqueue judges the readings and queues those that are not certainly refused.
func (b *batch) enqueue(ctx context.Context, recalled int) error {
	bytesMax := (b.to-b.from)*store.ReadingBytesMax + recalled
	if err := b.l.committer.reserve(ctx, &b.commit, bytesMax, b.patience); err != nil {
		return err
	}
	if !b.restore && !b.l.store.Receiving() {
		b.l.committer.release(&b.commit)
		return errNotReceiving
	}
	b.judge()
	b.commit.payload = store.AppendReadings(b.commit.payload, b.taken, b.restore)
	b.commit.entries = b.recalls + len(b.taken)
	if b.commit.entries == 0 {
		b.l.committer.release(&b.commit)
		return nil
	}
	b.l.committer.push(&b.commit)
	return nil
}

// judge decides about the readings where that needs no journal, and takes the others.
func (b *batch) judge() {
	readings := b.readings[b.from:b.to]
	latest := b.l.zone.Floor(b.l.now().Add(meter.FutureMax)) // no reading may be later
	b.judged = b.l.store.JudgeMany(readings, b.restore, b.judged[:0])
	judged := b.judged
	for i, at := range readings {
		place := b.from + i
		verdict := store.Verdict{Outcome: store.Accepted}
		if len(judged) > 0 && judged[0].Place == i {
			verdict, judged = judged[0].Verdict, judged[1:]
		}
		switch {
		case at.Slot > latest:
			b.decide(place, Result{Err: meter.Invalid(meter.CodeInvalidTimestamp, "timestamp", "lies more than five minutes in the future")})
		case verdict.Outcome == store.Accepted:
			b.take(place, at)
		case verdict.Outcome == store.Archived:
			b.late(place, at)
		default:
			b.rule(place, verdict)
		}
	}
}

// late decides about a reading of a closed month, whose archived rows have to be
// in memory before another can be judged beside them.
func (b *batch) late(place int, at store.Reading) {
	month, _ := b.l.store.Month(at.Slot)
	rows, have := b.archived[archivedMonth{at.Meter, month.Month, month.Revision}]
	if !have {
		b.decide(place, Result{Err: b.l.monthBusy(at.Slot)})
		return
	}
	if rows.err != nil {
		b.decide(place, Result{Err: rows.err})
		return
	}
	if i, found := slices.BinarySearchFunc(rows.points, at.Slot, meter.BySlot); found {
		verdict := store.Verdict{Outcome: store.Duplicate}
		if rows.points[i].Register != at.Register {
			verdict = store.Verdict{Outcome: store.Conflict, Other: rows.points[i]}
		}
		b.rule(place, verdict)
		return
	}
	if !rows.recalled {
		rows.recalled = true
		b.recalls++
		b.commit.payload = store.AppendRecall(b.commit.payload, month.Month, month.Revision, at.Meter, rows.points)
	}
	b.take(place, at)
}

func (b *batch) take(place int, at store.Reading) {
	b.taken, b.places = append(b.taken, at), append(b.places, place)
}

// answered reports whether settle would not have to wait.
func (b *batch) answered() bool { return b.commit.entries == 0 || len(b.commit.done) > 0 }

// settle waits for the verdicts of what was sent, and makes the batch ready for the
// rest of its readings.
func (b *batch) settle() error {
	if b.commit.entries > 0 {
		verdicts, err := b.l.committer.wait(&b.commit)
		if err != nil {
			return err
		}
		verdicts = verdicts[b.recalls:]
		for i, place := range b.places {
			b.rule(place, verdicts[i])
		}
	}
	b.from, b.recalls, b.taken, b.places, b.archived = b.to, 0, b.taken[:0], b.places[:0], nil
	b.commit.payload, b.commit.entries = b.commit.payload[:0], 0
	return nil
}

// rule counts what the store says of a reading. It is put into words only for
// those who read them.
func (b *batch) rule(place int, v store.Verdict) {
	switch {
	case b.each != nil:
		b.decide(place, b.l.result(b.readings[place], v))
	case v.Outcome == store.Accepted:
		b.accepted++
	case b.unlisted && v.Outcome != store.Duplicate:
		b.refused++
	default:
		b.decide(place, b.l.result(b.readings[place], v))
	}
}

// decide counts what became of a reading.
func (b *batch) decide(place int, r Result) {
	switch {
	case r.Err != nil:
		b.refuse(b.rows[place], r.Err)
	case r.Duplicate:
		b.duplicates++
	default:
		b.accepted++
	}
	if b.each != nil {
		b.each(b.rows[place], b.readings[place].Meter, r)
	}
}
