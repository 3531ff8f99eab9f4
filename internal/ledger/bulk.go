package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// submissionsMax is how many submissions of one sender are under way at once: rows are
// parsed and judged while those before them are written and applied.
const submissionsMax = 192

// heldMax is how many submissions, of some 100 KB, all senders hold without waiting: those under
// way, those whose verdicts nobody has looked at yet, since their sender stands still, and those
// to be filled again. Beyond it each sender has one under way, which it waits for.
const heldMax = 4 * submissionsMax

// Bulk takes the rows of one sender, in order, as fast as they can be made durable,
// and slows the sender down to that. Each row has its own verdict, also if the reason
// for its refusal is one that holds for all; only if that is so before the first row, it
// ends the Bulk. While many single readings or questions come in
// it is about half as fast. It needs the same memory for any number of rows. Which
// rows are refused does not depend on timing; which of two refused rows of one meter is
// named in the other's refusal can.
type Bulk struct {
	l       *Ledger
	ctx     context.Context
	restore bool                                   // an operator puts readings back
	retake  bool                                   // the rows were refused before, see Retake
	scope   *meter.Scope                           // of the sender; nil for all meters
	each    func(row int, i store.Index, r Result) // see Tell
	pacer   pacer

	rows    []meter.Row // that wait to be looked up
	numbers []int       // by row
	number  int         // of the last row
	ids     []byte      // of the rows' meters
	unknown []int
	last    store.Index // the meter of the row before rows
	filling *submission
	sent    []*submission // the oldest first
	spare   []*submission // to be filled again
	held    int           // sent, spare and filling
	begun   bool          // rows were sent
	queuer  *queuer       // nil until it has something to do

	tally    meter.Tally
	retries  []meter.Refusal // the first rows to send again
	refusals []meter.Refusal // the first others
	refused  run
}

// run follows how many rows were refused for good one after the other.
type run struct {
	until   int // the number of the last row that was followed
	now     int // refused up to it
	longest int
}

func (r *run) add(s *submission) {
	if s.accepted+s.duplicates+s.retry == 0 {
		r.now += s.refused
		r.longest = max(r.longest, r.now)
	} else {
		r.longest = max(r.longest, r.now+s.firstGood-r.until-1)
		r.now = s.until - s.lastGood
	}
	r.until = s.until
}

// ErrTooManyRefusals ends a Bulk of which more than meter.RefusedRunMax rows were refused for
// good one after the other.
var ErrTooManyRefusals = fmt.Errorf("%d rows in a row were refused, and the rest was not read", meter.RefusedRunMax)

// Bulk begins to take rows. All calls must come from one goroutine, and Flush last, or Close if it
// comes to no Flush. It ends with ctx.
func (l *Ledger) Bulk(ctx context.Context) *Bulk {
	return &Bulk{l: l, ctx: ctx, pacer: pacer{ctx: ctx, pace: bulkPace, rush: &l.rush}}
}

// Restore is Bulk for an operator who puts readings back, also while reception is shut
// down.
func (l *Ledger) Restore(ctx context.Context) *Bulk {
	b := l.Bulk(ctx)
	b.restore = true
	return b
}

// Within has rows of meters outside a scope refused as if those were not registered. The scope must
// not be changed.
func (b *Bulk) Within(scope *meter.Scope) *Bulk {
	if !scope.IsAll {
		b.scope = scope
	}
	return b
}

// Tell sets what is called with the result of every row whose meter is known.
func (b *Bulk) Tell(each func(row int, i store.Index, r Result)) { b.each = each }

// Add takes a row. Numbers rise by one from row to row. After ErrTooManyRefusals only Flush
// may be called. Any other error ends the Bulk: it says nothing of the row, and rows before
// it may or may not have been recorded; none was if the error passes.
func (b *Bulk) Add(number int, row meter.Row) error {
	if b.scope != nil && !b.scope.Has(meter.ID(row.Meter)) {
		b.number = number
		b.next().refuseUnknown(number, row.Meter)
		return b.sendFull()
	}
	start := len(b.ids)
	b.ids = append(b.ids, row.Meter...)
	row.Meter = b.ids[start:]
	b.rows, b.numbers, b.number = append(b.rows, row), append(b.numbers, number), number
	return b.sendFull()
}

// AddAll is Add for rows that follow each other, at most BlockRows, the first of which has the number
// given. So many rows are looked up where they lie; they may be changed after the call.
func (b *Bulk) AddAll(number int, rows []meter.Row) error {
	if b.scope != nil || len(rows) < blockRowsMin {
		for i := range rows {
			if err := b.Add(number+i, rows[i]); err != nil {
				return err
			}
		}
		return nil
	}
	if err := b.send(b.rows); err != nil {
		return err
	}
	for range rows {
		b.numbers = append(b.numbers, number)
		number++
	}
	b.number = number - 1
	return b.sendOn(rows)
}

// BlockRows is how many rows go through the ledger together.
const BlockRows = submissionRows

// blockRowsMin is how many rows are worth a commit of their own.
const blockRowsMin = BlockRows / 4

// Last returns the number of the last row that was taken or refused, 0 before the first: after ErrTooManyRefusals
// it may lie before those that were given.
func (b *Bulk) Last() int { return b.number }

// Refuse is Add for a row that the caller cannot make a Row of.
func (b *Bulk) Refuse(number int, err error) error {
	b.number = number
	b.next().refuse(number, err)
	return b.sendFull()
}

// Flush waits until all rows that were taken have got their verdicts. With
// ErrTooManyRefusals the tally is whole.
func (b *Bulk) Flush() (meter.Tally, error) {
	defer b.Close()
	if err := b.send(b.rows); err != nil {
		return b.tally, err
	}
	if err := b.takeAllBack(); err != nil {
		return b.tally, err
	}
	for len(b.sent) > 0 {
		if err := b.settleOldest(); err != nil {
			return b.tally, err
		}
	}
	for _, s := range b.spare {
		b.l.bulks.Put(s)
	}
	b.spare = nil
	b.tally.Refusals = append(b.retries, b.refusals...)
	b.tally.Refusals = b.tally.Refusals[:min(len(b.tally.Refusals), meter.RefusalsMax)]
	if b.isHopeless() {
		return b.tally, ErrTooManyRefusals
	}
	return b.tally, nil
}

// Close gives back what b holds. After Flush it does nothing.
func (b *Bulk) Close() {
	b.endQueuer()
	b.hold(-b.held)
}

func (b *Bulk) isHopeless() bool { return b.refused.longest >= meter.RefusedRunMax && !b.restore }

// next returns the submission that is being filled.
func (b *Bulk) next() *submission {
	if b.filling == nil {
		if last := len(b.spare) - 1; last >= 0 {
			b.filling, b.spare = b.spare[last], b.spare[:last]
		} else {
			b.filling = b.l.bulks.Get().(*submission)
			b.hold(1)
		}
		b.filling.reset(b.l, bulky)
		b.filling.restore, b.filling.retake, b.filling.each = b.restore, b.retake, b.each
		b.filling.unlisted, b.filling.retryUnlisted = len(b.refusals) == meter.RefusalsMax, len(b.retries) == meter.RefusalsMax
	}
	return b.filling
}

// hold counts submissions that b holds from now on, or gives back. A restore, of which there is
// one, is not counted.
func (b *Bulk) hold(more int) {
	if b.restore {
		return
	}
	b.held += more
	b.l.held.Add(int64(more))
}

func (b *Bulk) sendFull() error {
	if len(b.rows) < submissionRows && (b.filling == nil || b.filling.refused < submissionRows) {
		return nil
	}
	return b.sendOn(b.rows)
}

// sendOn sends rows unless the sender is gone, or sends no readings.
func (b *Bulk) sendOn(rows []meter.Row) error {
	if err := b.ctx.Err(); err != nil {
		return err
	}
	if err := b.send(rows); err != nil {
		return err
	}
	if b.isHopeless() {
		return ErrTooManyRefusals
	}
	return nil
}

func (b *Bulk) send(rows []meter.Row) error {
	if len(rows) == 0 && b.filling == nil {
		return nil
	}
	for len(b.sent) == submissionsMax || len(b.sent) > 0 && (b.sent[0].answered() || b.l.held.Load() > heldMax) {
		if err := b.settleOldest(); err != nil {
			return err
		}
	}
	b.pacer.step()
	s := b.next()
	if err := b.locate(s, rows); err != nil {
		return err
	}
	return b.queue(s)
}

// queue queues a submission. If the ledger takes nothing new now, each new row of it is
// refused, but before the first row all of the Bulk is.
func (b *Bulk) queue(s *submission) error {
	s.until, b.filling = b.number, nil
	if b.begun && b.each == nil && b.l.held.Load() <= heldMax {
		return b.hand(s)
	}
	if err := b.takeAllBack(); err != nil {
		return err
	}
	if !b.begun && !b.restore {
		if err := b.l.sure(b.ctx, b.l.barred); err != nil {
			return err
		}
	}
	b.begun, b.sent = true, append(b.sent, s)
	return s.send(b.ctx)
}

// barred returns why no row would be taken now. While the clock lies behind, rows that are
// recorded already still are duplicates.
func (l *Ledger) barred() error {
	if err := l.Ready(); err != nil && !errors.Is(err, errClockBehind) && !errors.Is(err, errMemoryFull) {
		return err
	}
	if l.committer.quota.isFull() {
		return errOverloaded
	}
	return nil
}

// locate moves rows into a submission.
func (b *Bulk) locate(s *submission, rows []meter.Row) error {
	s.readings, b.unknown = b.l.store.Locate(rows, b.last, s.readings, b.unknown[:0])
	if len(b.unknown) > 0 && !s.sure {
		if err := s.confirm(b.ctx); err != nil {
			return err
		}
		s.readings, b.unknown = b.l.store.Locate(rows, b.last, s.readings[:0], b.unknown[:0])
	}
	if n := len(s.readings); n > 0 {
		b.last = s.readings[n-1].Meter
	}
	unknown := b.unknown
	for place, number := range b.numbers {
		if len(unknown) > 0 && unknown[0] == place {
			unknown = unknown[1:]
			s.refuseUnknown(number, rows[place].Meter)
			continue
		}
		s.rows = append(s.rows, number)
	}
	b.rows, b.numbers, b.ids = b.rows[:0], b.numbers[:0], b.ids[:0]
	return nil
}

func (b *Bulk) settleOldest() error {
	oldest := b.sent[0]
	if err := oldest.settle(); err != nil {
		return err
	}
	b.sent = append(b.sent[:0], b.sent[1:]...)
	b.l.metrics.settled(oldest)
	b.tally.Accepted += oldest.accepted
	b.tally.Duplicates += oldest.duplicates
	b.tally.Refused += oldest.refused
	b.tally.Retry += oldest.retry
	b.refused.add(oldest)
	b.list(oldest.refusals)
	if b.l.held.Load() > heldMax {
		b.l.bulks.Put(oldest)
		b.hold(-1)
		return nil
	}
	b.spare = append(b.spare, oldest)
	return nil
}

// list keeps the first refusals of either sort.
func (b *Bulk) list(refusals []meter.Refusal) {
	slices.SortFunc(refusals, func(a, b meter.Refusal) int { return cmp.Compare(a.Row, b.Row) })
	for _, refusal := range refusals {
		list := &b.refusals
		if meter.WorthRepeating(refusal.Err) {
			list = &b.retries
		}
		if len(*list) < meter.RefusalsMax {
			*list = append(*list, refusal)
		}
	}
}
