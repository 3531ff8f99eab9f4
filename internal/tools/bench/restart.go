package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/tools/traffic"

	"golang.org/x/sys/unix"
)

// restart measures how fast an api that was stopped comes back from its snapshot,
// against reading the same bytes from the same disk. Neither finds them in the
// machine's memory.
func restart(ctx context.Context, b *bench) ([]line, error) {
	ours, err := b.api(ctx)
	if err != nil {
		return nil, err
	}
	t, err := ours.traffic(b.sizes.restartMeters, b.past(b.sizes.restartSlots/meter.SlotsPerDay+1), b.sizes.restartSlots)
	if err != nil {
		return nil, err
	}
	if err := ours.fillTwice(ctx, t); err != nil {
		return nil, err
	}
	var bytes int64
	p, err := inTurn(max(b.sizes.pairs/2, 1), func() (float64, error) {
		path, err := ours.forgotten()
		if err != nil {
			return 0, err
		}
		started := time.Now()
		bytes, err = readFile(path)
		return float64(bytes) / time.Since(started).Seconds() / 1e6, err
	}, func() (float64, error) {
		path, err := ours.forgotten()
		if err != nil {
			return 0, err
		}
		stat, err := os.Stat(path)
		if err != nil {
			return 0, err
		}
		if err := ours.program.Restart(ctx); err != nil {
			return 0, err
		}
		at := ours.settled.Load()
		return float64(stat.Size()) / at.ready.Sub(at.listening).Seconds() / 1e6, nil
	})
	if err != nil {
		return nil, err
	}
	l := p.line(fmt.Sprintf("restart from a snapshot of %s readings", count(t.Len())), "reading the snapshot's bytes from the disk", "MB/s", ratioAtLeast(0.5))
	took := float64(bytes) / 1e6 / median(p.ours)
	l.Note = fmt.Sprintf("%s readings/s: a snapshot of %s MB, ready %s s after listening",
		number(float64(t.Len())/took), number(float64(bytes)/1e6), number(took))
	return []line{l}, nil
}

// fillTwice sends all readings, and has two snapshots taken on the way: only then is
// the journal cut, as it is wherever an api has run for long.
func (s *server) fillTwice(ctx context.Context, t *traffic.Traffic) error {
	half := t.Slots / 2
	if err := s.settle(ctx, t.Part(0, half)); err != nil {
		return err
	}
	if err := s.program.Restart(ctx); err != nil {
		return err
	}
	return s.fill(ctx, t.Part(half, t.Slots-half))
}

// forgotten stops the api and makes the machine forget what it has in memory of its
// files. It returns where the newest snapshot is.
func (s *server) forgotten() (snapshot string, err error) {
	if err := s.program.Stop(); err != nil {
		return "", err
	}
	err = files(s.dataDir(), func(f *os.File) error {
		if name := f.Name(); strings.HasSuffix(name, ".snapshot") && name > snapshot {
			snapshot = name
		}
		if err := f.Sync(); err != nil {
			return err
		}
		return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
	})
	if err == nil && snapshot == "" {
		err = fmt.Errorf("there is no snapshot in %s", s.dataDir())
	}
	return snapshot, err
}

// files calls do with every file below a folder.
func files(folder string, do func(*os.File) error) error {
	return filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		return errors.Join(do(f), f.Close())
	})
}

// readFile reads a file and returns how many bytes it has.
func readFile(path string) (bytes int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{f}, make([]byte, 1<<20))
}
