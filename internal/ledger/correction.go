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

// CorrectionsMax is how many readings one request corrects.
const CorrectionsMax = 10_000

// Correction is what somebody says of a reading that was wrong.
type Correction struct {
	Slot    meter.Slot
	Expect  meter.Register  // what it replaces
	Reading *meter.Register // nil if the reading is withdrawn
}

// Correct replaces or withdraws readings of a meter, all or none, also while reception is shut
// down and in closed months. A list that is recorded already changes nothing. When it returns
// nil, they are on disk. An error names a field of a correction by its place in the list.
func (l *Ledger) Correct(ctx context.Context, id meter.ID, corrections []Correction, reason, by string) error {
	m, err := l.find(ctx, id)
	if err != nil {
		return err
	}
	c := &store.Correction{Meter: m.Index, Note: store.Note{At: l.now(), By: by, Reason: reason}}
	places, err := inOrder(corrections)
	if err != nil {
		return err
	}
	for _, place := range places {
		c.Edits = append(c.Edits, corrections[place].edit())
	}
	if err := l.shutForPeople(); err != nil {
		return err
	}
	place, v, err := l.correct(ctx, m, c, false)
	if err != nil {
		return err
	}
	if v.Outcome == store.Accepted {
		l.log.Info("readings were corrected", "meter_id", id, "readings", len(corrections),
			"first", l.zone.Stamp(c.Edits[0].Slot), "last", l.zone.Stamp(c.Edits[len(c.Edits)-1].Slot), "by", by)
	}
	return l.correctionFault(places[place], c.Edits[place], v)
}

// RestoreCorrection records a correction that an operator puts back, which has an effect only
// where what it replaced stands. Its edits are in order of time.
func (l *Ledger) RestoreCorrection(ctx context.Context, m store.Meter, c *store.Correction) (store.Verdict, error) {
	_, v, err := l.correct(ctx, m, c, true)
	return v, err
}

func (c Correction) edit() store.Edit {
	if c.Reading == nil {
		return store.Edit{Slot: c.Slot, Before: c.Expect, IsWithdrawn: true}
	}
	return store.Edit{Slot: c.Slot, Before: c.Expect, After: *c.Reading}
}

// inOrder returns the places of corrections in order of time.
func inOrder(corrections []Correction) ([]int, error) {
	places := make([]int, len(corrections))
	for place, c := range corrections {
		if places[place] = place; c.Reading != nil && *c.Reading == c.Expect {
			return nil, meter.Invalid(meter.CodeInvalidReading, fieldOf(place, "reading"), "of %v kWh is what it replaces", c.Expect)
		}
	}
	slices.SortStableFunc(places, func(a, b int) int { return cmp.Compare(corrections[a].Slot, corrections[b].Slot) })
	for n := range places[1:] {
		if a, b := places[n], places[n+1]; corrections[a].Slot == corrections[b].Slot {
			return nil, meter.Invalid(meter.CodeInvalidTimestamp, fieldOf(b, "timestamp"), "is that of corrections[%d] too", a)
		}
	}
	return places, nil
}

func fieldOf(place int, name string) string { return fmt.Sprintf("corrections[%d].%s", place, name) }

// recallsMax is how many months' recalls one commit has beside a correction.
const recallsMax = 16

// correct writes a correction, and before it the recalls of the closed months that it
// concerns: in one commit, if they are few. What is certainly refused is not written. It
// returns the verdict, and of which edit it is.
func (l *Ledger) correct(ctx context.Context, m store.Meter, c *store.Correction, restored bool) (place int, v store.Verdict, err error) {
	for range changesMax {
		var recalls [][]byte
		err := l.sure(ctx, func() (err error) {
			recalls, place, v, err = l.judgeCorrection(m, c, restored)
			return err
		})
		if errors.Is(err, errRefused) || err == nil && v.Outcome == store.Duplicate {
			return place, v, nil
		}
		if err != nil {
			return 0, v, err
		}
		for len(recalls) > recallsMax {
			if _, err := l.askGrowing(ctx, slices.Concat(recalls[:recallsMax]...), recallsMax, 0); err != nil {
				return 0, v, err
			}
			recalls = recalls[recallsMax:]
		}
		appended := store.AppendCorrection
		if restored {
			appended = store.AppendRestoredCorrection
		}
		verdicts, err := l.askGrowing(ctx, appended(slices.Concat(recalls...), c), len(recalls)+1, c.GrowthMax())
		if err != nil {
			return 0, v, err
		}
		if v = verdicts.At(verdicts.Len() - 1); v.Outcome == store.Accepted || v.Outcome == store.Duplicate {
			return 0, v, nil
		}
	}
	return 0, v, l.monthBusy(c.Edits[0].Slot)
}

// errRefused stands for a verdict that the caller puts into words.
var errRefused = meter.Errorf(meter.KindInvalid, meter.CodeReadingConflict, "the state refuses it")

// judgeCorrection says what Apply would decide about a correction, and returns the recalls that have to stand before
// it. The error is errRefused for a verdict that refuses it for good.
func (l *Ledger) judgeCorrection(m store.Meter, c *store.Correction, restored bool) (recalls [][]byte, place int, v store.Verdict, err error) {
	recalls, rows, err := l.recallsFor(m, l.store.ToRecall(c, restored))
	if err != nil {
		return nil, 0, v, err
	}
	switch place, v = l.store.JudgeCorrection(c, rows, restored); v.Outcome {
	case store.Accepted, store.Duplicate:
	case store.Held:
		err = l.monthBusy(v.Other.Slot)
	default:
		err = errRefused
	}
	return recalls, place, v, err
}

// recallsFor reads a meter's archived rows, and returns them and an entry for each month.
func (l *Ledger) recallsFor(m store.Meter, months []store.MonthSummary) (recalls [][]byte, rows []meter.Point, err error) {
	for _, month := range months {
		points, err := l.lateRows(l.store, m, month)
		if err != nil {
			return nil, nil, err
		}
		rows = append(rows, points...)
		recalls = append(recalls, store.AppendRecall(nil, month.Month, month.Revision, m.Index, points))
	}
	return recalls, rows, nil
}

// askGrowing writes entries that make the store grow by so many bytes and what is recalled.
func (l *Ledger) askGrowing(ctx context.Context, payload []byte, entries int, growth int64) (store.Verdicts, error) {
	k := &commit{payload: payload, entries: entries, deferred: true, growth: growth + int64(len(payload))}
	if err := l.committer.enqueue(ctx, k, steady); err != nil {
		return store.Verdicts{}, err
	}
	return l.committer.wait(k)
}

// correctionFault says why a correction at a place in the caller's list was not taken.
func (l *Ledger) correctionFault(place int, e store.Edit, v store.Verdict) error {
	at, other := l.zone.Stamp(v.Other.Slot), v.Other.Register
	field := fieldOf(place, "reading")
	switch v.Outcome {
	case store.Accepted, store.Duplicate:
		return nil
	case store.NoReading:
		return meter.Invalid(meter.CodeReadingConflict, fieldOf(place, "expect"), "of %v kWh is not recorded for %s, nor any other reading", e.Before, at)
	case store.Conflict:
		return meter.Invalid(meter.CodeReadingConflict, fieldOf(place, "expect"), "of %v kWh conflicts with %v kWh, which is recorded for %s", e.Before, other, at)
	case store.ExchangeConflict:
		return meter.Invalid(meter.CodeExchangeConflict, fieldOf(place, "timestamp"), "is that of an exchange at %v kWh: take it back first", other)
	case store.AtModulus:
		return meter.Invalid(meter.CodeInvalidReading, field, "of %v kWh is not below %v kWh, at which the dial rolls over", e.After, other)
	}
	if e.IsWithdrawn {
		return meter.Invalid(meter.CodeReadingDecreases, field, "cannot be withdrawn: readings would not rise beside %v kWh of %s", other, at)
	}
	switch v.Outcome {
	case store.BelowEarlier, store.BelowExchange:
		return meter.Invalid(meter.CodeReadingDecreases, field, "of %v kWh is less than the earlier %v kWh of %s", e.After, other, at)
	case store.AboveLater, store.AboveExchange:
		return meter.Invalid(meter.CodeReadingDecreases, field, "of %v kWh is more than the later %v kWh of %s", e.After, other, at)
	default:
		panic(fmt.Sprintf("BUG: the store answered a correction with outcome %d", v.Outcome))
	}
}
