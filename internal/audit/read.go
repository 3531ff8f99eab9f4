package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"meterledger/api"
	"meterledger/internal/durable"
	"meterledger/internal/meter"
)

// Place is a place in the log: an offset in the file of a month.
type Place struct {
	Month  meter.Month
	Offset int64
}

// Query asks for the lines of a time.
type Query struct {
	From, To time.Time // both included; zero: from the beginning, or to the end
	Before   Place     // where the page before this one ended; zero: the first page
	Max      int       // lines of a page
}

// has reports whether a month may have lines of the time that is asked for.
func (q Query) has(month meter.Month, zone *meter.Zone) bool {
	monthOf := func(t time.Time) meter.Month { return zone.Today(t).CalendarMonth() }
	return (q.From.IsZero() || monthOf(q.From).Compare(month) <= 0) && (q.To.IsZero() || monthOf(q.To).Compare(month) >= 0) &&
		(q.Before == Place{} || month.Compare(q.Before.Month) <= 0)
}

// scannedMax is how many bytes a page looks at. A page with fewer lines than it may have says
// where the next one goes on.
const scannedMax = 8 << 20

// Page returns a page of the log, the newest line first, and where the next page goes on, or nil
// if this is the last. It has all lines of requests that were answered before.
func (l *Log) Page(ctx context.Context, q Query) (lines []api.AuditLine, next *Place, err error) {
	l.settle(ctx)
	months, err := monthsOf(l.o.FS, l.o.Folder)
	if err != nil {
		return nil, nil, fmt.Errorf("listing the audit log: %w", err)
	}
	p := page{Query: q, zone: l.o.Zone, lines: []api.AuditLine{}}
	for _, month := range slices.Backward(months) {
		if !q.has(month, l.o.Zone) {
			continue
		}
		if next, err = p.month(ctx, l, month); next != nil || err != nil {
			return p.lines, next, err
		}
	}
	return p.lines, nil, nil
}

// page is a page that is being filled.
type page struct {
	Query

	zone    *meter.Zone
	lines   []api.AuditLine
	scanned int
}

// month takes the lines of a month's file from its end on. It returns where the page is full.
func (p *page) month(ctx context.Context, l *Log, month meter.Month) (*Place, error) {
	file, err := durable.OpenRegular(l.o.FS, path(l.o.FS, l.o.Folder, month))
	if err != nil {
		return nil, fmt.Errorf("reading the audit log of %s: %w", month, err)
	}
	defer file.Close()
	end := min(file.Size, l.readable(month))
	if p.Before.Month == month {
		end = min(end, p.Before.Offset)
	}
	isWanted := true // a torn line has no time, and goes with the line after it
	for b := (backward{file: file, at: end, end: end}); b.end > 0; {
		if len(p.lines) == p.Max || p.scanned >= scannedMax {
			return &Place{month, b.end}, nil
		}
		text, err := b.next()
		if err == nil {
			err = meter.Stopped(ctx)
		}
		if err != nil {
			return nil, err
		}
		p.scanned += len(text) + 1
		p.take(text, &isWanted)
	}
	return nil, nil
}

// take adds a line to the page if it is of the time that is asked for.
func (p *page) take(text []byte, isWanted *bool) {
	line, at, ok := parse(text)
	if ok {
		*isWanted = (p.From.IsZero() || !at.Before(p.From)) && (p.To.IsZero() || !at.After(p.To))
		line.Time = new(p.zone.StampTime(at))
	}
	if *isWanted {
		p.lines = append(p.lines, line)
	}
}

// tornShown is how much of a torn line is shown.
const tornShown = 200

// parse reads a line. Of one that is torn it returns what can be shown, and false.
func parse(text []byte) (line api.AuditLine, at time.Time, ok bool) {
	err := json.Unmarshal(text, &line)
	if err == nil && line.Time != nil {
		at, err = time.Parse(time.RFC3339, *line.Time)
		if err == nil {
			return line, at, true
		}
	}
	shown := strings.ToValidUTF8(strings.Trim(string(text[:min(len(text), tornShown)]), "\x00"), "")
	return api.AuditLine{What: shown, Parameters: []api.AuditParameter{}, Outcome: api.AuditTorn}, at, false
}

// readable returns how much of a month's file may be read: not the line that is being written.
func (l *Log) readable(month meter.Month) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.written.Month == month {
		return l.written.Offset
	}
	return 1<<63 - 1
}
