// Fleet stands in for any number of smart meters: it registers them, sends their
// readings to a running api over HTTP, one by one or many in one body, at a rate or
// as fast as they are taken, and then asks the api whether it holds exactly what it
// has acknowledged. Where it does not, the exit status is 1.
//
//	go run ./internal/tools/fleet -h
//
// The meters behave as the real households of internal/tools/households do, and as
// real meters they do not give up: an answer of "not now", or none, is followed by
// the same readings again, later and later.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/tools/households"
	"meterledger/internal/tools/suite/programs"
	"meterledger/internal/tools/traffic"
	"meterledger/internal/tools/wire"
)

func main() { programs.Main("fleet", run) }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	s, err := parseSettings(args, os.Getenv, stderr)
	if err != nil {
		return err
	}
	dial := func(ctx context.Context) (*wire.Conn, error) { return wire.Dial(ctx, s.host) }
	f, err := newFleet(s, dial, time.Now, stdout)
	if err != nil {
		return err
	}
	return f.run(ctx)
}

// fleet is one run of the tool.
type fleet struct {
	settings settings
	dial     func(context.Context) (*wire.Conn, error)
	zone     *meter.Zone
	traffic  *traffic.Traffic
	tally    *tally

	mu  sync.Mutex // guards out
	out io.Writer
}

func newFleet(s settings, dial func(context.Context) (*wire.Conn, error), now func() time.Time, out io.Writer) (*fleet, error) {
	homes, err := households.Load()
	if err != nil {
		return nil, fmt.Errorf("loading the households: %w", err)
	}
	meters, err := households.NewPopulation(s.prefix, s.meters, s.zone, homes)
	if err != nil {
		return nil, fmt.Errorf("-prefix: %w", err)
	}
	last := s.zone.Floor(now())
	first := last - meter.Slot(s.slots) + 1
	if first < meters.Since() {
		return nil, fmt.Errorf("-slots: the meters were installed at %s; there are no readings before", s.zone.Stamp(meters.Since()))
	}
	t := traffic.New(s.host, meters, s.zone, first, s.slots)
	return &fleet{settings: s, dial: dial, out: out, zone: s.zone, traffic: t, tally: newTally(t.Len())}, nil
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
	s := f.settings
	how := "one by one"
	if s.mode == modeBulk {
		how = fmt.Sprintf("%s in one body", grouped(s.rows))
	}
	pace := "as fast as they are taken"
	switch {
	case s.burst:
		pace = "all due at once"
	case s.rate > 0:
		pace = grouped(s.rate) + " readings/s"
	}
	f.say("%s meters, %s half hours up to %s: %s readings, %s, %s, over %s connections to %s",
		grouped(s.meters), grouped(s.slots), f.zone.Stamp(f.traffic.First+meter.Slot(s.slots)-1),
		grouped(f.traffic.Len()), how, pace, grouped(s.connections), s.host)
}

func (f *fleet) say(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	// A line that nobody can read is no reason to stop.
	_, _ = fmt.Fprintf(f.out, format+"\n", args...)
}
