package kill

import (
	"context"
	"fmt"

	"meterledger/internal/client"
	"meterledger/internal/meter"
	"meterledger/internal/tools/caller"
	"meterledger/internal/tools/witness"
)

// row is a reading of a batch.
type row struct {
	home *home
	n    int
}

// batch sends readings of a few homes together, shuffled or not.
func (w *worker) batch(ctx context.Context, choose func(*home) []int) error {
	var rows []row
	chosen := make(map[*home]bool)
	for range 1 + w.chance.IntN(4) {
		h := w.fleet.any(w.chance)
		if chosen[h] || !w.log.ToldAccount(h.account.Meter) {
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
	if w.chance.IntN(2) == 0 {
		w.chance.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	}
	return w.send(ctx, formats[w.chance.IntN(len(formats))], rows)
}

func (w *worker) send(ctx context.Context, f format, rows []row) error {
	told := 0
	for _, r := range rows {
		reading := r.home.reading(r.n)
		if w.log.Told(reading) {
			told++
		}
		w.log.Send(reading)
	}
	code, answer, err := w.timed(askBatch+", "+f.name, func() (caller.Answer, error) {
		return w.api.PostBody(ctx, "/receive_meter_readings", f.contentType, f.encode(rows))
	})
	if err != nil {
		return err
	}
	if code != "ok" { // some of it may have been taken
		for _, r := range rows {
			r.home.returned(r.n)
		}
		w.unexpected("a batch of right readings", code)
		return nil
	}
	var batch client.Batch
	if err := answer.Into("a batch", &batch); err != nil {
		return err
	}
	w.judge(rows, told, batch)
	return nil
}

// judge notes what became of each row. Told is how many of the rows had been
// acknowledged before they were sent.
func (l *load) judge(rows []row, told int, b client.Batch) {
	rejected := make(map[int]meter.Code)
	for _, e := range b.Errors {
		rejected[e.Row] = e.Code
	}
	if b.Accepted+b.Duplicates+b.Rejected != len(rows) || b.Rejected != len(rejected) {
		l.findings.Misbehaved("a batch of %d rows was answered %+v", len(rows), b)
	}
	if fresh := len(rows) - told; b.Accepted > fresh {
		l.findings.Misbehaved("of a batch of %d rows %d were accepted, though only %d were new", len(rows), b.Accepted, fresh)
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
	{"CSV", "text/csv", witness.CSVHeader + "\n", "%s,%s,%s", "\n", "\n"},
	{"NDJSON", "application/x-ndjson", "", jsonRow, "\n", "\n"},
	{"JSON", "application/json", "[", jsonRow, ",", "]"},
}

const jsonRow = `{"meter_id":"%s","timestamp":"%s","reading":%s}`

func (f format) encode(rows []row) []byte {
	b := []byte(f.begin)
	for i, r := range rows {
		if i > 0 {
			b = append(b, f.between...)
		}
		reading := r.home.reading(r.n)
		b = fmt.Appendf(b, f.row, reading.Meter, reading.Stamp, reading.Register)
	}
	return append(b, f.end...)
}
