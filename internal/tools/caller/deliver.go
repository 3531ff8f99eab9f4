package caller

import (
	"cmp"
	"context"
	"time"

	"meterledger/api"
	"meterledger/internal/tools/witness"
)

// Fate is what became of one reading, as far as its meter knows.
type Fate uint8

// The fates.
const (
	Unsent       Fate = iota
	Acknowledged      // a 200: the api must hold it
	Refused           // an error that sending again would not change: the api must not hold it
	Uncertain         // the last word was never heard: the api may hold it
)

// Rows that are answered "not now" are sent again for as long as a single reading is.
const (
	RowsAgain = time.Second
	RowsTries = int(Patience / RowsAgain)
)

// Delivery is how rows, which have numbers, are sent in one body of CSV: readings, if nothing else is said.
type Delivery struct {
	Path, Header string // of others than readings: where they go, and the first line

	Row   func(b []byte, n int) []byte            // writes a line of CSV
	Fate  func(n int, fate Fate, why api.Problem) // is told what became of a row, once each
	Pause time.Duration                           // before rows are sent again
	Tries int                                     // how often a row is sent that is answered "not now"

	body []byte
}

// Deliver sends rows until each has its fate, and adds up how many were accepted and duplicates. After an
// error those without a fate are uncertain.
func (d *Delivery) Deliver(ctx context.Context, c *Caller, numbers []int) (sum api.BatchResult, err error) {
	for try := 1; len(numbers) > 0; try++ {
		a, err := d.post(ctx, c, numbers)
		if err != nil {
			return sum, err
		}
		batch, judged := a.Batch()
		if !judged { // the api keeps what came before the fault
			for _, n := range numbers {
				d.Fate(n, Uncertain, a.Problem())
			}
			return sum, nil
		}
		if batch.Rejected > len(batch.Errors) { // not all are listed: sent again in parts, they are
			half := len(numbers) / 2
			first, err := d.Deliver(ctx, c, numbers[:half])
			if err != nil {
				return sum, err
			}
			sum.Accepted += first.Accepted
			sum.Duplicates += first.Duplicates
			numbers = numbers[half:]
			continue
		}
		sum.Accepted += batch.Accepted
		sum.Duplicates += batch.Duplicates
		if numbers = d.sort(numbers, batch, try >= d.Tries); len(numbers) == 0 {
			break
		}
		if err := Pause(ctx, d.Pause); err != nil {
			return sum, err
		}
		c.again()
	}
	return sum, nil
}

func (d *Delivery) post(ctx context.Context, c *Caller, numbers []int) (Answer, error) {
	d.body = append(append(d.body[:0], cmp.Or(d.Header, witness.CSVHeader)...), '\n')
	for _, n := range numbers {
		d.body = d.Row(d.body, n)
	}
	return c.PostBody(ctx, cmp.Or(d.Path, "/receive_meter_readings"), "text/csv", d.body)
}

// sort tells the fates of the rows of a body, and returns those to send again: none at the last try.
func (d *Delivery) sort(numbers []int, batch api.BatchResult, isLast bool) (again []int) {
	refused := make(map[int]api.Problem, len(batch.Errors))
	for _, e := range batch.Errors {
		refused[e.Row] = api.Problem{Code: e.Code, Detail: e.Detail}
	}
	for i, n := range numbers {
		switch why, isRefused := refused[i+1]; {
		case !isRefused:
			d.Fate(n, Acknowledged, why)
		case why.Code.Passes() && !isLast:
			again = append(again, n)
		default:
			d.Fate(n, Refused, why)
		}
	}
	return again
}
