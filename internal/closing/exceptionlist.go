package closing

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// listsMax is how many lists of exceptions are read at a time. Each may have all files that are
// kept open.
const listsMax = 8

// ExceptionsQuery asks for exceptions.
type ExceptionsQuery struct {
	Period meter.Period // a day or a month that they were found in; the zero value for all that is kept
	Rule   meter.Rule   // 0 for all
	Meter  meter.ID     // empty for all
	Status ExceptionStatus
	After  ExceptionKey // those up to it are left out
	// NotComputed, unless it is nil, is told before the first exception of which days nothing is
	// known, in order of time: of a period the past days, from the first of which there is anything
	// on, and else the archived ones of the time for which exceptions are kept.
	NotComputed func([]meter.Day)
}

// ExceptionKey names an exception: a rule of a meter from a half hour on. Lists are in the order
// of keys. The zero value is before all of them.
type ExceptionKey struct {
	Meter store.Index
	Rule  meter.Rule
	From  meter.Slot
}

func (k ExceptionKey) compare(other ExceptionKey) int {
	return cmp.Or(cmp.Compare(k.Meter, other.Meter), cmp.Compare(k.Rule, other.Rule), cmp.Compare(k.From, other.From))
}

// Key returns the exception's name.
func (f *Flagged) Key() ExceptionKey { return ExceptionKey{f.Meter.Index, f.Rule, f.From} }

// ExceptionStatus says what a person has said of an exception.
type ExceptionStatus string

// The statuses of an exception: nobody has said anything yet, or what the newest ruling says.
const (
	ExceptionOpen ExceptionStatus = "open"
	AnyException  ExceptionStatus = "all"
)

// Exception is an exception, and what a person said of it.
type Exception struct {
	Flagged

	Resolution store.Resolution // if it is not open
	IsResolved bool
}

// Status returns the exception's status.
func (e *Exception) Status() ExceptionStatus {
	if e.IsResolved {
		return ExceptionStatus(e.Resolution.Ruling.String())
	}
	return ExceptionOpen
}

// Exceptions hands out the exceptions that are asked for, in the order of registration of their
// meters, until each returns false. Of an exception that was found in several days the newest
// finding counts. It needs the same memory for any number of exceptions, and waits while listsMax
// others are read.
func (rs *Runs) Exceptions(ctx context.Context, q ExceptionsQuery, each func(Exception) bool) error {
	of, known := rs.store.Lookup(q.Meter)
	if q.Meter != "" && !known {
		return meter.UnknownMeter(q.Meter)
	}
	select {
	case rs.lists <- struct{}{}:
		defer func() { <-rs.lists }()
	case <-ctx.Done():
		return ctx.Err()
	}
	from := max(of.Index, q.After.Meter)
	list := exceptionList{}
	defer func() { list.close() }()
	days, err := list.addDays(rs, q, from)
	if err == nil {
		err = list.addRefused(rs, q)
	}
	if err != nil {
		return err
	}
	if q.NotComputed != nil {
		q.NotComputed(rs.notComputed(q.Period, days))
	}
	return list.merge(ctx, func(found Flagged) bool {
		if found.Key().compare(q.After) <= 0 {
			return true
		}
		if q.Meter != "" && found.Meter.ID != q.Meter {
			return false // those of later meters follow
		}
		e := Exception{Flagged: found}
		if !found.hasNews {
			e.Resolution, e.IsResolved = rs.store.Resolution(found.Meter.Index, found.Rule, found.From)
		}
		return q.Status != AnyException && q.Status != e.Status() || each(e)
	})
}

// notComputed returns the past days of a period that are not among the known ones, from the first
// of which there is anything on; of no period the archived ones that would be kept.
func (rs *Runs) notComputed(of meter.Period, known []meter.Day) (unknown []meter.Day) {
	today := rs.today()
	add := func(d meter.Day) {
		if _, isKnown := slices.BinarySearchFunc(known, d, meter.Day.Compare); !isKnown && d.Before(today) {
			unknown = append(unknown, d)
		}
	}
	if of == (meter.Period{}) {
		oldest := today.AddDays(-exceptionsKept)
		for _, archived := range rs.store.Days() {
			if !archived.Day.Before(oldest) {
				add(archived.Day)
			}
		}
		return unknown
	}
	first, some := rs.firstDay()
	for d, end := of.FirstDay(), of.Add(1).FirstDay(); some && d.Before(end); d = d.AddDays(1) {
		if !d.Before(first) {
			add(d)
		}
	}
	return unknown
}

// firstDay returns the first day of which there was a reading or there is an archive, and false if
// there never was anything.
func (rs *Runs) firstDay() (first meter.Day, some bool) {
	slot, some := rs.store.FirstArrival()
	if some {
		first = rs.zone.DayOf(slot)
	}
	earlier := func(d meter.Day) {
		if !some || d.Before(first) {
			first, some = d, true
		}
	}
	if days := rs.store.Days(); len(days) > 0 {
		earlier(days[0].Day)
	}
	if months := rs.store.Months(); len(months) > 0 {
		earlier(months[0].Month.FirstDay())
	}
	return first, some
}

func (q *ExceptionsQuery) asksFor(d meter.Day) bool {
	return q.Period == meter.Period{} || d.Period() == q.Period || d.CalendarMonth().Period() == q.Period
}

// exceptionSource hands out exceptions in the order of their keys.
type exceptionSource struct {
	next func() (Flagged, error)
	at   Flagged // that comes next
	day  meter.Day
	stop func() // is called when no more is wanted
}

// exceptionList merges sources: a heap of those that are not at their end.
type exceptionList []*exceptionSource

// addDays adds what was found in days, from a meter on, and returns the days of which that is
// known.
func (l *exceptionList) addDays(rs *Runs, q ExceptionsQuery, from store.Index) (known []meter.Day, err error) {
	days, err := rs.exceptions.days()
	if err != nil {
		return nil, fmt.Errorf("looking for exceptions: %w", err)
	}
	for _, day := range days {
		if !q.asksFor(day) {
			continue
		}
		r, err := rs.openExceptions(day, q.Rule)
		if err == nil && from > 0 {
			if err = r.skipTo(from); err != nil {
				r.close()
			}
		}
		if err != nil {
			rs.log.Warn("the exceptions of a day cannot be read; the daily run computes them again while the day's readings are in memory", "day", day, "error", err)
			continue
		}
		known = append(known, day)
		if err := l.begin(&exceptionSource{next: r.next, day: day, stop: r.close}); err != nil {
			return nil, err
		}
	}
	return known, nil
}

// begin adds a source, unless it is empty.
func (l *exceptionList) begin(s *exceptionSource) (err error) {
	if s.at, err = s.next(); err == nil {
		*l = append(*l, s)
		return nil
	}
	s.stop()
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// merge hands out all exceptions until each returns false.
func (l *exceptionList) merge(ctx context.Context, each func(Flagged) bool) error {
	heap.Init(l)
	for n := 0; len(*l) > 0; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if found, err := l.next(); err != nil || !each(found) {
			return err
		}
	}
	return nil
}

// next returns the next exception: of several with its key, that of the newest day.
func (l *exceptionList) next() (found Flagged, err error) {
	found = (*l)[0].at
	for len(*l) > 0 && (*l)[0].at.Key() == found.Key() {
		s := (*l)[0]
		found = s.at
		switch s.at, err = s.next(); {
		case err == nil:
			heap.Fix(l, 0)
		case errors.Is(err, io.EOF):
			s.stop()
			heap.Pop(l)
		default:
			return found, err
		}
	}
	return found, nil
}

func (l *exceptionList) Len() int { return len(*l) }

func (l *exceptionList) Less(i, j int) bool {
	a, b := (*l)[i], (*l)[j]
	return cmp.Or(a.at.Key().compare(b.at.Key()), a.day.Compare(b.day)) < 0
}

func (l *exceptionList) Swap(i, j int) { (*l)[i], (*l)[j] = (*l)[j], (*l)[i] }

func (l *exceptionList) Push(any) { panic("BUG: all sources are there from the beginning") }

func (l *exceptionList) Pop() any {
	last := len(*l) - 1
	s := (*l)[last]
	*l = (*l)[:last]
	return s
}

func (l *exceptionList) close() {
	for _, s := range *l {
		s.stop()
	}
}

// FindException returns the exception of a meter, a rule and a beginning, as it was found last.
// It is an error if there is none: it never was, its day was computed again without it, or it is
// older than what is kept.
func (rs *Runs) FindException(ctx context.Context, id meter.ID, rule meter.Rule, from meter.Slot) (found Exception, err error) {
	ok := false
	err = rs.Exceptions(ctx, ExceptionsQuery{Meter: id, Rule: rule, Status: AnyException}, func(e Exception) bool {
		found, ok = e, e.From == from
		return !ok
	})
	if err == nil && !ok {
		err = meter.NotFound(meter.CodeNotFound, "meter %s has no exception %v from %s", id, rule, rs.zone.Stamp(from))
	}
	return found, err
}
