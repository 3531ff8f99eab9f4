package main

import (
	"context"
	"fmt"
	"time"

	"github.com/dsnet/try"

	"meterledger/internal/tools/caller"
	"meterledger/internal/tools/households"
	"meterledger/internal/tools/witness"
)

// sheet is how a client writes what meters say over some half hours as one body.
type sheet struct {
	contentType string
	header      string
	isByMeter   bool // all of one meter after the other, else all of one half hour after the other
	row         func(t *households.Traffic, b []byte, n int) []byte
}

const (
	csv    = "text/csv"
	ndjson = "application/x-ndjson"
)

var (
	byTime   = sheet{csv, witness.CSVHeader + "\n", false, (*households.Traffic).AppendRow}
	byMeter  = sheet{csv, witness.CSVHeader + "\n", true, (*households.Traffic).AppendRow}
	inNDJSON = sheet{ndjson, "", false, (*households.Traffic).AppendObject}
)

// orders are those in which a body can have its rows.
var orders = []struct {
	name string
	how  sheet
}{{"time by time", byTime}, {"meter by meter", byMeter}}

// write writes all readings of a traffic.
func (s sheet) write(b []byte, t *households.Traffic) []byte {
	b = append(b[:0], s.header...)
	for i := range t.Len() {
		n := i
		if s.isByMeter {
			n = t.ByMeter(i)
		}
		b = s.row(t, b, n)
	}
	return b
}

// sending is what sends a client's bodies to a server, one a run, and measures rows a second.
type sending struct {
	*server
	sheet
	traffic *households.Traffic
	slots   int // of a run
	run     int
	body    []byte
}

// write writes the body of the next run.
func (s *sending) write() {
	s.body = s.sheet.write(s.body, s.traffic.Part(s.run*s.slots, s.slots))
	s.run++
}

func (s *sending) rate() float64 {
	rows := s.slots * s.traffic.Meters.Len()
	c := &caller.Caller{Host: s.host, Impatient: true}
	defer c.Close()
	started := time.Now()
	try.E(postBody(s.b.ctx, c, s.contentType, s.body, rows))
	return float64(rows) / time.Since(started).Seconds()
}

// sends registers meters of its own, and returns what sends their readings.
func (s *server) sends(prefix string, how sheet) *sending {
	slots := s.b.sizes.bulkSlots
	t := s.trafficOf(prefix, s.b.sizes.bulkMeters, s.b.past(30), slots*s.b.sizes.bulkRuns)
	s.register(t)
	return &sending{server: s, sheet: how, traffic: t, slots: slots}
}

// bulk measures bodies of CSV from one client, in both orders, against the same bytes split into fields and thrown away.
func bulk(b *bench) (lines []line) {
	ours, floor := b.api(), b.floor(noAnswer)
	for _, o := range orders {
		s := ours.sends(o.name[:1]+"-", o.how)
		split := *s
		split.server = floor
		var p pairs
		for range b.sizes.bulkRuns {
			s.write()
			split.body = s.body
			p.add(inTurn(1, split.rate, s.rate))
		}
		l := p.line(fmt.Sprintf("bulk CSV, durable, %s meters x %d slots, %s, one client", caller.Grouped(b.sizes.bulkMeters), s.slots, o.name),
			"the same bytes read and split into fields by the server, thrown away", "rows/s", ratioAtLeast(0.25))
		lines = append(lines, l, line{What: "the same, rows/s", Ours: l.Ours, aim: atLeast(3e6, "rows/s")})
	}
	return lines
}

// bulkNDJSON measures bodies of NDJSON against as many rows of CSV.
func bulkNDJSON(b *bench) []line {
	ours := b.api()
	rows, objects := ours.sends("c-", byTime), ours.sends("j-", inNDJSON)
	var p pairs
	for range b.sizes.bulkRuns {
		rows.write()
		objects.write()
		p.add(inTurn(1, rows.rate, objects.rate))
	}
	return []line{p.line(fmt.Sprintf("bulk NDJSON, durable, %s meters x %d slots, one client", caller.Grouped(b.sizes.bulkMeters), objects.slots),
		"as many rows of CSV", "rows/s", ratioAtLeast(0.5))}
}

// halfHour is what all meters say of one half hour, in bodies.
type halfHour struct {
	bodies [][]byte
	rows   int // of a body, but of the last one
	all    int
}

func (h *halfHour) write(t *households.Traffic, rows int) {
	count := (t.Len() + rows - 1) / rows
	h.bodies, h.rows, h.all = append(h.bodies, make([][]byte, count-len(h.bodies))...), rows, t.Len()
	for i := range h.bodies {
		h.bodies[i] = csvBody(h.bodies[i], t, i*rows, min((i+1)*rows, t.Len()))
	}
}

// sendTo sends it over some connections, and returns how long that took.
func (h *halfHour) sendTo(s *server, connections int) time.Duration {
	started := time.Now()
	try.E(caller.Each(s.b.ctx, s.callers(min(connections, len(h.bodies))), len(h.bodies), func(ctx context.Context, _ int, c *caller.Caller, i int) error {
		return postBody(ctx, c, csv, h.bodies[i], min(h.rows, h.all-i*h.rows))
	}))
	return time.Since(started)
}

// bulkNation measures half hours of as many meters as a nation has, as head-ends send them, against the same bytes split into
// fields.
func bulkNation(b *bench) []line {
	const clients, bodyRows = 4, 20_000
	ours, floor := b.api(), b.floor(noAnswer)
	t := ours.traffic(b.sizes.nationMeters, b.past(2), b.sizes.nationSlots)
	ours.register(t)
	var p pairs
	var now halfHour
	rate := func(s *server) func() float64 {
		return func() float64 { return float64(now.all) / now.sendTo(s, clients).Seconds() }
	}
	for slot := range t.Slots {
		now.write(t.Part(slot, 1), bodyRows)
		p.add(inTurn(1, rate(floor), rate(ours)))
	}
	l := p.line(fmt.Sprintf("bulk CSV, durable, %s meters, one half hour after the other, bodies of %s rows, %d clients",
		caller.Grouped(t.Meters.Len()), caller.Grouped(bodyRows), clients),
		"the same bytes read and split into fields by the server, thrown away", "rows/s", atLeast(5e6, "rows/s"))
	return []line{l}
}

// burst measures how long every meter's reading of one half hour takes, all of them due at once.
func burst(b *bench) []line {
	ours, rows := b.api(), b.sizes.burstRows
	t := ours.traffic(b.sizes.burstMeters, b.past(1), max(b.sizes.pairs, 2))
	ours.register(t)
	var runs []float64
	var now halfHour
	for slot := range t.Slots {
		now.write(t.Part(slot, 1), rows)
		runs = append(runs, now.sendTo(ours, manyConnections).Seconds())
	}
	return []line{{
		What: fmt.Sprintf("half-hour burst: %s meters once each, 64 connections, bulk of %s",
			caller.Grouped(b.sizes.burstMeters), caller.Grouped(rows)),
		Ours: medianOf("s", runs), aim: aim{"every reading acknowledged", func(line) bool { return true }},
		Note: "a reading that was not acknowledged would have ended the run",
	}}
}
