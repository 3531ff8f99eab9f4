package rest

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"strings"

	"meterledger/api"
	"meterledger/internal/closing"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
	"meterledger/internal/rules"
	"meterledger/internal/store"
	"meterledger/internal/vee"
)

type exceptionsRequest struct {
	Date     meter.Day               `param:"date" validate:"excluded_with=Month"`
	Month    meter.Month             `param:"month"`
	Rule     meter.Rule              `param:"rule"`
	Meter    meter.ID                `param:"meter_id"`
	Status   closing.ExceptionStatus `param:"status" oneof:"open accepted corrected all"`
	PageSize pageSize                `param:"page_size"`
	Cursor   exceptionsCursor        `param:"cursor"`
	Format   string                  `param:"format" oneof:"json csv"`
	Numbers  numberForm              `param:"numbers" oneof:"number string"`
}

// Check makes sure that the rules hold.
func (q *exceptionsRequest) Check() error { return rules.Check(q) }

// exceptions lists what the rules found, a page at a time, or all of it as CSV.
func (a *app) exceptions(w http.ResponseWriter, r *http.Request, q *exceptionsRequest) error {
	query, err := a.exceptionsQuery(q)
	if err != nil {
		return err
	}
	httpkit.Vary(w, varyTypeAndEncoding)
	if q.Format == "csv" || q.Format == "" && httpkit.Prefers(r, typeJSON, typeCSV) == typeCSV {
		return a.exceptionsCSV(w, r, query)
	}
	if err := a.pages.take(r, q.PageSize.bytes()); err != nil {
		return err
	}
	defer a.pages.give(r, q.PageSize.bytes())
	answer, size := api.Exceptions{Results: []api.Exception{}}, q.PageSize.orDefault()
	var last closing.ExceptionKey
	query.NotComputed = func(days []meter.Day) { answer.NotComputed = texts(days) }
	err = a.runs.Exceptions(r.Context(), query, func(e closing.Exception) bool {
		if len(answer.Results) == size {
			answer.Next = new(exceptionsCursor(last).String())
			linkNext(w, r, *answer.Next)
			return false
		}
		last = e.Key()
		answer.Results = append(answer.Results, a.exception(e))
		return true
	})
	if err != nil {
		return err
	}
	answer.Count = len(answer.Results)
	q.Numbers.write(w, answer)
	return nil
}

func (a *app) exceptionsQuery(q *exceptionsRequest) (query closing.ExceptionsQuery, err error) {
	query = closing.ExceptionsQuery{Rule: q.Rule, Meter: q.Meter, Status: q.Status, After: closing.ExceptionKey(q.Cursor)}
	if query.Status == "" {
		query.Status = closing.ExceptionOpen
	}
	name := "date"
	switch {
	case q.Date != meter.Day{}:
		query.Period = q.Date.Period()
	case q.Month != meter.Month{}:
		name, query.Period = "month", q.Month.Period()
	default:
		return query, nil
	}
	first, today := query.Period.FirstDay(), a.zone.Today(a.reader.Now())
	if first.Year < meter.EarliestYear || today.Before(first) {
		err = meter.Invalid(meter.CodeInvalidParameter, name, "lies outside the time from %d to today", meter.EarliestYear)
	}
	return query, err
}

func (a *app) exception(e closing.Exception) api.Exception {
	answer := api.Exception{
		MeterID: e.Meter.ID, Rule: e.Rule.String(), From: a.zone.Stamp(e.From), To: a.zone.Stamp(e.To),
		Value: json.Number(e.Value.String()), Threshold: json.Number(e.Threshold.String()), Unit: vee.Unit(e.Rule),
		Why: e.Why, Status: string(e.Status()),
	}
	if e.IsResolved {
		answer.Reason, answer.By, answer.ResolvedAt = &e.Resolution.Reason, known(e.Resolution.By), new(a.zone.StampTime(e.Resolution.At))
	}
	return answer
}

// notComputedHeader says in CSV, by commas, of which days nothing is known.
const notComputedHeader = "X-Not-Computed"

const exceptionsHeader = "meter_id,rule,from,to,value,threshold,unit,why,status,reason,by,resolved_at"

// exceptionsCSV answers with all exceptions that are asked for as one stream.
func (a *app) exceptionsCSV(w http.ResponseWriter, r *http.Request, q closing.ExceptionsQuery) error {
	if q.After != (closing.ExceptionKey{}) {
		return meter.Invalid(meter.CodeInvalidParameter, "cursor", "does not go with CSV, which is the whole list; leave it out, or ask for JSON")
	}
	if err := a.exports.take(r, 1); err != nil {
		return err
	}
	defer a.exports.give(r, 1)
	w.Header().Set("Content-Type", typeCSV+"; charset=utf-8")
	s := a.newStream(w, r)
	if r.Method == http.MethodHead {
		return nil
	}
	rows := csv.NewWriter(&s)
	write := func(cells ...string) bool { return rows.Write(cells) == nil }
	write(strings.Split(exceptionsHeader, ",")...)
	q.NotComputed = func(days []meter.Day) {
		if len(days) > 0 {
			w.Header().Set(notComputedHeader, strings.Join(texts(days), ","))
		}
	}
	err := a.runs.Exceptions(r.Context(), q, func(found closing.Exception) bool {
		e := a.exception(found)
		return write(string(e.MeterID), e.Rule, e.From, e.To, e.Value.String(), e.Threshold.String(), e.Unit, e.Why, e.Status,
			noFormula(e.Reason), noFormula(e.By), noFormula(e.ResolvedAt))
	})
	if err == nil {
		rows.Flush()
		err = rows.Error()
	}
	return s.end(err)
}

// texts returns days as they are written; none are an empty list.
func texts(days []meter.Day) []string {
	all := make([]string, len(days))
	for n, day := range days {
		all[n] = day.String()
	}
	return all
}

// noFormula returns a text as a cell that no spreadsheet takes for a formula.
func noFormula(text *string) string {
	if text == nil {
		return ""
	}
	if strings.ContainsAny((*text)[:1], "=+-@") {
		return "'" + *text
	}
	return *text
}

// exceptionsCursor is the last exception of a page, by which the next begins, in base64url:
//
//	meter uint32 | rule uint8 | from uint32
type exceptionsCursor closing.ExceptionKey

func (c *exceptionsCursor) UnmarshalText(text []byte) error {
	b, err := base64.RawURLEncoding.Strict().DecodeString(string(text))
	if err != nil || len(b) != 9 || !meter.Rule(b[4]).IsValid() {
		return errForeignCursor
	}
	*c = exceptionsCursor{store.Index(binary.BigEndian.Uint32(b)), meter.Rule(b[4]), meter.Slot(binary.BigEndian.Uint32(b[5:]))}
	return nil
}

func (c exceptionsCursor) String() string {
	b := append(binary.BigEndian.AppendUint32(nil, uint32(c.Meter)), byte(c.Rule))
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint32(b, uint32(c.From)))
}

type resolveRequest struct {
	Meter   meter.ID     `param:"meter_id,required"`
	Rule    meter.Rule   `param:"rule,required"`
	From    meter.Bound  `param:"from,required"`
	Verdict meter.Ruling `param:"verdict,required"`
	Reason  string       `param:"reason,required" validate:"text,seen"`
	By      string       `param:"by" validate:"omitempty,text,seen"`
}

// Check makes sure that the rules hold.
func (q *resolveRequest) Check() error { return rules.Check(q) }

// resolveException takes a person's verdict on an exception that there is.
func (a *app) resolveException(ctx context.Context, q *resolveRequest) (api.Exception, error) {
	by, err := author(ctx, q.By)
	if err != nil {
		return api.Exception{}, err
	}
	found, err := a.runs.FindException(ctx, q.Meter, q.Rule, meter.Slot(q.From))
	if err != nil {
		return api.Exception{}, err
	}
	found.IsResolved = true
	found.Resolution, err = a.ledger.Resolve(ctx, store.Resolution{
		Meter: found.Meter.Index, Rule: q.Rule, From: found.From, Ruling: q.Verdict, Reason: q.Reason, By: by,
	})
	return a.exception(found), err
}
