package ledger

import (
	"cmp"
	"context"
	"slices"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// submissionsMax is how many submissions of one sender are under way at once: rows are
// parsed and judged while those before them are written and applied.
const submissionsMax = 192

// Bulk takes the rows of one sender, in order, as fast as they can be made durable,
// and slows the sender down to that. While many single readings or questions come in
// it is about half as fast. It needs the same memory for any number of rows. Which
// rows are refused does not depend on timing; which of two refused rows of one meter is
// named in the other's refusal can.
type Bulk struct {
	l       *Ledger
	ctx     context.Context
	restore bool                                   // an operator puts readings back
	each    func(row int, i store.Index, r Result) // see Tell
	pacer   pacer

	rows    []meter.Row // that wait to be looked up
	numbers []int       // by row
	ids     []byte      // of the rows' meters
	unknown []int
	last    store.Index // the meter of the row before rows
	filling *submission
	sent    []*submission // the oldest first
	spare   []*submission // to be filled again
	tally   meter.Tally
}

// Bulk begins to take rows. All calls must come from one goroutine, and Flush last.
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

// Tell sets what is called with the result of every row whose meter is known.
func (b *Bulk) Tell(each func(row int, i store.Index, r Result)) { b.each = each }

// Add takes a row, whose number is the caller's. An error ends the Bulk: it says
// nothing of the row, and rows before it may or may not have been recorded.
func (b *Bulk) Add(number int, row meter.Row) error {
	start := len(b.ids)
	b.ids = append(b.ids, row.Meter...)
	row.Meter = b.ids[start:]
	b.rows, b.numbers = append(b.rows, row), append(b.numbers, number)
	return b.sendFull()
}

// Refuse counts a row that the caller cannot make a Row of.
func (b *Bulk) Refuse(number int, err error) error {
	b.next().refuse(number, err)
	return b.sendFull()
}

// Flush waits until all rows that were taken have got their verdicts.
func (b *Bulk) Flush() (meter.Tally, error) {
	if err := b.send(); err != nil {
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
	return b.tally, nil
}

// next returns the submission that is being filled.
func (b *Bulk) next() *submission {
	if b.filling == nil {
		if last := len(b.spare) - 1; last >= 0 {
			b.filling, b.spare = b.spare[last], b.spare[:last]
		} else {
			b.filling = b.l.bulks.Get().(*submission)
		}
		b.filling.reset(b.l, bulky)
		b.filling.restore, b.filling.each = b.restore, b.each
		b.filling.unlisted = len(b.tally.Refusals) == meter.RefusalsMax
	}
	return b.filling
}

func (b *Bulk) sendFull() error {
	if len(b.rows) < submissionRows && (b.filling == nil || len(b.filling.refusals) < submissionRows) {
		return nil
	}
	return b.send()
}

func (b *Bulk) send() error {
	if len(b.rows) == 0 && b.filling == nil {
		return nil
	}
	for len(b.sent) == submissionsMax || len(b.sent) > 0 && b.sent[0].answered() {
		if err := b.settleOldest(); err != nil {
			return err
		}
	}
	b.pacer.step()
	s := b.next()
	b.locate(s)
	if err := s.send(b.ctx); err != nil {
		return err
	}
	b.sent, b.filling = append(b.sent, s), nil
	return nil
}

// locate moves the rows into a submission.
func (b *Bulk) locate(s *submission) {
	s.readings, b.unknown = b.l.store.Locate(b.rows, b.last, s.readings, b.unknown[:0])
	if n := len(s.readings); n > 0 {
		b.last = s.readings[n-1].Meter
	}
	unknown := b.unknown
	for place, number := range b.numbers {
		if len(unknown) > 0 && unknown[0] == place {
			unknown = unknown[1:]
			s.refuseUnknown(number, b.rows[place].Meter)
			continue
		}
		s.rows = append(s.rows, number)
	}
	b.rows, b.numbers, b.ids = b.rows[:0], b.numbers[:0], b.ids[:0]
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
	slices.SortFunc(oldest.refusals, func(a, b meter.Refusal) int { return cmp.Compare(a.Row, b.Row) })
	listed := min(len(oldest.refusals), meter.RefusalsMax-len(b.tally.Refusals))
	b.tally.Refusals = append(b.tally.Refusals, oldest.refusals[:listed]...)
	b.spare = append(b.spare, oldest)
	return nil
}
