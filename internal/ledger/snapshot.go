package ledger

import (
	"context"
	"errors"
	"sync"
	"time"

	"meterledger/internal/chain"
	"meterledger/internal/snapshot"
	"meterledger/internal/store"
)

// snapshotter takes snapshots: when the journal has grown by so many bytes since
// the last one, and by no less than that one's size, so that what is written for
// restarts stays in proportion; when so much time has passed; and at the end.
type snapshotter struct {
	l      *Ledger
	folder *snapshot.Folder
	every  time.Duration // 0 is never
	quit   context.CancelFunc
	ended  sync.WaitGroup

	mu   sync.Mutex // guards all below; held while one is taken
	good []uint64   // the newest ones that were read as a whole, oldest first, two at most
	size int64      // of the newest
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
		case <-s.l.committer.grown:
		}
		if err := s.take(ctx, s.freeze); err != nil && ctx.Err() == nil {
			s.l.log.Error("no snapshot could be taken; readings go on, the journal keeps everything", "error", err)
		}
	}
}

// stop ends the goroutine and gives up what it has begun.
func (s *snapshotter) stop() {
	s.quit()
	s.ended.Wait()
}

// pause waits until no snapshot is being taken, and lets none begin until resume is
// called. What a snapshot shares is copied before it is changed, and a month that
// does not begin with a day of standard time changes much at once.
func (s *snapshotter) pause(ctx context.Context) (resume func(), err error) {
	const again = 5 * time.Millisecond
	for !s.mu.TryLock() {
		select {
		case <-ctx.Done():
			return nil, stopped(ctx)
		case <-time.After(again):
		}
	}
	return s.mu.Unlock, nil
}

// Snapshot writes down the state of this moment, unless that was done already.
func (l *Ledger) Snapshot(ctx context.Context) error {
	return l.snapshots.take(ctx, l.snapshots.freeze)
}

type freezing func(context.Context) (*store.Frozen, chain.Position, error)

// freeze has the committer hold still between two batches.
func (s *snapshotter) freeze(ctx context.Context) (frozen *store.Frozen, p chain.Position, err error) {
	k := &commit{then: func(end chain.Position) { frozen, p = s.l.store.Freeze(), end }}
	if err := s.l.committer.enqueue(ctx, k, steady); err != nil {
		return nil, p, err
	}
	if _, err := s.l.committer.wait(k); err != nil {
		return nil, p, err
	}
	return frozen, p, nil
}

// freezeNow may only be called when the committer has ended.
func (s *snapshotter) freezeNow(context.Context) (*store.Frozen, chain.Position, error) {
	return s.l.store.Freeze(), s.l.journal.End(), nil
}

// take writes a snapshot beside reception:
//
//  1. the committer freezes the state between two batches, which takes milliseconds
//  2. the snapshot is written under a temporary name, fsynced and renamed
//  3. it is read back; where it is not what was written it is removed
//  4. all but the newest two snapshots are removed
//  5. the journal is cut behind the older of the two
//
// A crash before 3 leaves the snapshots of before, and the journal from the older
// of them on.
func (s *snapshotter) take(ctx context.Context, freeze freezing) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last := s.l.journal.Last(); last == 0 || len(s.good) > 0 && s.good[len(s.good)-1] == last {
		return nil
	}
	if s.l.space.low(uint64(s.size)) {
		return errors.New("the disk is nearly full")
	}
	began := time.Now()
	frozen, at, err := freeze(ctx)
	if err != nil {
		return err
	}
	froze := time.Since(began)
	s.size, err = s.write(ctx, frozen, at)
	if err != nil {
		return err
	}
	s.good = append(s.good, at.Sequence)
	s.good = s.good[max(0, len(s.good)-2):]
	if err := s.folder.Keep(s.good...); err != nil {
		return err
	}
	s.l.committer.growth.Store(s.size)
	s.l.log.Info("snapshot written", "batch", at.Sequence, "bytes", s.size, "frozen_after", froze.Round(time.Microsecond),
		"took", time.Since(began).Round(time.Millisecond))
	return s.cut(ctx)
}

func (s *snapshotter) write(ctx context.Context, frozen *store.Frozen, at chain.Position) (size int64, err error) {
	defer frozen.Thaw()
	return s.folder.Write(at, func(emit func([]byte) error) error {
		return frozen.Encode(func(record []byte) error {
			if err := stopped(ctx); err != nil {
				return err
			}
			return emit(record)
		})
	})
}

// cut drops what the journal says of before the older of two good snapshots.
func (s *snapshotter) cut(ctx context.Context) error {
	if len(s.good) < 2 {
		return nil
	}
	before := s.good[0] + 1
	if err := s.l.journal.Truncate(before); err != nil {
		return err
	}
	return s.l.journal.Shrink(ctx, before)
}
