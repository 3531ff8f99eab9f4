package town

import (
	"context"
	"fmt"

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
func (w *Worker) batch(ctx context.Context, choose func(*home) []int) error {
	var rows []row
	chosen := make(map[*home]bool)
	for range 1 + w.Chance.IntN(4) {
		h := w.homes.any(w.Chance)
		if chosen[h] || !w.Log.Told(h.account.Claim()) {
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
	if w.Chance.IntN(2) == 0 {
		w.Chance.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	}
	return w.send(ctx, formats[w.Chance.IntN(len(formats))], rows)
}

func (w *Worker) send(ctx context.Context, f format, rows []row) error {
	fresh := 0
	readings := make([]witness.Reading, len(rows))
	for i, r := range rows {
		readings[i] = r.home.reading(r.n)
		if !w.Log.Told(readings[i]) {
			fresh++
		}
		w.Log.Send(readings[i])
	}
	code, answer, err := w.Ask("batch, "+f.name, func() (caller.Answer, error) {
		return w.API.PostBody(ctx, "/receive_meter_readings", f.contentType, f.encode(readings))
	})
	if err != nil {
		return err
	}
	b, judged := answer.Batch()
	if !judged { // some of it may have been taken
		for _, r := range rows {
			r.home.returned(r.n)
		}
		w.unexpected("a batch of right readings", code)
		return nil
	}
	codes := make(map[int]meter.Code)
	for _, e := range b.Errors {
		codes[e.Row] = e.Code
	}
	if b.Accepted+b.Duplicates+b.Rejected != len(rows) || b.Rejected != len(codes) || answer.OK() != (b.Retry == 0) {
		w.Findings.Misbehaved("a batch of %d rows was answered %+v", len(rows), b)
	}
	if b.Accepted > fresh {
		w.Findings.Misbehaved("of a batch of %d rows %d were accepted, though only %d were new", len(rows), b.Accepted, fresh)
	}
	for i, r := range rows {
		code, refused := codes[i+1]
		if !refused {
			code = Taken
		}
		w.judge(r.home, r.n, code)
	}
	return nil
}

// format is one of the ways to write a batch.
type format struct{ name, contentType, begin, row, between, end string }

var formats = []format{
	{"CSV", "text/csv", witness.CSVHeader + "\n", "%s,%s,%s", "\n", "\n"},
	{"NDJSON", "application/x-ndjson", "", jsonRow, "\n", "\n"},
	{"JSON", "application/json", "[", jsonRow, ",", "]"},
}

const jsonRow = `{"meter_id":"%s","timestamp":"%s","reading":%s}`

func (f format) encode(readings []witness.Reading) []byte {
	b := []byte(f.begin)
	for i, r := range readings {
		if i > 0 {
			b = append(b, f.between...)
		}
		b = fmt.Appendf(b, f.row, r.Meter, r.Stamp, r.Register)
	}
	return append(b, f.end...)
}
