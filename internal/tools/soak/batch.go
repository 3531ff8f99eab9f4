package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"

	contract "meterledger/api"
	"meterledger/internal/meter"
)

// row is a reading of a batch.
type row struct {
	home *home
	n    int
}

// batch sends readings of a few homes together, shuffled or not.
func (l *load) batch(ctx context.Context, chance *rand.Rand, choose func(*home) []int) error {
	var rows []row
	chosen := make(map[*home]bool)
	for range 1 + chance.IntN(4) {
		h := l.fleet.any(chance)
		if chosen[h] || !l.log.ToldAccount(h.account.Meter) {
			continue
		}
		chosen[h] = true
		for _, n := range choose(h) {
			rows = append(rows, row{h, n})
		}
	}
	if len(rows) == 0 {
		return nil
	}
	if chance.IntN(2) == 0 {
		chance.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	}
	return l.send(ctx, formats[chance.IntN(len(formats))], rows)
}

func (l *load) send(ctx context.Context, f format, rows []row) error {
	told := 0
	for _, r := range rows {
		reading := r.home.reading(r.n)
		if l.log.Told(reading) {
			told++
		}
		l.log.Send(reading)
	}
	var batch contract.BatchResult
	answer, err := l.ask(askBatch+", "+f.name, func() (err error) {
		batch, err = l.api.send(ctx, f.contentType, f.encode(rows))
		return err
	})
	if err != nil {
		return err
	}
	if answer != "ok" { // some of it may have been taken
		for _, r := range rows {
			r.home.returned(r.n)
		}
		l.unexpected("a batch of right readings", answer)
		return nil
	}
	l.judge(rows, told, batch)
	return nil
}

// judge notes what became of each row. Told is how many of the rows had been
// acknowledged before they were sent.
func (l *load) judge(rows []row, told int, b contract.BatchResult) {
	rejected := make(map[int]meter.Code)
	for _, e := range b.Errors {
		rejected[e.Row] = e.Code
	}
	if b.Accepted+b.Duplicates+b.Rejected != len(rows) || b.Rejected != len(rejected) {
		l.findings.misbehaved("a batch of %d rows was answered %+v", len(rows), b)
	}
	if fresh := len(rows) - told; b.Accepted > fresh {
		l.findings.misbehaved("of a batch of %d rows %d were accepted, though only %d were new", len(rows), b.Accepted, fresh)
	}
	for i, r := range rows {
		if code, refused := rejected[i+1]; refused {
			l.refused(r.home, r.n, code)
		} else {
			l.log.Acknowledge(r.home.reading(r.n))
		}
	}
}

// format is one of the ways to write a batch.
type format struct {
	name, contentType        string
	begin, row, between, end string
}

var formats = []format{
	{"CSV", "text/csv", csvHeader + "\n", "%s,%s,%s", "\n", "\n"},
	{"NDJSON", "application/x-ndjson", "", jsonRow, "\n", "\n"},
	{"JSON", "application/json", "[", jsonRow, ",", "]"},
}

const jsonRow = `{"meter_id":"%s","timestamp":"%s","reading":%s}`

func (f format) encode(rows []row) string {
	var b strings.Builder
	b.WriteString(f.begin)
	for i, r := range rows {
		if i > 0 {
			b.WriteString(f.between)
		}
		reading := r.home.reading(r.n)
		fmt.Fprintf(&b, f.row, reading.Meter, reading.Stamp, reading.Register)
	}
	b.WriteString(f.end)
	return b.String()
}
