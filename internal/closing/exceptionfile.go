package closing

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/shopspring/decimal"

	"meterledger/internal/meter"
	"meterledger/internal/store"
	"meterledger/internal/vee"
)

// exceptionHeader is the first line of the exceptions of a day, which follow in the order of
// registration of their meters. It is CSV, and only a sentence is in quotes.
const exceptionHeader = "meter_id,rule,from,to,value,threshold,why\n"

// Flagged is an exception of a meter.
type Flagged struct {
	Meter store.Meter
	vee.Exception
}

func (rs *Runs) appendException(b []byte, id meter.ID, e vee.Exception) []byte {
	return fmt.Appendf(b, "%s,%v,%s,%s,%v,%v,%q\n", id, e.Rule, rs.zone.Stamp(e.From), rs.zone.Stamp(e.To), e.Value, e.Threshold, e.Why)
}

// exceptionReader reads the exceptions of a day.
type exceptionReader struct {
	rs   *Runs
	day  meter.Day
	in   *keptFile
	only []byte // the beginning of the lines that are read; empty for all
}

// openExceptions opens the exceptions of a day, of one meter if id is not empty.
func (rs *Runs) openExceptions(day meter.Day, id meter.ID) (*exceptionReader, error) {
	file, err := rs.exceptions.open(day)
	if err != nil {
		return nil, err
	}
	if header, err := file.ReadSlice('\n'); err != nil || string(header) != exceptionHeader {
		file.close()
		return nil, errDamaged
	}
	r := &exceptionReader{rs: rs, day: day, in: file}
	if id != "" {
		r.only = []byte(id + ",")
	}
	return r, nil
}

// next returns the next exception. After the last the error is io.EOF.
func (r *exceptionReader) next() (Flagged, error) {
	for {
		line, err := r.in.ReadSlice('\n')
		if err != nil {
			return Flagged{}, err
		}
		if bytes.HasPrefix(line, r.only) {
			return r.parse(string(bytes.TrimSuffix(line, []byte("\n"))))
		}
	}
}

func (r *exceptionReader) parse(line string) (f Flagged, err error) {
	cells := strings.SplitN(line, ",", 7)
	if len(cells) < 7 {
		return f, errDamaged
	}
	var isMeter, isRule bool
	f.Meter, isMeter = r.rs.store.Lookup(meter.ID(cells[0]))
	f.Rule, isRule = meter.ParseRule(cells[1])
	if !isMeter || !isRule {
		return f, errDamaged
	}
	f.Why = strings.Trim(cells[6], `"`)
	for i, slot := range []*meter.Slot{&f.From, &f.To} {
		var failed error
		*slot, failed = r.rs.zone.ParseSlot("timestamp", cells[2+i])
		err = errors.Join(err, failed)
	}
	for i, number := range []*decimal.Decimal{&f.Value, &f.Threshold} {
		var failed error
		*number, failed = decimal.NewFromString(cells[4+i])
		err = errors.Join(err, failed)
	}
	return f, err
}

func (r *exceptionReader) close() { r.in.close() }

// past is what was computed of a day before: for meters whose readings of it are not in memory
// any more. It is read in the order of registration.
type past struct {
	totals     totalsReader
	exceptions *exceptionReader // nil: it never was
	next       Flagged
	ended      bool
}

func (rs *Runs) openPast(day meter.Day) (*past, error) {
	p := &past{totals: rs.openTotals(day)}
	var err error
	if p.exceptions, err = rs.openExceptions(day, ""); err != nil {
		p.exceptions = nil // it is computed now
		return p, nil
	}
	return p, p.advance()
}

func (p *past) advance() (err error) {
	p.next, err = p.exceptions.next()
	if errors.Is(err, io.EOF) {
		p.ended, err = true, nil
	}
	return err
}

// of returns what was computed of a meter. Meters are asked for in order.
func (p *past) of(i store.Index, found []vee.Exception) ([]vee.Exception, error) {
	if p.exceptions == nil {
		return found, nil
	}
	for !p.ended && p.next.Meter.Index <= i {
		if p.next.Meter.Index == i {
			found = append(found, p.next.Exception)
		}
		if err := p.advance(); err != nil {
			return found, err
		}
	}
	return found, nil
}

func (p *past) close() {
	p.totals.close()
	if p.exceptions != nil {
		p.exceptions.close()
	}
}
