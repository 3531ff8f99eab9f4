package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/dsnet/try"

	"meterledger/api"
	"meterledger/internal/meter"
	"meterledger/internal/tools/caller"
	"meterledger/internal/tools/households"
	"meterledger/internal/tools/latency"
)

// archivingAPI is an api that holds some whole months of some meters, to be archived one
// after another, and takes live readings beside.
type archivingAPI struct {
	server *server
	months []meter.Month       // to be archived, in order of time
	live   *households.Traffic // readings that were not sent yet: from last month on
}

// newArchiving starts an api and fills it with the months before last month.
func newArchiving(b *bench) *archivingAPI {
	a := &archivingAPI{server: b.api()}
	live := b.zone.Today(b.now).CalendarMonth().Add(-1)
	for n := b.sizes.archiveMonths; n > 0; n-- {
		a.months = append(a.months, live.Add(-n))
	}
	first, begin := b.zone.MonthWindow(a.months[0]).From, b.zone.MonthWindow(live).From
	t := a.server.traffic(b.sizes.archiveMeters, first, int(b.zone.Floor(b.now)-first))
	whole := int(begin - first)
	a.live = t.Part(whole, t.Slots-whole)
	a.server.settle(t.Part(0, whole))
	return a
}

// archive has a month closed. An archive that has not as many rows as it must is an error.
func (s *server) archive(ctx context.Context, month meter.Month, rows int) (file string, err error) {
	c := &caller.Caller{Host: s.host, Impatient: true}
	defer c.Close()
	answer, err := c.Post(ctx, "/maintenance/start", url.Values{"maintenance_type": {"monthly"}, "month": {month.String()}})
	if err != nil {
		return "", err
	}
	var done api.MaintenanceResult
	if err := answer.Into("archiving "+month.String(), &done); err != nil {
		return "", err
	}
	if len(done.Archives) != 1 || int(done.Archives[0].Rows) != rows {
		return "", fmt.Errorf("archiving %s made %+v, not %d rows", month, done.Archives, rows)
	}
	return filepath.Join(s.archiveDir(), filepath.Base(done.Archives[0].File)), nil
}

// next returns the next month to archive, and how many rows it has.
func (a *archivingAPI) next() (month meter.Month, rows int) {
	month, a.months = a.months[0], a.months[1:]
	window := a.server.b.zone.MonthWindow(month)
	return month, int(window.To-window.From) * a.live.Meters.Len()
}

// archiveSpeed measures closing a month against copying its file on the same disk.
func archiveSpeed(b *bench) []line {
	a := newArchiving(b)
	var p pairs
	var rowRates []float64
	for len(a.months) > 0 {
		month, rows := a.next()
		started := time.Now()
		file := try.E1(a.server.archive(b.ctx, month, rows))
		took := time.Since(started)
		copied, bytes := copyTime(file)
		p.ours = append(p.ours, float64(bytes)/took.Seconds()/1e6)
		p.floor = append(p.floor, float64(bytes)/copied.Seconds()/1e6)
		rowRates = append(rowRates, float64(rows)/took.Seconds())
	}
	rate := median(rowRates)
	l := p.line(fmt.Sprintf("a month of %s meters archived", caller.Grouped(b.sizes.archiveMeters)),
		"copying the file on the same disk, with fsync", "MB/s",
		ratioAtLeast(0.5).or("10,000,000 rows/s", func(line) bool { return rate >= 10e6 }))
	l.Note = fmt.Sprintf("%s rows/s, all steps of the closing counted", number(rate))
	return []line{l}
}

// copyTime copies a file beside itself and fsyncs the copy, which is then removed.
func copyTime(path string) (took time.Duration, bytes int64) {
	from := try.E1(os.Open(path))
	defer from.Close()
	started := time.Now()
	to := try.E1(os.Create(path + ".copy"))
	bytes = copyPlainly(to, from)
	try.E(to.Sync())
	try.E(to.Close())
	took = time.Since(started)
	try.E(os.Remove(to.Name()))
	return took, bytes
}

// archiveLoad measures single posts while a month is archived against the same posts
// without.
func archiveLoad(b *bench) []line {
	a := newArchiving(b)
	posting := b.newLoad(a.server, snapshotConnections, posts(a.live))
	var rates, p99s pairs
	var beside latency.Summary
	for len(a.months) > 0 {
		without := posting.run(b.sizes.slice.duration())
		month, rows := a.next()
		ended := make(chan error, 1)
		go func() {
			_, err := a.server.archive(b.ctx, month, rows)
			ended <- err
			posting.stop()
		}()
		with := posting.run(time.Hour)
		try.E(<-ended)
		beside = with.latency
		rates.floor, rates.ours = append(rates.floor, without.perSecond()), append(rates.ours, with.perSecond())
		p99s.floor, p99s.ours = append(p99s.floor, milliseconds(without.latency.P99)), append(p99s.ours, milliseconds(with.latency.P99))
	}
	what := fmt.Sprintf("single POST while a month is archived, %d connections", min(snapshotConnections, b.sizes.connectionsMax))
	first := rates.line(what, "the same without", "/s", ratioAtLeast(0.8))
	second := p99s.line(what+", p99", "the same without", "ms", ratioAtMost(2))
	second.Note = "latency of the last run: " + beside.String()
	return []line{first, second}
}

// archivedQueries measures questions about one meter's archived month by how many
// meters the archive has.
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

// archivedMonth starts an api and has it archive last month, of which each meter has
// the first half hours. It returns what measures the median time of a question about
// it, over one connection.
func (b *bench) archivedMonth(meters int) func(path, more string) func() float64 {
	server := b.api()
	month := b.zone.Today(b.now).CalendarMonth().Add(-1)
	t := server.traffic(meters, b.zone.MonthWindow(month).From, b.sizes.archivedSlots)
	server.settle(t)
	try.E1(server.archive(b.ctx, month, t.Len()))
	return func(path, more string) func() float64 {
		l := b.newLoad(server, 1, questions(t, path, more))
		return func() float64 { return milliseconds(l.run(b.sizes.slice.duration() / 2).latency.P50) }
	}
}
