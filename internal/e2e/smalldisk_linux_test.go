package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"meterledger/api"
	"meterledger/api/apitest"
	"meterledger/internal/client"
	"meterledger/internal/meter"
	"meterledger/internal/tools/suite/programs"
	"meterledger/internal/tools/witness"
)

const mebibyte = 1 << 20

// smallDisk is a file system in memory that can be filled up.
type smallDisk struct {
	t    *testing.T
	path string
}

// mountSmallDisk skips the test if nothing may be mounted.
func mountSmallDisk(t *testing.T, mebibytes int) *smallDisk {
	t.Helper()
	d := &smallDisk{t, t.TempDir()}
	if err := syscall.Mount("tmpfs", d.path, "tmpfs", 0, fmt.Sprintf("size=%dm", mebibytes)); err != nil {
		t.Skipf("skipped: a small disk cannot be mounted, which root may do: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(d.path, 0); err != nil {
			t.Errorf("unmounting the small disk: %v", err)
		}
	})
	return d
}

func (d *smallDisk) free() int64 {
	d.t.Helper()
	var s syscall.Statfs_t
	if err := syscall.Statfs(d.path, &s); err != nil {
		d.t.Fatal(err)
	}
	return int64(s.Bavail) * s.Bsize
}

// fill leaves so many bytes free.
func (d *smallDisk) fill(leave int64) {
	d.t.Helper()
	f, err := os.OpenFile(d.ballast(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	for d.free() > leave {
		if _, err := f.Write(make([]byte, min(d.free()-leave, mebibyte))); err != nil && !errors.Is(err, syscall.ENOSPC) {
			d.t.Fatal(err)
		}
	}
}

// empty takes away what fill has written.
func (d *smallDisk) empty() {
	d.t.Helper()
	if err := os.Remove(d.ballast()); err != nil {
		d.t.Fatal(err)
	}
}

func (d *smallDisk) ballast() string { return filepath.Join(d.path, "ballast") }

// station is an api on a small disk, one meter that sends to it, and what the meter
// was told.
type station struct {
	t      *testing.T
	disk   *smallDisk
	api    *programs.Program
	http   *http.Client
	client *client.Client
	first  time.Time

	mu   sync.Mutex // guards next
	next int        // half hour that was not sent yet
	told *witness.Log
}

const stationMeter meter.ID = "A"

// startStation starts an api without snapshots, so that its disk only ever fills.
func startStation(t *testing.T, d *smallDisk, freeMin string) *station {
	t.Helper()
	buildPrograms(t)
	s := &station{
		t: t, disk: d, told: witness.New(), first: time.Date(2001, time.January, 1, 0, 0, 0, 0, loadSingapore(t)),
		http: &http.Client{Transport: apitest.NewTransport(t, &http.Transport{MaxIdleConnsPerHost: 10}), Timeout: time.Minute},
	}
	env := append(settings(filepath.Join(d.path, "data"), filepath.Join(d.path, "Archive")),
		"DISK_FREE_MIN="+freeMin, "READINGS_FROM=2001-01-01", "SNAPSHOT_SIZE=0", "SNAPSHOT_INTERVAL=0")
	var err error
	if s.api, err = programs.StartProgram(t.Context(), programs.Config{BinDir: binaries, Env: env}, programs.API); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.api.Kill(); err != nil {
			t.Error(err)
		}
	})
	base, err := url.Parse(s.api.URL)
	if err != nil {
		t.Fatal(err)
	}
	s.client = client.New(base, s.http)
	if err := s.client.RegisterAccount(t.Context(), stationMeter, "Owner", "Road"); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *station) reading() witness.Reading {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	return witness.Reading{
		Meter: stationMeter, Stamp: s.first.Add(time.Duration(s.next) * halfHour).Format(stampLayout), Register: fmt.Sprint(s.next),
	}
}

// post sends the next reading and returns the api's answer.
func (s *station) post() error {
	r := s.reading()
	register, err := meter.ParseRegister(r.Register)
	if err != nil {
		return err
	}
	s.told.Send(r)
	err = s.client.RecordReading(context.Background(), r.Meter, r.Stamp, register)
	var problem *api.Problem
	switch {
	case err == nil:
		s.told.Acknowledge(r)
	case errors.As(err, &problem) && problem.Status == http.StatusServiceUnavailable:
		s.told.Refuse(r)
	}
	return err
}

// postMany sends the next readings together.
func (s *station) postMany(n int) error {
	var body strings.Builder
	body.WriteString("meter_id,timestamp,reading\n")
	var sent []witness.Reading
	for range n {
		r := s.reading()
		s.told.Send(r)
		sent = append(sent, r)
		fmt.Fprintf(&body, "%s,%s,%s\n", r.Meter, r.Stamp, r.Register)
	}
	batch, err := s.client.RecordReadings(context.Background(), "text/csv", strings.NewReader(body.String()))
	if err == nil && batch.Accepted != n {
		return fmt.Errorf("of %d readings %+v", n, batch)
	}
	for _, r := range sent {
		if err == nil {
			s.told.Acknowledge(r)
		}
	}
	return err
}

// wantRefused wants the answer of an api whose disk is nearly full.
func (s *station) wantRefused(what string, err error) {
	s.t.Helper()
	var problem *api.Problem
	if !errors.As(err, &problem) || problem.Status != http.StatusServiceUnavailable || problem.Code != meter.CodeDiskFull ||
		problem.RetryAfter == 0 || !strings.Contains(problem.Detail, "disk") {
		s.t.Errorf("%s on a nearly full disk: %v, want 503 with Retry-After", what, err)
	}
}

// wantAccepting wants an api that answers questions and says whether it takes readings.
func (s *station) wantAccepting(want api.Accepting) {
	s.t.Helper()
	status, err := s.client.MaintenanceStatus(s.t.Context())
	if err = errors.Join(err, s.client.Ready(s.t.Context())); err != nil {
		s.t.Error(err)
	}
	if diff := cmp.Diff(want, status.Accepting); diff != "" {
		s.t.Errorf("accepting: %s", diff)
	}
}

// compare holds all that the api has of the meter against what the meter was told.
func (s *station) compare(when string) {
	s.t.Helper()
	span := witness.Span{From: s.first.Format(stampLayout), To: s.first.Add(time.Duration(s.next) * halfHour).Format(stampLayout)}
	rows, err := fetchRows(s.http, s.api.URL, stationMeter, span.From, span.To)
	if err != nil {
		s.t.Fatalf("%s: %v", when, err)
	}
	var found []witness.Reading
	for _, row := range rows {
		found = append(found, witness.Reading{Meter: meter.ID(row[0]), Stamp: row[1], Register: row[2]})
	}
	for _, wrong := range s.told.Compare(stationMeter, span, found) {
		s.t.Errorf("%s: %s", when, wrong)
	}
}

func TestReceptionEndsBeforeTheDiskIsFullAndComesBackWithSpace(t *testing.T) {
	const freeMin = 8 * mebibyte
	d := mountSmallDisk(t, 64)
	s := startStation(t, d, "8MiB")
	for range 100 {
		if err := s.post(); err != nil {
			t.Fatal(err)
		}
	}

	d.fill(freeMin - mebibyte) // somebody else does
	s.wantRefused("a reading", s.post())
	s.wantRefused("a batch", s.postMany(10))
	s.wantRefused("a registration", s.client.RegisterAccount(t.Context(), "B", "Owner", "Road"))
	s.wantAccepting(api.Accepting{Reason: new(meter.ReasonDiskFull)})
	s.compare("while the disk is nearly full")
	d.empty()
	if err := errors.Join(s.post(), s.postMany(10)); err != nil {
		t.Errorf("with space again: %v", err)
	}
	s.wantAccepting(api.Accepting{Readings: true})

	d.fill(freeMin + mebibyte/8) // the api does itself
	var full error
	for n := 0; full == nil && n < 10_000; n++ {
		full = s.postMany(1000)
	}
	s.wantRefused("a batch too many", full)
	t.Logf("%d readings taken; %d bytes were left free, the minimum is %d", s.told.Counts().Told, d.free(), freeMin)
	if d.free() < freeMin/2 {
		t.Errorf("only %d bytes are free", d.free())
	}
	d.empty()
	if err := s.post(); err != nil {
		t.Errorf("with space again: %v", err)
	}
	s.compare("with space again")
	s.restart("after SIGKILL")
	if err := s.api.Stop(); err != nil {
		t.Error(err)
	}
}

// restart kills the api if it still runs, starts it again and compares what it
// then has.
func (s *station) restart(when string) {
	s.t.Helper()
	if err := errors.Join(s.api.Kill(), s.api.Restart(s.t.Context())); err != nil {
		s.t.Fatal(err)
	}
	s.compare(when)
	if err := s.post(); err != nil {
		s.t.Errorf("a reading %s: %v", when, err)
	}
}

func TestOnAFullDiskTheAPIStartsAnswersAndLosesNothing(t *testing.T) {
	d := mountSmallDisk(t, 64)
	s := startStation(t, d, "8MiB")
	for range 100 {
		if err := s.post(); err != nil {
			t.Fatal(err)
		}
	}
	d.fill(0)
	day := client.MaintenanceRequest{Type: api.Daily, Date: s.first.Format(time.DateOnly)}
	for _, when := range []string{"on a full disk", "started on a full disk", "started again"} {
		if when != "on a full disk" {
			if err := errors.Join(s.api.Kill(), s.api.Restart(t.Context())); err != nil {
				t.Fatal(when, err)
			}
		}
		s.compare(when)
		s.wantAccepting(api.Accepting{Reason: new(meter.ReasonDiskFull)})
		s.wantRefused("a reading", s.post())
		s.wantRefused("a batch", s.postMany(10))
		s.wantRefused("the switch", s.client.Shutdown(t.Context()))
		_, err := s.client.StartMaintenance(t.Context(), day)
		s.wantRefused("archiving", err)
	}
	d.empty()
	if err := s.post(); err != nil {
		t.Errorf("with space again: %v", err)
	}
	s.restart("after the disk was full")
	if archived, err := s.client.StartMaintenance(t.Context(), day); err != nil || archived.Archives[0].Rows != 47 {
		t.Errorf("archiving with space again: %+v, %v", archived, err)
	}
	if err := s.api.Stop(); err != nil {
		t.Error(err)
	}
}
