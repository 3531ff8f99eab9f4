package closing

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sort"

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

	hasNews bool // it tells of more than it did when a person gave a verdict on it last
}

func (rs *Runs) appendException(b []byte, id meter.ID, e vee.Exception) []byte {
	return fmt.Appendf(b, "%s,%v,%s,%s,%v,%v,%q\n", id, e.Rule, rs.zone.Stamp(e.From), rs.zone.Stamp(e.To), e.Value, e.Threshold, e.Why)
}

// exceptionReader reads the exceptions of a day.
type exceptionReader struct {
	rs       *Runs
	in       *keptFile
	calendar meter.Calendar
	rule     meter.Rule // that is read; 0 for all
}

// openExceptions opens the exceptions of a day, of one rule if it is not 0.
func (rs *Runs) openExceptions(day meter.Day, rule meter.Rule) (*exceptionReader, error) {
	file, err := rs.exceptions.open(day)
	if err != nil {
		return nil, err
	}
	if header, err := file.ReadSlice('\n'); err != nil || string(header) != exceptionHeader {
		file.close()
		return nil, errDamaged
	}
	return &exceptionReader{rs, file, meter.NewCalendar(rs.zone), rule}, nil
}

// skipTo goes on with the first exception of a meter or one that was registered later. It looks
// for it by bisection.
func (r *exceptionReader) skipTo(i store.Index) (err error) {
	first := int64(len(exceptionHeader))
	after := func(offset int64) (line []byte, at int64) { // the first whole line from an offset on
		r.in.seek(offset - 1)
		rest, _ := r.in.ReadSlice('\n')
		at = offset - 1 + int64(len(rest))
		line, err = r.in.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return line, at
	}
	place := sort.Search(int(r.in.body.Size()-first), func(n int) bool {
		line, _ := after(first + int64(n))
		id, _, isRow := bytes.Cut(line, []byte(","))
		m, _ := r.rs.store.Lookup(meter.ID(id))
		return err != nil || !isRow || m.Index >= i
	})
	if err == nil {
		_, at := after(first + int64(place))
		r.in.seek(at)
	}
	return err
}

// next returns the next exception. After the last the error is io.EOF.
func (r *exceptionReader) next() (Flagged, error) {
	for {
		line, err := r.in.ReadSlice('\n')
		if err != nil {
			return Flagged{}, err
		}
		cells := bytes.SplitN(line, []byte(","), 7)
		if len(cells) < 7 {
			return Flagged{}, errDamaged
		}
		rule, known := meter.ParseRule(string(cells[1]))
		if !known {
			return Flagged{}, errDamaged
		}
		m, registered := r.rs.store.Lookup(meter.ID(cells[0]))
		if registered && (r.rule == 0 || r.rule == rule) { // an operator may have put an older journal back
			return r.parse(m, rule, cells)
		}
	}
}

func (r *exceptionReader) parse(m store.Meter, rule meter.Rule, cells [][]byte) (f Flagged, err error) {
	f.Meter, f.Rule, f.Why = m, rule, string(bytes.Trim(cells[6], "\"\n"))
	for i, slot := range []*meter.Slot{&f.From, &f.To} {
		if *slot, err = r.calendar.ParseSlot("timestamp", cells[2+i]); err != nil {
			return f, err
		}
	}
	for i, number := range []*decimal.Decimal{&f.Value, &f.Threshold} {
		if *number, err = decimal.NewFromString(string(cells[4+i])); err != nil {
			return f, err
		}
	}
	return f, nil
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
	if p.exceptions, err = rs.openExceptions(day, 0); err != nil {
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
