// Package load simulates smart meters that behave as the real households of internal/tools/households do. It
// registers them, sends their readings to a running api, and then asks the api whether it holds exactly what
// it has acknowledged.
package load

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"sync/atomic"
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/tools/caller"
	"meterledger/internal/tools/households"
	"meterledger/internal/tools/latency"
)

// Run is the tool.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	s, err := parseSettings(args, os.Getenv, stderr)
	if err != nil {
		return err
	}
	f, err := newFleet(s, nil, time.Now, stdout)
	if err != nil {
		return err
	}
	return f.run(ctx)
}

// fleet is one execution of the tool.
type fleet struct {
	settings settings
	traffic  *households.Traffic
	callers  []*caller.Caller

	// Each fate is written by the one caller that sends the reading, and read when all have ended.
	fates []caller.Fate

	acknowledged, uncertain, again atomic.Int64

	refusals caller.Refusals
	taken    *latency.Recorder // from when a reading was due to its final answer, by request

	out io.Writer
	say func(format string, args ...any) // prints a line to out; safe for concurrent use
}

func newFleet(s settings, dial func(context.Context) (*caller.Conn, error), now func() time.Time, out io.Writer) (*fleet, error) {
	homes, err := households.Load()
	if err != nil {
		return nil, err
	}
	meters, err := households.NewPopulation(s.prefix, s.meters, s.zone, homes)
	if err != nil {
		return nil, fmt.Errorf("-prefix: %w", err)
	}
	first := s.zone.Floor(now()) - meter.Slot(s.slots) + 1
	if first < meters.Since() {
		return nil, fmt.Errorf("-slots: the meters were installed at %s; there are no readings before", s.zone.Stamp(meters.Since()))
	}
	t := households.NewTraffic(s.host, meters, s.zone, first, s.slots)
	t.Header = s.header
	f := &fleet{settings: s, out: out, say: log.New(out, "", 0).Printf, traffic: t, fates: make([]caller.Fate, t.Len()), taken: latency.NewRecorder()}
	f.callers = caller.Several(s.connections, caller.Caller{Host: s.host, Header: s.header, Dial: dial, Again: func() { f.again.Add(1) }})
	return f, nil
}

func (f *fleet) run(ctx context.Context) error {
	f.introduce()
	if f.settings.register {
		if err := f.registerAll(ctx); err != nil {
			return err
		}
	}
	if err := f.sendAll(ctx); err != nil {
		return err
	}
	return f.check(ctx)
}

func (f *fleet) introduce() {
	s, pace := f.settings, "as fast as they are taken"
	if s.rate > 0 {
		pace = caller.Grouped(s.rate) + " readings/s"
	}
	f.say("%s meters, %s half hours up to %s: %s readings, %s in one request, %s, over %s connections to %s",
		caller.Grouped(s.meters), caller.Grouped(s.slots), s.zone.Stamp(f.traffic.First+meter.Slot(s.slots)-1),
		caller.Grouped(f.traffic.Len()), caller.Grouped(max(s.rows, 1)), pace, caller.Grouped(s.connections), s.host)
}

func (f *fleet) registerAll(ctx context.Context) error {
	started := time.Now()
	if err := caller.RegisterAll(ctx, f.callers, f.traffic); err != nil {
		return err
	}
	f.say("%s meters are registered, after %s", caller.Grouped(f.settings.meters), time.Since(started).Round(time.Millisecond))
	return nil
}
