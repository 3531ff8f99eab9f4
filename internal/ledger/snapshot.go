package ledger

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"meterledger/internal/chain"
	"meterledger/internal/cluster"
	"meterledger/internal/durable"
	"meterledger/internal/meter"
	"meterledger/internal/snapshot"
	"meterledger/internal/store"
)

// snapshotter takes snapshots: when the journal has grown by so many bytes since
// the last one, and by no less than that one's size, so that what is written for
// restarts stays in proportion; when so much time has passed; and on Close.
type snapshotter struct {
	l      *Ledger
	folder *snapshot.Folder
	every  time.Duration // 0 is never
	growth growth
	quit   context.CancelFunc
	ended  sync.WaitGroup

	wholeAt, took atomic.Int64 // ns: the time when a snapshot last held everything, and how long that one took

	turn chan struct{} // holds a token while none is taken and none is held up
	good []uint64      // touched with the token: the newest ones that were read as a whole, oldest first, two at most
}

// beginSnapshots goes on from the snapshot that a recovery has read, if there was one.
func (l *Ledger) beginSnapshots(o Options, folder *snapshot.Folder, r *recovery) {
	l.snapshots = snapshotter{
		l: l, folder: folder, every: o.SnapshotEvery, turn: make(chan struct{}, 1),
		growth: growth{due: make(chan struct{}, 1), limit: o.SnapshotBytes, unsaved: r.replayed},
	}
	l.snapshots.turn <- struct{}{}
	l.snapshots.growth.size.Store(r.size)
	l.snapshots.wholeAt.Store(l.now().UnixNano())
	if r.from > 0 {
		l.snapshots.good = []uint64{r.from}
		l.snapshots.wholeAt.Store(folder.WrittenAt(r.from))
	}
}

func (s *snapshotter) start() {
	ctx, cancel := context.WithCancel(context.Background())
	s.quit = cancel
	s.ended.Go(func() { s.run(ctx) })
}

func (s *snapshotter) run(ctx context.Context) {
	var tick <-chan time.Time
	if s.every > 0 {
		ticker := time.NewTicker(s.every)
		defer ticker.Stop()
		tick = ticker.C
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick:
		case <-s.growth.due:
		}
		if err := s.take(ctx); err != nil && ctx.Err() == nil {
			s.l.metrics.noSnapshot.Inc()
			s.l.log.Error("no snapshot could be taken; readings go on, the journal keeps everything", "error", err)
		}
	}
}

// stop ends the goroutine, and a snapshot that it has begun.
func (s *snapshotter) stop() {
	s.quit()
	s.ended.Wait()
}

// PauseSnapshots waits until no snapshot is being taken, and lets none begin until
// resume is called. What a snapshot shares is copied before it is changed, and a month
// that does not begin with a day of standard time changes much at once.
func (l *Ledger) PauseSnapshots(ctx context.Context) (resume func(), err error) {
	return l.snapshots.begin(ctx)
}

// begin waits for the turn, which end gives back.
func (s *snapshotter) begin(ctx context.Context) (end func(), err error) {
	select {
	case <-s.turn:
		return func() { s.turn <- struct{}{} }, nil
	case <-ctx.Done():
		return nil, meter.Stopped(ctx)
	}
}

// Snapshot writes down the state of this moment, unless that was done already.
func (l *Ledger) Snapshot(ctx context.Context) error {
	return l.snapshots.take(ctx)
}

// CopyTo puts the data folder, as it is, into a new folder, while reception goes on. All
// that was answered before the call is in the copy, and no secret: the first operator's token is
// left out. So is the mark of a cluster: the copy is the folder of a node alone. It waits for a snapshot
// that is being taken: no file may vanish meanwhile, nor a part of the journal. Since Pebble copies no
// journal that is open for reading only, a ledger that was started on a full disk has to wait for room.
func (l *Ledger) CopyTo(ctx context.Context, folder string) error {
	if l.seal.closed.Load() || l.IsShared() && l.room() == cluster.RoomForNothing {
		return errDiskFull
	}
	resume, err := l.PauseSnapshots(ctx)
	if err != nil {
		return err
	}
	defer resume()
	_, answered := l.Position()
	if err := l.committer.order.kept(ctx, answered); err != nil { // one of several nodes answers before that
		return err
	}
	if err := durable.CopyFolder(l.fs, l.folder, folder, OperatorTokenName, cluster.MarkName); err != nil {
		return err
	}
	if err := l.snapshots.folder.CopyTo(l.fs.PathJoin(folder, snapshotsName)); err != nil {
		return err
	}
	return l.journal.CopyTo(l.fs.PathJoin(folder, journalName))
}

// take writes a snapshot while reception goes on:
//
//  1. the committer freezes the state between two batches, which takes milliseconds
//  2. the snapshot is written under a temporary name and fsynced
//  3. it is read back, and gets its name if it is what was written
//  4. all but the newest two snapshots are removed
//  5. the batches up to the older of the two are dropped from the journal
//
// A crash before 3 leaves the earlier snapshots, and the journal from the older of them
// on.
func (s *snapshotter) take(ctx context.Context) error {
	end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	if err := s.l.Failure(); err != nil {
		return err
	}
	if last := s.l.committer.position().Sequence; last == 0 || len(s.good) > 0 && s.good[len(s.good)-1] == last {
		s.wholeAt.Store(s.l.now().UnixNano())
		return nil
	}
	if s.l.seal.closed.Load() || s.l.space.low(uint64(s.growth.size.Load())) {
		return errors.New("the disk is nearly full")
	}
	began := time.Now()
	frozen, at := s.l.committer.freeze()
	froze := time.Since(began)
	size, err := s.write(ctx, frozen, at)
	if err != nil {
		return err
	}
	s.good = append(s.good, at.Sequence)
	s.good = s.good[max(0, len(s.good)-2):]
	if err := s.folder.Keep(s.good...); err != nil {
		return err
	}
	s.growth.size.Store(size)
	s.wholeAt.Store(s.l.now().UnixNano())
	s.took.Store(int64(time.Since(began)))
	s.l.log.Info("snapshot written", "batch", at.Sequence, "bytes", size, "frozen_after", froze.Round(time.Microsecond),
		"took", time.Since(began).Round(time.Millisecond))
	return s.cut(ctx)
}

func (s *snapshotter) write(ctx context.Context, frozen *store.FrozenState, at chain.Position) (size int64, err error) {
	defer frozen.Thaw()
	if err := s.l.committer.order.kept(ctx, at.Sequence); err != nil {
		return 0, err
	}
	return s.folder.Write(at, func(emit func([]byte) error) error {
		return frozen.Encode(func(record []byte) error {
			if err := meter.Stopped(ctx); err != nil {
				return err
			}
			return emit(record)
		})
	})
}

// cut drops the batches that the older of two good snapshots covers.
func (s *snapshotter) cut(ctx context.Context) error {
	if len(s.good) < 2 {
		return nil
	}
	before := s.good[0] + 1
	if s.l.shared != nil {
		before = min(before, s.l.shared.needed()+1)
	}
	if err := s.l.journal.Truncate(before); err != nil {
		return err
	}
	return s.l.journal.Shrink(ctx, before)
}

// growth says when a snapshot is due by the size of the journal.
type growth struct {
	due     chan struct{} // gets a message
	limit   int64         // bytes of journal; 0 is none
	size    atomic.Int64  // of the newest snapshot: the journal must have grown by as much too
	unsaved int64         // bytes since a snapshot was last due; used by the applier alone
}

// add counts what the journal has grown by.
func (g *growth) add(bytes int) {
	g.unsaved += int64(bytes)
	if g.limit == 0 || g.unsaved < max(g.limit, g.size.Load()) {
		return
	}
	g.unsaved = 0
	select {
	case g.due <- struct{}{}:
	default: // one is due already
	}
}
