package rest

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"sync"

	"meterledger/api"
	"meterledger/internal/httpkit"
	"meterledger/internal/ledger"
	"meterledger/internal/meter"
)

// rowSource reads the rows of a bulk body. A row is valid until the next call of Next. An
// error with a meter.RowFault is about one row, and the next row can be read. Any other error
// ends the batch: io.EOF at its end.
type rowSource interface {
	Next() (meter.Row, error)
	Row() int // the number of the last row, from 1
	// AtHand reads rows that it need not wait for, until the list is full. They are valid until the next
	// call of either. If it reads none, Next has to read the next.
	AtHand(rows []meter.Row) (n int)
}

// oneByOne reads no rows together.
type oneByOne struct{}

func (oneByOne) AtHand([]meter.Row) int { return 0 }

// rowBlock is rows that were read together.
type rowBlock [ledger.BlockRows]meter.Row

var rowBlocks = sync.Pool{New: func() any { return new(rowBlock) }}

// receiveReadings takes a body of any length. Rows go to the ledger while later ones still
// arrive.
func (a *app) receiveReadings(w http.ResponseWriter, r *http.Request) error {
	if err := httpkit.BindQuery(r, a.zone, &noParameters{}); err != nil {
		return err
	}
	body, err := a.openBulk(w, r, a.turns)
	if err != nil {
		return err
	}
	defer body.close()
	rows, err := a.rows(r.Header.Get("Content-Type"), body)
	if err != nil {
		return err
	}
	bulk := a.ledger.Bulk(r.Context()).Within(&httpkit.CallerOf(r.Context()).Scope)
	defer bulk.Close()
	answer, err := takeRows(body.turn, bulk, rows)
	if err != nil {
		return err
	}
	httpkit.WriteJSON(w, http.StatusOK, answer)
	return nil
}

func (a *app) rows(contentType string, body io.Reader) (rowSource, error) {
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		media = ""
	}
	switch media {
	case "application/json":
		rows, err := newJSONRows(body, a.zone)
		return rows, bodyError(err)
	case "application/x-ndjson":
		return newNDJSONRows(body, a.zone), nil
	case "text/csv":
		rows, err := meter.NewCSVReader(body, a.zone)
		return rows, bodyError(err)
	}
	return nil, meter.Errorf(meter.KindUnsupportedMedia, meter.CodeUnsupportedMedia,
		"readings are taken with Content-Type application/json, application/x-ndjson or text/csv")
}

// takeRows hands all rows to bulk, and returns the answer if all of them could be read and
// none is worth sending again. The error of any other batch has what became of its rows
// beside it, if it was begun.
func takeRows(turn *turn, bulk *ledger.Bulk, rows rowSource) (answer api.BatchResult, err error) {
	block := rowBlocks.Get().(*rowBlock)
	defer rowBlocks.Put(block)
	for {
		n := rows.AtHand(block[:])
		if err := turn.take(max(n, 1)); err != nil {
			return answer, err
		}
		var row meter.Row
		if n > 0 {
			err = bulk.AddAll(rows.Row()-n+1, block[:n])
		} else if row, err = rows.Next(); err == nil {
			err = bulk.Add(rows.Row(), row)
		} else if fault := meter.RowFault(err, meter.CodeInvalidRow); fault != nil {
			err = bulk.Refuse(rows.Row(), fault)
		} else {
			return endOf(turn, bulk, rows.Row(), err)
		}
		if errors.Is(err, ledger.ErrTooManyRefusals) {
			return endOf(turn, bulk, bulk.Last(), io.EOF)
		}
		if err != nil {
			return answer, err
		}
	}
}

// endOf ends a batch after a row, or in it if the cause is not io.EOF. What came before
// stays recorded. Others have their turn while it waits for the disk.
func endOf(turn *turn, bulk flusher, row int, cause error) (api.BatchResult, error) {
	turn.end()
	if err := turn.rest(); err != nil {
		return api.BatchResult{}, err
	}
	tally, err := bulk.Flush()
	counted := fmt.Sprintf("; before it %d rows were accepted, %d were duplicates and %d were rejected",
		tally.Accepted, tally.Duplicates, tally.Refused)
	switch {
	case errors.Is(err, ledger.ErrTooManyRefusals):
		err = meter.Invalid(meter.CodeTooManyRefusals, "body", "was read up to row %d: %v", row, err)
	case err != nil:
		return batchResult(tally), err
	case !errors.Is(cause, io.EOF):
		err = bodyErrorFrom(row, cause, counted)
	default:
		err = tally.Retriable()
	}
	return batchAnswer(tally, err)
}

// batchAnswer returns what became of the rows of a batch, beside its error if it has one.
func batchAnswer(tally meter.Tally, err error) (api.BatchResult, error) {
	answer := batchResult(tally)
	if err == nil {
		return answer, nil
	}
	return answer, &httpkit.ExtendedError{Err: err, Extend: func(p api.Problem) any {
		return api.BatchProblem{Problem: p, BatchResult: &answer}
	}}
}

// flusher is what a batch was handed to: readings or accounts.
type flusher interface{ Flush() (meter.Tally, error) }

func batchResult(t meter.Tally) api.BatchResult {
	answer := api.BatchResult{Accepted: t.Accepted, Duplicates: t.Duplicates, Rejected: t.Refused, Retry: t.Retry, Errors: []api.RowError{}}
	for _, refusal := range t.Refusals {
		answer.Errors = append(answer.Errors, api.RowError{Row: refusal.Row, Code: meter.CodeOf(refusal.Err), Detail: httpkit.Detail(refusal.Err)})
	}
	return answer
}

// bodyError returns the answer to a body whose beginning cannot be read.
func bodyError(err error) error {
	var public *meter.Error
	switch {
	case err == nil, errors.As(err, &public):
		return err
	case errors.Is(err, meter.ErrRowSyntax):
		return meter.Invalid(meter.CodeInvalidParameter, "body", "%v", err)
	}
	return bodyErrorFrom(1, err, "")
}

// bodyErrorFrom returns the answer to a body that cannot be read from a row on. counted is
// what became of the rows before.
func bodyErrorFrom(row int, cause error, counted string) error {
	switch {
	case errors.Is(cause, meter.ErrRowTooLong), errors.Is(cause, errElementTooLong):
		return meter.Errorf(meter.KindTooLarge, meter.CodeTooLarge,
			"row %d is longer than the %d bytes that a row may have%s", row, meter.RowBytesMax, counted)
	case errors.Is(cause, errUnpackedTooLarge):
		return meter.Errorf(meter.KindTooLarge, meter.CodeTooLarge,
			"row %d lies beyond the %d bytes that one batch may have when it is unpacked%s", row, unpackedBytesMax, counted)
	case errors.Is(cause, errPackedTooTightly):
		return meter.Errorf(meter.KindTooLarge, meter.CodeTooLarge,
			"row %d lies in a body that becomes more than %d times longer when it is unpacked%s", row, expansionMax, counted)
	case errors.Is(cause, httpkit.ErrSlowBody):
		return meter.Errorf(meter.KindTimeout, meter.CodeRequestTimeout, "the body came to a halt in row %d%s", row, counted)
	case errors.Is(cause, errBroken), errors.Is(cause, errPacked):
		return meter.Invalid(meter.CodeInvalidParameter, "body", "row %d: %v%s", row, cause, counted)
	}
	return meter.Invalid(meter.CodeInvalidParameter, "body", "is cut off in row %d%s", row, counted)
}
