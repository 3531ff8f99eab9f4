package kill

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"time"

	"meterledger/api"
	"meterledger/internal/meter"
	"meterledger/internal/tools/caller"
	"meterledger/internal/tools/witness"
)

// worker is one of the callers.
type worker struct {
	*generation
	api    *caller.Caller
	chance *rand.Rand
}

// errUnanswered is the error of a request that nobody answered, or not to its end.
var errUnanswered = errors.New("no answer")

const taken meter.Code = "ok"

// work makes requests until ctx ends or the api does.
func (w *worker) work(ctx context.Context, step func(context.Context) error) {
	defer w.api.Close()
	for ctx.Err() == nil {
		if err := step(ctx); err != nil {
			if !w.ending.Load() {
				w.findings.Misbehaved("a running api gives %v", err)
			}
			return
		}
	}
}

// ask makes a request, and counts its answer. The error is errUnanswered.
func (w *worker) ask(what string, request func() (caller.Answer, error)) (meter.Code, caller.Answer, error) {
	answer, err := request()
	if err != nil {
		w.report.answered(what, errUnanswered.Error())
		return "", answer, errors.Join(errUnanswered, err)
	}
	code := answer.Code()
	w.report.answered(what, string(code))
	return code, answer, nil
}

const askSingle = "single reading"

// timed is ask for the callers, whose waits are told.
func (w *worker) timed(what string, request func() (caller.Answer, error)) (meter.Code, caller.Answer, error) {
	started, run := time.Now(), w.runs.Load()
	code, answer, err := w.ask(what, request)
	if err != nil {
		return code, answer, err
	}
	w.report.waits.Record(time.Since(started))
	if what == askSingle {
		w.report.singles.Record(time.Since(started))
	}
	if what == askSingle && (run%2 == 1 || run != w.runs.Load()) {
		w.report.singlesInMaintenance.Record(time.Since(started))
	}
	return code, answer, err
}

// step makes one request.
func (w *worker) step(ctx context.Context) error {
	h, c := w.fleet.pick(w.chance), w.chance
	if !w.log.Told(h.account.Claim()) {
		return w.register(ctx, h)
	}
	switch what := c.IntN(100); {
	case what < 50:
		return w.single(ctx, h, h.due(c, 1))
	case what < 62:
		return w.single(ctx, h, h.late(c, 1))
	case what < 70:
		h = w.fleet.any(c)
		return w.single(ctx, h, h.again(c, 1))
	case what < 74:
		return w.wrong(ctx, w.fleet.any(c))
	case what < 76:
		return w.exchange(ctx, w.fleet.any(c))
	case what < 78:
		return w.correct(ctx, w.fleet.any(c))
	case what < 80:
		return w.register(ctx, w.fleet.any(c)) // once more
	case what < 88:
		return w.batch(ctx, func(h *home) []int { return h.due(c, 1+c.IntN(150)) })
	case what < 94:
		return w.batch(ctx, func(h *home) []int { return h.late(c, 1+c.IntN(200)) })
	default:
		return w.batch(ctx, func(h *home) []int { return h.again(c, 1+c.IntN(100)) })
	}
}

func (w *worker) register(ctx context.Context, h *home) error {
	known := w.log.Told(h.account.Claim())
	w.log.Send(h.account.Claim())
	code, _, err := w.timed("registration", func() (caller.Answer, error) {
		return w.api.Register(ctx, h.account.Meter, h.account.Owner, h.account.Address)
	})
	switch {
	case err != nil:
		return err
	case code == taken && known:
		w.findings.Misbehaved("meter %s, which is registered, was registered again", h.account.Meter)
	case code == taken, code == meter.CodeMeterExists:
		w.log.Acknowledge(h.account.Claim())
	default:
		w.log.Refuse(h.account.Claim())
		w.unexpected("registering "+string(h.account.Meter), code)
	}
	return nil
}

func (w *worker) single(ctx context.Context, h *home, numbers []int) error {
	for _, n := range numbers {
		r := h.reading(n)
		w.log.Send(r)
		code, _, err := w.timed(askSingle, func() (caller.Answer, error) { return w.api.Record(ctx, r) })
		if err != nil {
			return err
		}
		w.judge(h, n, code)
	}
	return nil
}

// wrong sends another register for a reading that was acknowledged.
func (w *worker) wrong(ctx context.Context, h *home) error {
	for _, n := range h.again(w.chance, 1) {
		right, wrong := h.reading(n), h.wrong(n)
		if !w.log.Told(right) {
			continue
		}
		code, _, err := w.timed("wrong reading", func() (caller.Answer, error) { return w.api.Record(ctx, wrong) })
		if err != nil {
			return err
		}
		if code != meter.CodeReadingConflict && w.log.Told(right) { // nobody has corrected it meanwhile
			w.unexpected(fmt.Sprintf("meter %s, %s, %s kWh, though %s kWh was acknowledged,", wrong.Meter, wrong.Stamp, wrong.Register, right.Register), code)
		}
	}
	return nil
}

// judge notes what became of a right reading.
func (w *worker) judge(h *home, n int, code meter.Code) {
	r := h.reading(n)
	switch code {
	case taken:
		w.log.Acknowledge(r)
	case meter.CodeInternal: // it may be there
		w.findings.Misbehaved("meter %s, %s: answered %s", r.Meter, r.Stamp, code)
	default:
		w.log.Refuse(r)
		h.returned(n)
		w.unexpected(fmt.Sprintf("meter %s, %s, %s kWh, which is right,", r.Meter, r.Stamp, r.Register), code)
	}
}

// unexpected tells of a refusal that no right request may get.
func (w *worker) unexpected(what string, answer meter.Code) {
	if !answer.Passes() {
		w.findings.Misbehaved("%s was answered %s", what, answer)
	}
}

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
		if chosen[h] || !w.log.Told(h.account.Claim()) {
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
	fresh := 0
	readings := make([]witness.Reading, len(rows))
	for i, r := range rows {
		readings[i] = r.home.reading(r.n)
		if !w.log.Told(readings[i]) {
			fresh++
		}
		w.log.Send(readings[i])
	}
	code, answer, err := w.timed("batch, "+f.name, func() (caller.Answer, error) {
		return w.api.PostBody(ctx, "/receive_meter_readings", f.contentType, f.encode(readings))
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
		w.findings.Misbehaved("a batch of %d rows was answered %+v", len(rows), b)
	}
	if b.Accepted > fresh {
		w.findings.Misbehaved("of a batch of %d rows %d were accepted, though only %d were new", len(rows), b.Accepted, fresh)
	}
	for i, r := range rows {
		code, refused := codes[i+1]
		if !refused {
			code = taken
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

const (
	pauseMax    = 60 * time.Millisecond // between two things that the operator does
	shutdownMax = 20 * time.Millisecond // reception is off
)

// operator archives, closes, restores, shuts down and resumes, one after another.
type operator struct{ worker }

func (o *operator) work(ctx context.Context) {
	o.worker.work(ctx, func(ctx context.Context) error {
		if caller.Pause(ctx, upTo(o.chance, pauseMax)) != nil {
			return nil // the end
		}
		return o.step(ctx)
	})
}

func (o *operator) step(ctx context.Context) error {
	months := o.calendar.months
	month, last := months[o.chance.IntN(len(months))], months[len(months)-1]
	day := o.calendar.days[o.chance.IntN(len(o.calendar.days))]
	switch o.chance.IntN(8) {
	case 0:
		return o.shutdown(ctx)
	case 1:
		return o.restore(ctx)
	case 2, 3:
		return o.maintain(ctx, url.Values{"maintenance_type": {"daily"}, "date": {day}})
	case 4, 5:
		return o.maintain(ctx, url.Values{"maintenance_type": {"monthly"}, "month": {last}})
	case 6:
		return o.maintain(ctx, url.Values{"maintenance_type": {"monthly"}, "month": {month}})
	default:
		return o.maintain(ctx, url.Values{"maintenance_type": {"both"}, "date": {day}, "month": {month}})
	}
}

const startPath = "/maintenance/start"

// run does what reception must go on beside.
func (o *operator) run(ctx context.Context, what, path string, query url.Values) (meter.Code, caller.Answer, error) {
	o.runs.Add(1)
	defer o.runs.Add(1)
	code, answer, err := o.ask(what, func() (caller.Answer, error) { return o.api.Post(ctx, path, query) })
	if err == nil && code != taken && !o.ending.Load() {
		o.findings.Misbehaved("%s of %s%s was answered %s", what, query.Get("date"), query.Get("month"), code)
	}
	return code, answer, err
}

func (o *operator) maintain(ctx context.Context, query url.Values) error {
	_, _, err := o.run(ctx, "maintenance, "+query.Get("maintenance_type"), startPath, query)
	return err
}

// restore finds everything there already: whatever stands in an archive was in the ledger before.
func (o *operator) restore(ctx context.Context) error {
	code, answer, err := o.run(ctx, "restoring", "/restore_data", nil)
	if err != nil || code != taken {
		return err
	}
	var restored api.RestoreResult
	if err := answer.Into("restoring", &restored); err != nil {
		return err
	}
	if restored.Readings+restored.Refused > 0 {
		o.findings.Misbehaved("restoring added %d readings that the api had lost and was refused %d", restored.Readings, restored.Refused)
	}
	return nil
}

// shutdown stops reception for a moment.
func (o *operator) shutdown(ctx context.Context) error {
	if err := o.change(ctx, "shutdown", false); err != nil {
		return err
	}
	if caller.Pause(ctx, upTo(o.chance, shutdownMax)) != nil {
		return nil // the end
	}
	return o.change(ctx, "resume", true)
}

func (o *operator) change(ctx context.Context, what string, on bool) error {
	o.reception.sure = false
	code, _, err := o.ask(what, func() (caller.Answer, error) { return o.api.Post(ctx, "/"+what, nil) })
	switch {
	case err != nil:
		return err
	case code != taken:
		o.findings.Misbehaved("%s was answered %s", what, code)
	default:
		o.reception = reception{on, true}
	}
	return nil
}
