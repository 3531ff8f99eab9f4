package rest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"

	"meterledger/internal/archive"
	"meterledger/internal/meter"
	"meterledger/internal/web"
)

const (
	bulkBytesMax  = 128 << 20 // of one body
	rowBytesMax   = 64 << 10  // of one row, far above any that is right
	bulkRows      = 4096      // handed to the ledger together
	bulkErrorsMax = 1000      // listed; all are counted
)

// rowSource reads the readings of a bulk body. A row that breaks a rule comes back
// as a *meter.Error and the next one can be read; any other error ends the batch,
// io.EOF at its end.
type rowSource interface {
	Next() (meter.Reading, error)
	Row() int // the number of the row that was read last, from 1
}

type bulkAnswer struct {
	Accepted   int       `json:"accepted"`
	Duplicates int       `json:"duplicates"`
	Rejected   int       `json:"rejected"`
	Errors     []bulkRow `json:"errors"`
}

type bulkRow struct {
	Row    int        `json:"row"`
	Code   meter.Code `json:"code"`
	Detail string     `json:"detail"`
}

func (a *api) receiveReadings(w http.ResponseWriter, r *http.Request) error {
	if err := web.Bind(withoutBody(r), &struct{}{}); err != nil {
		return err
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return unsupported("readings are taken as they are, without a Content-Encoding")
	}
	body := &rowLimit{in: http.MaxBytesReader(w, r.Body, bulkBytesMax)}
	body.nextRow()
	rows, err := a.rows(r.Header.Get("Content-Type"), body)
	if err != nil {
		return err
	}
	b := &bulk{api: a, body: body, rows: rows, answer: bulkAnswer{Errors: []bulkRow{}}}
	if err := b.read(r.Context()); err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, b.answer)
	return nil
}

// withoutBody leaves only the query to be bound: the body is the batch.
func withoutBody(r *http.Request) *http.Request {
	bodiless := r.Clone(r.Context())
	bodiless.Body, bodiless.ContentLength = http.NoBody, 0
	bodiless.Header.Del("Content-Type")
	return bodiless
}

func (a *api) rows(contentType string, body io.Reader) (rowSource, error) {
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		media = ""
	}
	switch media {
	case "application/json":
		return newJSONRows(body, a.zone)
	case "application/x-ndjson":
		return newNDJSONRows(body, a.zone), nil
	case "text/csv":
		rows, err := archive.NewCSVReader(body, a.zone)
		return rows, unreadable(err)
	}
	return nil, unsupported("readings are taken as application/json, application/x-ndjson or text/csv")
}

func unsupported(detail string) error {
	return &meter.Error{Kind: meter.KindUnsupportedMedia, Code: meter.CodeUnsupportedMedia, Detail: detail}
}

// unreadable words the error of a body whose beginning cannot be read.
func unreadable(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errRowTooLong):
		return tooLong(1, "")
	case errors.Is(err, archive.ErrSyntax):
		return meter.Invalid(meter.CodeInvalidParameter, "body", "%v", err)
	}
	return meter.Invalid(meter.CodeInvalidParameter, "body", "is cut off")
}

var errRowTooLong = fmt.Errorf("a row is longer than %d bytes", rowBytesMax)

func tooLong(row int, counted string) error {
	return &meter.Error{
		Kind: meter.KindTooLarge, Code: meter.CodeTooLarge,
		Detail: fmt.Sprintf("row %d is longer than the %d bytes that a row may have%s", row, rowBytesMax, counted),
	}
}

// rowLimit is a body of which no row may be read without end. What a parser reads
// ahead counts too, so the limit is a multiple of what a row may have.
type rowLimit struct {
	in   io.Reader
	left int
}

func (l *rowLimit) nextRow() { l.left = 4 * rowBytesMax }

func (l *rowLimit) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errRowTooLong
	}
	n, err := l.in.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}

// bulk reads one batch.
type bulk struct {
	api    *api
	body   *rowLimit
	rows   rowSource
	answer bulkAnswer

	numbers  []int // of the readings that wait
	wait     []meter.Reading
	rejected []bulkRow // since the last flush
}

func (b *bulk) read(ctx context.Context) error {
	for {
		if len(b.wait)+len(b.rejected) == bulkRows {
			if err := b.flush(ctx); err != nil {
				return err
			}
		}
		b.body.nextRow()
		reading, err := b.rows.Next()
		var broken *meter.Error
		switch {
		case errors.Is(err, io.EOF):
			return b.flush(ctx)
		case errors.As(err, &broken):
			b.reject(b.rows.Row(), broken)
			continue
		case err != nil:
			return b.cutShort(ctx, err)
		}
		b.numbers, b.wait = append(b.numbers, b.rows.Row()), append(b.wait, reading)
	}
}

// cutShort ends a batch that cannot be read on. What came before stays recorded.
func (b *bulk) cutShort(ctx context.Context, cause error) error {
	if err := b.flush(ctx); err != nil {
		return err
	}
	counted := fmt.Sprintf("; before it %d rows were accepted, %d were duplicates and %d were rejected",
		b.answer.Accepted, b.answer.Duplicates, b.answer.Rejected)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(cause, &tooLarge):
		return &meter.Error{
			Kind: meter.KindTooLarge, Code: meter.CodeTooLarge,
			Detail: fmt.Sprintf("row %d lies beyond the %d bytes that one batch may have%s", b.rows.Row(), tooLarge.Limit, counted),
		}
	case errors.Is(cause, errRowTooLong):
		return tooLong(b.rows.Row(), counted)
	case errors.Is(cause, archive.ErrSyntax):
		return meter.Invalid(meter.CodeInvalidParameter, "body", "row %d: %v%s", b.rows.Row(), cause, counted)
	}
	return meter.Invalid(meter.CodeInvalidParameter, "body", "is cut off in row %d%s", b.rows.Row(), counted)
}

func (b *bulk) flush(ctx context.Context) error {
	results, err := b.api.ledger.RecordMany(ctx, b.wait)
	if err != nil {
		return err
	}
	for i, result := range results {
		switch {
		case result.Err != nil:
			b.reject(b.numbers[i], result.Err)
		case result.Duplicate:
			b.answer.Duplicates++
		default:
			b.answer.Accepted++
		}
	}
	b.answer.Rejected += len(b.rejected)
	slices.SortFunc(b.rejected, func(a, b bulkRow) int { return a.Row - b.Row })
	listed := min(len(b.rejected), bulkErrorsMax-len(b.answer.Errors))
	b.answer.Errors = append(b.answer.Errors, b.rejected[:listed]...)
	b.numbers, b.wait, b.rejected = b.numbers[:0], b.wait[:0], b.rejected[:0]
	return nil
}

func (b *bulk) reject(row int, err error) {
	b.rejected = append(b.rejected, bulkRow{row, meter.CodeOf(err), err.Error()})
}
