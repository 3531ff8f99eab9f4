package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"meterledger/internal/chain"
	"meterledger/internal/journal"
	"meterledger/internal/meter"
	"meterledger/internal/snapshot"
	"meterledger/internal/store"
)

// Progress is how far a recovery has come.
type Progress struct {
	Phase       string // what is being read
	Done, Total int64  // bytes of a snapshot, batches of the journal
}

func (p Progress) String() string {
	return fmt.Sprintf("%s, %d of %d (%d %%)", p.Phase, p.Done, p.Total, 100*p.Done/max(p.Total, 1))
}

// recovery brings the state back: the newest good snapshot, then the journal from there.
type recovery struct {
	ctx       context.Context
	journal   *journal.Journal
	snapshots *snapshot.Folder
	log       *slog.Logger
	report    func(Progress) // or nil
	limit     uint64         // bytes that the process may take; 0 for any
	reported  time.Time      // in the log

	loading func() (loaded func()) // see Options

	began   time.Time
	cancel  context.CancelFunc // nil before start
	reading sync.WaitGroup     // of the snapshot
	readErr error              // of that

	store    *store.Store
	found    int            // snapshots, good or not
	from     uint64         // batch of the snapshot; 0 if there is none
	position chain.Position // of the snapshot
	size     int64          // of the snapshot in bytes
	replayed int64          // bytes of journal after it
}

// reportEvery is how often a long recovery logs its progress.
const reportEvery = 5 * time.Second

// start begins to read the snapshot, for which no journal is needed yet.
func (r *recovery) start() {
	r.began = time.Now()
	r.reported = r.began
	r.ctx, r.cancel = context.WithCancel(r.ctx)
	r.reading.Go(func() { r.readErr = r.readSnapshot() })
}

// stop ends what start began.
func (r *recovery) stop() {
	if r.cancel != nil {
		r.cancel()
		r.reading.Wait()
	}
}

// run brings the state back, once the journal is open.
func (r *recovery) run() error {
	if r.cancel == nil {
		r.start()
	}
	r.reading.Wait()
	err := r.readErr
	if err == nil {
		err = r.goesOn()
	}
	if err == nil {
		err = r.replay()
	}
	if errors.Is(err, store.ErrNewer) {
		return newer(err)
	}
	if err != nil {
		return err
	}
	meters, readings := r.store.Counts()
	r.log.Info("state is back", "snapshot_batch", r.from, "snapshot_bytes", r.size, "batches_replayed", r.journal.Last()-r.from,
		"meters", meters, "readings_in_memory", readings, "took", time.Since(r.began).Round(time.Millisecond))
	return nil
}

// newer words what only a newer version can read, which is not damaged.
func newer(err error) error {
	var batch *chain.CorruptionError
	var file *snapshot.CorruptionError
	switch {
	case errors.As(err, &batch):
		err = batch.Err
	case errors.As(err, &file):
		err = file.Err
	}
	return fmt.Errorf("the data folder cannot be read: %w; start the newer version; nothing was changed", err)
}

// readSnapshot reads the newest good snapshot. It passes over a damaged one: the journal
// still holds what follows the snapshot before.
func (r *recovery) readSnapshot() error {
	if r.loading != nil {
		defer r.loading()()
	}
	sequences, err := r.snapshots.Sequences()
	if err != nil {
		return err
	}
	r.found = len(sequences)
	for _, sequence := range sequences {
		position, err := r.decode(sequence)
		if stop := meter.Stopped(r.ctx); stop != nil {
			return stop
		}
		if errors.Is(err, store.ErrNewer) || errors.Is(err, errMemoryShort) {
			return err
		}
		if err != nil {
			r.log.Error("a snapshot cannot be used, the one before it is tried", "error", err)
			continue
		}
		r.from, r.position = sequence, position
		return nil
	}
	r.store = store.New()
	return nil
}

// goesOn makes sure that the journal holds what follows the snapshot, or everything.
func (r *recovery) goesOn() error {
	if r.from > 0 {
		return r.journal.GoesOnFrom(r.position)
	}
	if first, err := r.journal.First(); err != nil || first <= 1 {
		return err
	}
	return fmt.Errorf("no snapshot can be read (of %d), and the journal was cut behind one: put back a copy of the data folder", r.found)
}

func (r *recovery) decode(sequence uint64) (chain.Position, error) {
	d := store.NewStateDecoder()
	position, err := r.snapshots.Read(sequence, func(records [][]byte, done, total int64) error {
		r.size = total
		r.progress("reading the snapshot of batch "+fmt.Sprint(sequence), done, total)
		return errors.Join(meter.Stopped(r.ctx), d.Decode(records), r.fits(d.HeldBytes(), done, total))
	})
	if err != nil {
		return position, err
	}
	r.store, err = d.Store()
	return position, err
}

func (r *recovery) replay() error {
	var verdicts store.Verdicts
	err := r.journal.Replay(r.from+1, func(sequence uint64, payload []byte) (err error) {
		r.progress("replaying the journal", int64(sequence-r.from), int64(r.journal.Last()-r.from))
		if err := meter.Stopped(r.ctx); err != nil {
			return err
		}
		r.replayed += int64(len(payload))
		verdicts, err = r.store.Apply(payload, verdicts)
		return errors.Join(err, r.fits(r.store.HeldBytes(), int64(sequence-r.from), int64(r.journal.Last()-r.from)))
	})
	if stop := meter.Stopped(r.ctx); stop != nil {
		return stop
	}
	if err != nil {
		return fmt.Errorf("replaying the journal: %w", err)
	}
	return nil
}

var errMemoryShort = errors.New("the readings in memory need more than -memory-limit allows")

// fits returns an error once the state takes more than the process may. How much it needs
// in all follows from how far the recovery has come.
func (r *recovery) fits(held, done, total int64) error {
	if r.limit == 0 || held <= int64(r.limit) {
		return nil
	}
	const mib = 1 << 20
	needed := int64(float64(held) * float64(total) / float64(max(done, 1)))
	return fmt.Errorf("%w: %d MiB are taken after %d %% of what is read, so some %d MiB are needed and %d MiB are missing; "+
		"start with a larger -memory-limit, or ask api -verify which meters and days take most; nothing was changed",
		errMemoryShort, held/mib, 100*done/max(total, 1), needed/mib, (needed-int64(r.limit))/mib)
}

func (r *recovery) progress(phase string, done, total int64) {
	p := Progress{phase, done, total}
	if r.report != nil {
		r.report(p)
	}
	if time.Since(r.reported) > reportEvery {
		r.reported = time.Now()
		r.log.Info("starting", "progress", p)
	}
}
