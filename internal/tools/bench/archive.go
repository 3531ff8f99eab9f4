package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"meterledger/api"
	"meterledger/internal/client"
	"meterledger/internal/meter"
	"meterledger/internal/tools/traffic"
)

// archivingAPI is an api that holds some whole months of some meters, to be archived one
// after another, and takes live readings beside.
type archivingAPI struct {
	b      *bench
	server *server
	client *client.Client
	months []meter.Month // to be archived, in order of time
	rows   map[meter.Month]int
	live   *traffic.Traffic // readings that were not sent yet: from last month on
}

// newArchiving starts an api and fills it with the months before last month.
func newArchiving(ctx context.Context, b *bench) (*archivingAPI, error) {
	server, err := b.api(ctx)
	if err != nil {
		return nil, err
	}
	base, err := url.Parse(server.program.URL)
	if err != nil {
		return nil, err
	}
	a := &archivingAPI{b: b, server: server, client: client.New(base, http.DefaultClient), rows: map[meter.Month]int{}}
	live := b.zone.Today(b.now).CalendarMonth().Add(-1)
	for n := b.sizes.archiveMonths; n > 0; n-- {
		window := b.zone.MonthWindow(live.Add(-n))
		a.months = append(a.months, live.Add(-n))
		a.rows[live.Add(-n)] = int(window.To-window.From) * b.sizes.archiveMeters
	}
	first, begin := b.zone.MonthWindow(a.months[0]).From, b.zone.MonthWindow(live).From
	t, err := server.traffic(b.sizes.archiveMeters, first, int(b.zone.Floor(b.now)-first))
	if err != nil {
		return nil, err
	}
	whole := int(begin - first)
	a.live = t.Part(whole, t.Slots-whole)
	if err := server.register(ctx, t); err != nil {
		return nil, err
	}
	return a, server.fill(ctx, t.Part(0, whole))
}

// archive closes the next month and returns its file and how long that took.
func (a *archivingAPI) archive(ctx context.Context) (file string, rows int, took time.Duration, err error) {
	month := a.months[0]
	a.months = a.months[1:]
	started := time.Now()
	done, err := a.client.StartMaintenance(ctx, client.MaintenanceRequest{Type: api.Monthly, Month: month.String()})
	took = time.Since(started)
	if err != nil {
		return "", 0, took, err
	}
	if len(done.Archives) != 1 || int(done.Archives[0].Rows) != a.rows[month] {
		return "", 0, took, fmt.Errorf("archiving %s made %+v, not %d rows", month, done.Archives, a.rows[month])
	}
	return filepath.Join(a.server.archiveDir(), filepath.Base(done.Archives[0].File)), a.rows[month], took, nil
}

// archiveSpeed measures closing a month against copying its file on the same disk.
func archiveSpeed(ctx context.Context, b *bench) ([]line, error) {
	a, err := newArchiving(ctx, b)
	if err != nil {
		return nil, err
	}
	var p pairs
	var rowRates []float64
	for len(a.months) > 0 {
		file, rows, took, err := a.archive(ctx)
		if err != nil {
			return nil, err
		}
		copied, bytes, err := copyTime(file)
		if err != nil {
			return nil, err
		}
		p.ours = append(p.ours, float64(bytes)/took.Seconds()/1e6)
		p.floor = append(p.floor, float64(bytes)/copied.Seconds()/1e6)
		rowRates = append(rowRates, float64(rows)/took.Seconds())
	}
	rate := median(rowRates)
	l := p.line(fmt.Sprintf("a month of %s meters archived", count(b.sizes.archiveMeters)),
		"copying the file on the same disk, with fsync", "MB/s",
		ratioAtLeast(0.5).or("10,000,000 rows/s", func(line) bool { return rate >= 10e6 }))
	l.Note = fmt.Sprintf("%s rows/s, all steps of the closing counted", number(rate))
	return []line{l}, nil
}

// copyTime copies a file beside itself and fsyncs the copy, which is then removed.
func copyTime(path string) (took time.Duration, bytes int64, err error) {
	from, err := os.Open(path)
	if err != nil {
		return 0, 0, err
	}
	defer from.Close()
	started := time.Now()
	to, err := os.Create(path + ".copy")
	if err != nil {
		return 0, 0, err
	}
	// Without the plain interfaces the kernel would copy, and might only note that the blocks are shared.
	bytes, err = io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{from}, make([]byte, 1<<20))
	err = errors.Join(err, to.Sync(), to.Close())
	took = time.Since(started)
	return took, bytes, errors.Join(err, os.Remove(to.Name()))
}
