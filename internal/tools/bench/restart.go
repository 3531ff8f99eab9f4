package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/dsnet/try"
	"golang.org/x/sys/unix"

	"meterledger/internal/meter"
	"meterledger/internal/tools/caller"
)

// restart measures how fast an api that was stopped comes back from its snapshot,
// against reading the same bytes from the same disk. Neither finds them in the
// machine's memory.
func restart(b *bench) []line {
	ours := b.api()
	t := ours.traffic(b.sizes.restartMeters, b.past(b.sizes.restartSlots/meter.SlotsPerDay+1), b.sizes.restartSlots)
	// Two snapshots are taken on the way: only then is the journal cut, as it is
	// wherever an api has run for long.
	half := t.Slots / 2
	ours.settle(t.Part(0, half))
	try.E(ours.program.Restart(b.ctx))
	ours.fill(t.Part(half, t.Slots-half))
	var bytes int64
	p := inTurn(max(b.sizes.pairs/2, 1), func() float64 {
		path := ours.forgotten()
		started := time.Now()
		bytes = readFile(path)
		return float64(bytes) / time.Since(started).Seconds() / 1e6
	}, func() float64 {
		stat := try.E1(os.Stat(ours.forgotten()))
		try.E(ours.program.Restart(b.ctx))
		at := ours.settled.Load()
		return float64(stat.Size()) / at.ready.Sub(at.listening).Seconds() / 1e6
	})
	l := p.line(fmt.Sprintf("restart from a snapshot of %s readings", caller.Grouped(t.Len())), "reading the snapshot's bytes from the disk", "MB/s", ratioAtLeast(0.5))
	took := float64(bytes) / 1e6 / median(p.ours)
	l.Note = fmt.Sprintf("%s readings/s: a snapshot of %s MB, ready %s s after listening",
		number(float64(t.Len())/took), number(float64(bytes)/1e6), number(took))
	return []line{l}
}

// forgotten stops the api and makes the machine forget what it has in memory of its
// files. It returns where the newest snapshot is.
func (s *server) forgotten() (snapshot string) {
	try.E(s.program.Stop())
	try.E(filepath.WalkDir(s.dataDir(), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		if strings.HasSuffix(path, ".snapshot") && path > snapshot {
			snapshot = path
		}
		return errors.Join(f.Sync(), unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED), f.Close())
	}))
	if snapshot == "" {
		try.E(fmt.Errorf("there is no snapshot in %s", s.dataDir()))
	}
	return snapshot
}

// readFile reads a file and returns how many bytes it has.
func readFile(path string) (bytes int64) {
	f := try.E1(os.Open(path))
	defer f.Close()
	return copyPlainly(io.Discard, f)
}

// copyPlainly copies through a buffer. Without the plain interfaces the kernel would
// copy, and might only note that the blocks are shared.
func copyPlainly(to io.Writer, from io.Reader) (bytes int64) {
	return try.E1(io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{from}, make([]byte, 1<<20)))
}

const snapshotConnections = 256

// snapshots measures single posts to an api that takes snapshots all the time
// against one that takes them as it does by default.
func snapshots(b *bench) []line {
	l := line{
		What: fmt.Sprintf("single POST while snapshots are taken, %d connections", min(snapshotConnections, b.sizes.connectionsMax)),
		aim:  ratioAtLeast(0.9), FloorIs: "the same posts to an api that takes no snapshot meanwhile",
	}
	help := try.E1(exec.CommandContext(b.ctx, filepath.Join(b.bin, "api"), "-h").Output())
	if !strings.Contains(string(help), "  -snapshot-interval ") {
		l.Note = "not measured: this api has no -snapshot-interval"
		return []line{l}
	}
	p := inTurn(b.sizes.pairs, b.posting("SNAPSHOT_INTERVAL=24h"), b.posting("SNAPSHOT_SIZE=1MiB", "SNAPSHOT_INTERVAL=1s"))
	return []line{p.line(l.What, l.FloorIs, "/s", l.aim)}
}

// posting starts an api with some settings and readings, and returns what measures
// single posts a second to it.
func (b *bench) posting(env ...string) func() float64 {
	const slots = 30 * meter.SlotsPerDay
	server, there := b.api(env...), b.sizes.snapshotSlots
	t := server.traffic(b.sizes.snapshotMeters, b.past(30), slots)
	server.settle(t.Part(0, there))
	l := b.newLoad(server, snapshotConnections, posts(t.Part(there, slots-there)))
	return func() float64 { return l.run(b.sizes.slice.duration()).perSecond() }
}
