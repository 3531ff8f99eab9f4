package ledger

import (
	"context"

	"meterledger/internal/meter"
	"meterledger/internal/metric"
	"meterledger/internal/store"
)

// keeper writes refused readings down, so that they can be judged again. Nobody waits for it:
// while the disk or memory is full, or the queue has no room, they are only counted.
type keeper struct {
	l       *Ledger
	max     uint32 // of all meters; 0 keeps none
	dropped *metric.Counter
}

// unheard is for a commit that nobody waits for. It may fill more of the queue than a bulk sender,
// whose rows would always be before it, and leaves half to single readings.
var unheard = patience{queueBytesMax / 2, false}

// refusalGrowth is by how much a refusal can make the store grow, in bytes.
const refusalGrowth = 64

// isKept reports whether a reading of an outcome may be right once another was corrected.
func isKept(o store.Outcome) bool {
	code := codeOf(o)
	return code == meter.CodeReadingDecreases || code == meter.CodeReadingConflict
}

// keep queues refused readings, but for those that are kept already.
func (k *keeper) keep(refused []store.Refusal) {
	if k.max == 0 || len(refused) == 0 {
		return
	}
	if refused = k.l.store.NotKept(refused); len(refused) == 0 {
		return
	}
	if k.l.refusal() != nil {
		k.dropped.Add(len(refused))
		return
	}
	n := len(refused)
	drop := func(err error) {
		if err != nil {
			k.dropped.Add(n)
		}
	}
	drop(k.l.committer.enqueue(context.Background(), &commit{
		payload: store.AppendRefusals(nil, k.max, refused), entries: 1, deferred: true, growth: refusalGrowth * int64(n), unheard: drop,
	}, unheard))
}

// trim lets the oldest go if more are kept than there may be; later, if the disk is full now.
func (k *keeper) trim(ctx context.Context) error {
	entry := k.trimmed()
	if entry == nil || k.l.seal.closed.Load() {
		return nil
	}
	_, err := k.l.ask(ctx, entry, 1)
	if meter.Passes(err) {
		return nil
	}
	return err
}

// trimmed returns an entry that lets the oldest go if more are kept than there may be, else nil.
func (k *keeper) trimmed() []byte {
	if k.l.store.Refusals().Kept <= int(k.max) {
		return nil
	}
	return store.AppendRefusals(nil, k.max, nil)
}

// Retake judges a meter's kept refusals again, in order of time, as the rows of a Bulk. What is
// refused again stays kept. An unknown meter is an error, and so is what would end a Bulk before its
// first row.
func (l *Ledger) Retake(ctx context.Context, id meter.ID) (meter.Tally, error) {
	m, err := l.find(ctx, id)
	if err != nil {
		return meter.Tally{}, err
	}
	if err := l.sure(ctx, l.barred); err != nil {
		return meter.Tally{}, err
	}
	// What was refused before this call is kept once this is answered.
	if _, err := l.ask(ctx, store.AppendRefusals(nil, l.keeper.max, nil), 1); err != nil {
		return meter.Tally{}, err
	}
	b := l.Bulk(ctx)
	defer b.Close()
	b.retake = true
	for n, r := range l.store.Refused(m.Index) {
		if err := b.Add(n+1, meter.Row{Meter: []byte(id), Slot: r.Slot, Register: r.Register}); err != nil {
			return meter.Tally{}, err
		}
	}
	tally, err := b.Flush()
	if err == nil {
		l.log.Info("refused readings were judged again", "meter_id", id, "accepted", tally.Accepted, "duplicates", tally.Duplicates, "refused", tally.Refused)
	}
	return tally, err
}

// measureRefusals adds what is looked up whenever Prometheus asks.
func (l *Ledger) measureRefusals() {
	before := l.store.Refusals()
	set := l.metrics.set
	set.Gauge("refusals", "Refused readings that are kept, to be judged again.", func() float64 { return float64(l.store.Refusals().Kept) })
	set.CounterFunc("refusals_kept_total", "Refused readings that were kept since the program started, each once.",
		func() float64 { return float64(l.store.Refusals().Ever - before.Ever) })
	set.CounterFunc("refusals_pushed_out_total", "Kept refused readings that newer ones have pushed out since the program started.",
		func() float64 { return float64(l.store.Refusals().PushedOut - before.PushedOut) })
}
