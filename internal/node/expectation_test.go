package node_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/closing"
	"meterledger/internal/meter"
	"meterledger/internal/node"
)

// certainty is whether something must be there or may be.
type certainty uint8

const (
	possible certainty = iota // it was sent and not answered
	certain                   // it was acknowledged
)

type expectedReading struct {
	register  meter.Register
	certainty certainty
	corrected *meter.Register // what it may have been corrected to
}

// expectation is what a ledger must hold, and what it may hold besides.
type expectation struct {
	accounts   map[meter.ID]certainty
	readings   map[meter.ID]map[meter.Slot]expectedReading
	reception  []bool                               // one of these
	archives   map[meter.Period]closing.ArchiveInfo // by period: files that must be there as they were written
	unfinished []closing.Request                    // runs that may have come as far as they like
	exchanges  map[exchange][]bool                  // whether each is there: one of these
}

func (e *expectation) add(f fact, c certainty, archives []closing.ArchiveInfo) {
	switch {
	case f.account != "":
		e.accounts[f.account] = max(c, e.accounts[f.account])
	case f.reception != nil && c == certain:
		e.reception = []bool{*f.reception}
	case f.reception != nil:
		e.reception = append(e.reception, *f.reception)
	case f.run != nil:
		e.addRun(*f.run, c, archives)
	case f.exchange != nil:
		e.addExchange(*f.exchange, c)
	case f.corrected != nil:
		e.addCorrection(*f.corrected, c)
	default:
		e.addReading(f.reading, c)
	}
}

func (e *expectation) addReading(r meter.Reading, c certainty) {
	if e.readings[r.Meter] == nil {
		e.readings[r.Meter] = make(map[meter.Slot]expectedReading)
	}
	if e.readings[r.Meter][r.Slot].certainty != certain {
		e.readings[r.Meter][r.Slot] = expectedReading{register: r.Register, certainty: c}
	}
}

func (e *expectation) addCorrection(r correctedReading, c certainty) {
	expected := expectedReading{register: r.after, certainty: certain}
	if c == possible {
		expected = e.readings[r.meter][r.slot]
		expected.corrected = &r.after
	}
	e.readings[r.meter][r.slot] = expected
}

func (e *expectation) addExchange(x exchange, c certainty) {
	isThere := !x.isTakenBack
	x.isTakenBack = false
	if c == certain {
		e.exchanges[x] = nil
	} else if e.exchanges[x] == nil {
		e.exchanges[x] = []bool{false}
	}
	e.exchanges[x] = append(e.exchanges[x], isThere)
}

func (e *expectation) addRun(q closing.Request, c certainty, archives []closing.ArchiveInfo) {
	if c == certain {
		e.unfinished = slices.DeleteFunc(e.unfinished, func(u closing.Request) bool { return u == q })
		for _, info := range archives {
			e.archives[info.Period] = info
		}
		return
	}
	e.unfinished = append(e.unfinished, q)
	for period := range e.archives {
		// A monthly run archives again whatever month readings came late for.
		if q.Kind == closing.Monthly && period.IsMonth() || period == q.Day.Period() {
			delete(e.archives, period)
		}
	}
}

// always is a window that all readings of a life lie in.
func always(zone *meter.Zone) meter.Window {
	return meter.Window{
		From: zone.DayStart(meter.Day{Year: 2026, Month: time.January, Day: 1}),
		To:   zone.DayStart(meter.Day{Year: 2027, Month: time.January, Day: 1}),
	}
}

// pointsOf returns a meter's readings within a window.
func pointsOf(l *node.Node, id meter.ID, w meter.Window) (all []meter.Point, err error) {
	months, err := l.Readings(id, w)
	if err != nil {
		return nil, err
	}
	for points, err := range months {
		if err != nil {
			return nil, err
		}
		all = append(all, points...)
	}
	return all, nil
}

// check compares a ledger with what is expected of it.
func (e *expectation) check(l *node.Node, disk vfs.FS) error {
	for id, c := range e.accounts {
		account, err := l.Account(id)
		if c == certain && err != nil {
			return fmt.Errorf("account %s is lost: %w", id, err)
		}
		if err == nil && (account.OwnerName != ownerOf(id) || account.RegisteredAt.Unix() != now.Unix()) {
			return fmt.Errorf("account %s is altered: %+v", id, account)
		}
		if err == nil {
			if err := e.checkReadings(l, id); err != nil {
				return err
			}
		}
	}
	if !slices.Contains(e.reception, l.Receiving()) {
		return fmt.Errorf("receiving is %v, want %v", l.Receiving(), e.reception)
	}
	if err := e.checkExchanges(l); err != nil {
		return err
	}
	return e.checkArchives(l, disk)
}

func (e *expectation) checkExchanges(l *node.Node) error {
	found := make(map[exchange]bool)
	for id := range e.accounts {
		known, err := l.Meter(id)
		if err != nil {
			continue // it is not registered yet
		}
		for _, c := range known.Dials {
			found[exchange{meter: id, at: c.At, old: c.Old, first: c.New}] = true
		}
	}
	for x := range found {
		if len(e.exchanges[x]) == 0 {
			return fmt.Errorf("exchange %+v is invented", x)
		}
	}
	for x, allowed := range e.exchanges {
		if !slices.Contains(allowed, found[x]) {
			return fmt.Errorf("exchange %+v is there: %v, want %v", x, found[x], allowed)
		}
	}
	return nil
}

func (e *expectation) checkReadings(l *node.Node, id meter.ID) error {
	points, err := pointsOf(l, id, always(l.Zone()))
	if err != nil {
		return err
	}
	found := make(map[meter.Slot]struct{}, len(points))
	for _, p := range points {
		want, sent := e.readings[id][p.Slot]
		if !sent {
			return fmt.Errorf("reading of %s at slot %d is invented: %v", id, p.Slot, p.Register)
		}
		if want.register != p.Register && (want.corrected == nil || *want.corrected != p.Register) {
			return fmt.Errorf("reading of %s at slot %d is altered: %v, want %v", id, p.Slot, p.Register, want.register)
		}
		found[p.Slot] = struct{}{}
	}
	for slot, want := range e.readings[id] {
		if _, ok := found[slot]; !ok && want.certainty == certain {
			return fmt.Errorf("acknowledged reading of %s at slot %d is lost: %v", id, slot, want.register)
		}
	}
	return nil
}

func (e *expectation) checkArchives(l *node.Node, disk vfs.FS) error {
	infos := make(map[meter.Period]closing.ArchiveInfo)
	for _, info := range l.Status().Archives {
		infos[info.Period] = info.ArchiveInfo
	}
	for period, want := range e.archives {
		if infos[period] != want {
			return fmt.Errorf("archive of %s is %+v, acknowledged was %+v", period, infos[period], want)
		}
		content, err := content(disk, want.File)
		if err != nil {
			return fmt.Errorf("archive of %s: %w", period, err)
		}
		if sha256.Sum256(content) != want.SHA256 {
			return fmt.Errorf("%s is not the file that was written", want.File)
		}
	}
	return nil
}

// goOn has a ledger that came back take one more reading and do again what was cut
// off, which must end in whole archives and right bills.
func (e *expectation) goOn(l *node.Node, disk vfs.FS, zone *meter.Zone) error {
	if !l.Receiving() {
		if err := l.Resume(context.Background()); err != nil {
			return fmt.Errorf("resuming: %w", err)
		}
		e.reception = []bool{true}
	}
	const newcomer = "newcomer"
	if err := l.Register(context.Background(), newcomer, ownerOf(newcomer), "1 Road"); err != nil {
		return fmt.Errorf("registering another meter: %w", err)
	}
	next := meter.Reading{Meter: newcomer, Slot: zone.Floor(now), Register: registerOf(newcomer, zone.Floor(now))}
	if _, err := l.Record(context.Background(), next); err != nil {
		return fmt.Errorf("recording another reading: %w", err)
	}
	e.add(fact{account: newcomer}, certain, nil)
	e.add(fact{reading: next}, certain, nil)
	again := slices.Clone(e.unfinished)
	closing := slices.ContainsFunc(again, func(q closing.Request) bool { return q.Kind == closing.Monthly })
	if closing {
		again = append(again, closedMonths(l)...) // so that all bills are of one moment
	}
	for _, q := range again {
		run, err := l.Start(q)
		if err != nil {
			return err
		}
		if <-run.Done(); run.Err != nil {
			return fmt.Errorf("repeating the %s run: %w", q.Kind, run.Err)
		}
		e.addRun(q, certain, run.Archives)
		for _, info := range run.Archives {
			if err := isComplete(l, disk, zone, info); err != nil {
				return err
			}
		}
	}
	if closing {
		if err := billsAgree(l, zone); err != nil {
			return err
		}
	}
	return e.check(l, disk)
}

func closedMonths(l *node.Node) (again []closing.Request) {
	for _, info := range l.Status().Archives {
		if info.Period.IsMonth() {
			again = append(again, closing.Request{Kind: closing.Monthly, Month: info.Period.CalendarMonth()})
		}
	}
	return again
}

// isComplete compares an archive's rows with the readings that the ledger answers.
func isComplete(l *node.Node, disk vfs.FS, zone *meter.Zone, info closing.ArchiveInfo) error {
	window := info.Period.Window(zone).Rows()
	f, err := disk.Open(info.File)
	if err != nil {
		return err
	}
	defer f.Close()
	rows, err := meter.NewCSVReader(f, zone)
	if err != nil {
		return err
	}
	found := make(map[meter.ID][]meter.Point)
	for {
		row, err := rows.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("row %d of %s: %w", rows.Row(), info.File, err)
		}
		id := meter.ID(row.Meter)
		found[id] = append(found[id], meter.Point{Slot: row.Slot, Register: row.Register})
	}
	for _, id := range lifeMeters {
		points, err := pointsOf(l, id, window)
		if meter.CodeOf(err) == meter.CodeMeterNotFound {
			continue
		}
		if err != nil {
			return err
		}
		if !slices.Equal(points, found[id]) {
			return fmt.Errorf("%s has %d rows of %s, the ledger knows %d", info.File, len(found[id]), id, len(points))
		}
	}
	return nil
}

// billsAgree compares the bills of all closed months with the naive model's.
func billsAgree(l *node.Node, zone *meter.Zone) error {
	m := newModel(zone)
	for _, id := range lifeMeters {
		points, err := pointsOf(l, id, always(l.Zone()))
		if err != nil {
			continue // it is not registered yet
		}
		for _, p := range points {
			m.know(id, p)
		}
	}
	months := closedMonths(l)
	for _, q := range months {
		m.close(q.Month)
	}
	for _, q := range months {
		for _, id := range lifeMeters {
			want, billed := m.billAfter(id, q.Month, m.closings)
			bill, err := l.Bill(id, q.Month)
			if billed != (err == nil) || billed && (!bill.Start.Register.Decimal().Equal(want.start) || !bill.End.Register.Decimal().Equal(want.end)) {
				return fmt.Errorf("bill of %s for %s: %v to %v, want %v to %v (%v)", id, q.Month, bill.Start, bill.End, want.start, want.end, err)
			}
		}
	}
	return nil
}

func content(fs vfs.FS, path string) ([]byte, error) {
	f, err := fs.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}
