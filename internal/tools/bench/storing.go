package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dsnet/try"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"

	"meterledger/api"
	"meterledger/internal/client"
	"meterledger/internal/meter"
	"meterledger/internal/tools/caller"
	"meterledger/internal/tools/households"
	"meterledger/internal/tools/suite/programs"
)

// restart measures a start from a snapshot against reading its bytes from the same disk, both uncached.
func restart(b *bench) []line {
	ours := b.api()
	t := ours.traffic(b.sizes.restartMeters, b.past(b.sizes.restartSlots/meter.SlotsPerDay+1), b.sizes.restartSlots)
	// Two snapshots are taken meanwhile: only then is the journal cut, as after a long time.
	half := t.Slots / 2
	ours.settle(t.Part(0, half))
	ours.restart()
	ours.fill(t.Part(half, t.Slots-half))
	var bytes int64
	p := inTurn(max(b.sizes.pairs/2, 1), func() float64 {
		path := ours.forgotten()
		started := time.Now()
		bytes = copyPlainly(io.Discard, path)
		return float64(bytes) / time.Since(started).Seconds() / 1e6
	}, func() float64 {
		stat := try.E1(os.Stat(ours.forgotten()))
		return float64(stat.Size()) / ours.restart().Seconds() / 1e6
	})
	l := p.line(fmt.Sprintf("restart from a snapshot of %s readings", caller.Grouped(t.Len())), "reading the snapshot's bytes from the disk", "MB/s", ratioAtLeast(0.5))
	took := float64(bytes) / 1e6 / median(p.ours)
	l.Note = fmt.Sprintf("%s readings/s: a snapshot of %s MB, ready %s s after listening",
		number(float64(t.Len())/took), number(float64(bytes)/1e6), number(took))
	return []line{l}
}

// forgotten stops the api, drops its files from the page cache, and returns the newest snapshot.
func (s *server) forgotten() (snapshot string) {
	try.E(s.program.Stop())
	try.E(filepath.WalkDir(programs.DataDir(s.folder), func(path string, entry fs.DirEntry, err error) error {
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
		try.E(fmt.Errorf("there is no snapshot in %s", programs.DataDir(s.folder)))
	}
	return snapshot
}

// copyPlainly hides the interfaces by which the kernel would copy, and might only share the blocks.
func copyPlainly(to io.Writer, path string) (bytes int64) {
	from := try.E1(os.Open(path))
	defer from.Close()
	return try.E1(io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{from}, make([]byte, 1<<20)))
}

const snapshotConnections = 256

// snapshots measures single posts while snapshots are taken all the time, against none meanwhile.
func snapshots(b *bench) []line {
	p := inTurn(b.sizes.pairs, b.api("SNAPSHOT_INTERVAL=24h").posting(snapshotConnections), b.api("SNAPSHOT_SIZE=1MiB", "SNAPSHOT_INTERVAL=1s").posting(snapshotConnections))
	return []line{p.line(fmt.Sprintf("single POST while snapshots are taken, %d connections", b.connections(snapshotConnections)),
		"the same posts to an api that takes no snapshot meanwhile", "/s", ratioAtLeast(0.9))}
}

// posting gives an api readings of meters of its own for so many connections, and returns what measures single posts a second
// over these.
func (s *server) posting(connections int) func() float64 {
	const slots = 30 * meter.SlotsPerDay
	b, there := s.b, s.b.sizes.snapshotSlots
	t := s.trafficOf(fmt.Sprintf("c%d-", connections), b.sizes.snapshotMeters, b.past(30), slots)
	s.settle(t.Part(0, there))
	rest := posts(t.Part(there, slots-there))
	connected := sync.OnceValue(func() *load { return b.newLoad(s, connections, rest) }) // else idle ones are closed while others are filled
	return func() float64 { return connected().run(b.sizes.slice).perSecond() }
}

// withToken measures what a token costs: the same requests to an api that asks for one, and to one
// that does not.
func withToken(b *bench) []line {
	row := func(what string, connections int, load func(*server) func() float64) line {
		return inTurn(b.sizes.pairs, load(b.api()), load(b.api("AUTH=on"))).line(fmt.Sprintf("%s with a token, %d connections", what, b.connections(connections)),
			"the same to an api with access off", "/s", ratioAtLeast(0.97))
	}
	return []line{row("single POST", snapshotConnections, func(s *server) func() float64 { return s.posting(snapshotConnections) }), row("get_consumption of a day", queryConnections, (*server).asking)}
}

// asking gives an api readings, and returns what measures questions a second.
func (s *server) asking() func() float64 {
	b, from := s.b, s.b.past(2)
	t := s.traffic(b.sizes.consumptionMeters, from, 2*meter.SlotsPerDay)
	s.settle(t)
	l := b.newLoad(s, queryConnections, b.consumptions(t, from))
	return func() float64 { return l.run(b.sizes.slice).perSecond() }
}

// archivingAPI holds whole months, to be archived one after another, and takes live readings meanwhile.
type archivingAPI struct {
	*server
	months []month
	live   *households.Traffic // readings that were not sent yet: from last month on
}

// month is one that an api holds, with the rows that its archive must have.
type month struct {
	meter.Month
	rows int
}

// newArchiving starts an api and fills it with the months before last month.
func newArchiving(b *bench, env ...string) *archivingAPI {
	a := &archivingAPI{server: b.api(env...)}
	last := b.zone.Today(b.now).CalendarMonth().Add(-1)
	for n := b.sizes.archiveMonths; n > 0; n-- {
		window := b.zone.MonthWindow(last.Add(-n))
		a.months = append(a.months, month{last.Add(-n), int(window.To-window.From) * b.sizes.archiveMeters})
	}
	first := b.zone.MonthWindow(a.months[0].Month).From
	t := a.traffic(b.sizes.archiveMeters, first, int(b.zone.Floor(b.now)-first))
	whole := int(b.zone.MonthWindow(last).From - first)
	a.live = t.Part(whole, t.Slots-whole)
	a.settle(t.Part(0, whole))
	return a
}

// archive has a month closed. An archive that has not as many rows as it must is an error.
func (s *server) archive(m month) (file string, err error) {
	done, err := s.program.Client().StartMaintenance(s.b.ctx, client.MaintenanceRequest{Type: api.Monthly, Month: m.String()})
	if err != nil {
		return "", fmt.Errorf("archiving %s: %w", m, err)
	}
	if len(done.Archives) != 1 || int(done.Archives[0].Rows) != m.rows {
		return "", fmt.Errorf("archiving %s made %+v, not %d rows", m, done.Archives, m.rows)
	}
	return filepath.Join(programs.ArchiveDir(s.folder), filepath.Base(done.Archives[0].File)), nil
}

// archiveSpeed measures closing a month against copying its file on the same disk.
func archiveSpeed(b *bench) []line {
	a := newArchiving(b)
	var p pairs
	var rowRates []float64
	for _, m := range a.months {
		started := time.Now()
		file := try.E1(a.archive(m))
		took := time.Since(started)
		copied, bytes := copyTime(file)
		p.ours = append(p.ours, float64(bytes)/took.Seconds()/1e6)
		p.floor = append(p.floor, float64(bytes)/copied.Seconds()/1e6)
		rowRates = append(rowRates, float64(m.rows)/took.Seconds())
	}
	rate := median(rowRates)
	l := p.line(fmt.Sprintf("a month of %s meters archived", caller.Grouped(b.sizes.archiveMeters)),
		"copying the file on the same disk, with fsync", "MB/s",
		ratioAtLeast(0.5).or("10,000,000 rows/s", func(line) bool { return rate >= 10e6 }))
	l.Note = fmt.Sprintf("%s rows/s, all steps of the closing counted", number(rate))
	return []line{l}
}

// archiveZstd measures closing a month into zstd against compressing its text and writing that to the same disk.
func archiveZstd(b *bench) []line {
	a := newArchiving(b, "ARCHIVE_COMPRESS=zstd")
	var p pairs
	var bytes int64
	for _, m := range a.months {
		started := time.Now()
		file := try.E1(a.archive(m))
		p.ours = append(p.ours, float64(m.rows)/time.Since(started).Seconds())
		p.floor = append(p.floor, float64(m.rows)/compressTime(file).Seconds())
		bytes = try.E1(os.Stat(file)).Size()
	}
	l := p.line(fmt.Sprintf("a month of %s meters archived into zstd", caller.Grouped(b.sizes.archiveMeters)),
		"compressing the file's text on all cores and writing that to the same disk, with fsync", "rows/s", atLeast(10e6, "rows/s"))
	l.Note = fmt.Sprintf("all steps of the closing counted; %s bytes a row", number(float64(bytes)/float64(a.months[len(a.months)-1].rows)))
	return []line{l}
}

// compressTime writes the text of a compressed file beside it, compressed again: parts of the size of an archive's frames, with its
// level and its window, in whatever order they get done. All cores take part.
func compressTime(path string) time.Duration {
	text := decompressed(path)
	defer func() { try.E(errors.Join(text.Close(), os.Remove(text.Name()))) }()
	started := time.Now()
	to := try.E1(os.Create(path + ".again"))
	encoder := try.E1(zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(16<<10)))
	var parts atomic.Int64
	failures := make([]error, runtime.GOMAXPROCS(0))
	var cores sync.WaitGroup
	for core := range failures {
		cores.Go(func() { failures[core] = compressParts(to, text, encoder, &parts) })
	}
	cores.Wait()
	try.E(errors.Join(failures...))
	try.E(to.Sync())
	try.E(to.Close())
	took := time.Since(started)
	try.E(os.Remove(to.Name()))
	return took
}

// compressParts compresses those parts of a text that nobody else has begun.
func compressParts(to io.Writer, text io.ReaderAt, encoder *zstd.Encoder, begun *atomic.Int64) error {
	lines, frame := make([]byte, 512<<10), []byte(nil)
	for {
		n, err := text.ReadAt(lines, (begun.Add(1)-1)*int64(len(lines)))
		if n == 0 && errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		frame = encoder.EncodeAll(lines[:n], frame[:0])
		if _, err := to.Write(frame); err != nil {
			return err
		}
	}
}

// decompressed opens the text of a compressed file, which it writes beside that.
func decompressed(path string) *os.File {
	from := try.E1(os.Open(path))
	defer from.Close()
	decoder := try.E1(zstd.NewReader(from))
	defer decoder.Close()
	text := try.E1(os.Create(path + ".text"))
	try.E1(io.Copy(text, decoder))
	return text
}

// copyTime copies a file beside itself and fsyncs the copy, which is then removed.
func copyTime(path string) (took time.Duration, bytes int64) {
	started := time.Now()
	to := try.E1(os.Create(path + ".copy"))
	bytes = copyPlainly(to, path)
	try.E(to.Sync())
	try.E(to.Close())
	took = time.Since(started)
	try.E(os.Remove(to.Name()))
	return took, bytes
}

// archiveLoad measures single posts while a month is archived against the same posts without.
func archiveLoad(b *bench) []line {
	a := newArchiving(b)
	posting := b.newLoad(a.server, snapshotConnections, posts(a.live))
	var rates, p99s pairs
	var beside throughput
	for _, m := range a.months {
		without := posting.run(b.sizes.slice)
		ended := make(chan error, 1)
		go func() {
			_, err := a.archive(m)
			ended <- err
			posting.stop()
		}()
		with := posting.run(time.Hour)
		try.E(<-ended)
		beside = with
		rates.floor, rates.ours = append(rates.floor, without.perSecond()), append(rates.ours, with.perSecond())
		p99s.floor, p99s.ours = append(p99s.floor, milliseconds(without.P99)), append(p99s.ours, milliseconds(with.P99))
	}
	what := fmt.Sprintf("single POST while a month is archived, %d connections", b.connections(snapshotConnections))
	first := rates.line(what, "the same without", "/s", ratioAtLeast(0.8))
	second := p99s.line(what+", p99", "the same without", "ms", ratioAtMost(2))
	second.Note = "latency of the last slice: " + beside.String()
	return []line{first, second}
}

// archivedQueries measures questions about one meter's archived month by how many meters the archive has.
func archivedQueries(b *bench) (lines []line) {
	few, many := b.archivedMonth(b.sizes.fewMeters), b.archivedMonth(b.sizes.manyMeters)
	for _, q := range []struct{ what, path, more string }{
		{"bill of one meter", "/get_last_month_bill", ""},
		{"last_month of one meter", "/get_consumption", "&period=last_month"},
	} {
		p := inTurn(b.sizes.pairs, few(q.path, q.more), many(q.path, q.more))
		lines = append(lines, p.line(fmt.Sprintf("%s, archive of %s meters", q.what, caller.Grouped(b.sizes.manyMeters)),
			fmt.Sprintf("the same with %s meters", caller.Grouped(b.sizes.fewMeters)), "ms", ratioAtMost(1.3)))
	}
	return lines
}

// archivedMonth archives last month in a new api, and returns what measures the median of a question about it.
func (b *bench) archivedMonth(meters int) func(path, more string) func() float64 {
	server := b.api()
	last := b.zone.Today(b.now).CalendarMonth().Add(-1)
	t := server.traffic(meters, b.zone.MonthWindow(last).From, b.sizes.archivedSlots)
	server.settle(t)
	try.E1(server.archive(month{last, t.Len()}))
	return func(path, more string) func() float64 {
		l := b.newLoad(server, 1, questions(t, path, more))
		return func() float64 { return milliseconds(l.run(b.sizes.slice / 2).P50) }
	}
}

// metric is one of those that a Go benchmark reports, and what it is called in the table.
type metric struct {
	name, what, unit string

	aim aim
}

// goBenchmark returns what runs a benchmark that stands beside the package that it measures, once, in a
// process that does nothing else. Its other metrics are the note.
func goBenchmark(folder, name string, metrics ...metric) func(*bench) []line {
	return func(b *bench) (lines []line) {
		args := []string{"test", "-vet=off", "-ldflags=-s -w", "-run", "-", "-bench", "^" + name + "$", "-benchtime", "1x", "-count", "1"}
		if b.quick {
			args = append(args, "-short")
		}
		command := exec.CommandContext(b.ctx, "go", append(args, folder)...)
		command.Dir, command.Stderr = b.root, b.log
		out, err := command.Output()
		_, result, found := strings.Cut(string(out), "\n"+name)
		if err != nil || !found {
			try.E(fmt.Errorf("running %s of %s: %w\n%s", name, folder, err, out))
		}
		result, _, _ = strings.Cut(result, "\n")
		fields := strings.Fields(result) // values and their units in turn, after the number of times
		fields = fields[max(slices.Index(fields, "ns/op")-1, 0):]
		for _, m := range metrics {
			at := slices.Index(fields, m.name)
			if at < 1 {
				try.E(fmt.Errorf("%s reports no %s: %s", name, m.name, result))
			}
			value := try.E1(strconv.ParseFloat(fields[at-1], 64))
			lines = append(lines, line{What: m.what, Ours: &figure{Value: value, Unit: m.unit}, Note: strings.Join(fields, " "), aim: m.aim})
		}
		return lines
	}
}
