package meter

import (
	"io"
	"strings"
	"time"
)

// EventHeader is the first line of every file of events.
const EventHeader = "meter_id,at,kind,old_reading,new_reading,estimated_kwh,placed,new_serial,rolls_over_at,max_kw,entered_at,by,reason"

// eventCells are the values of a row of EventHeader.
type eventCells struct {
	meter, at, kind, old, new, estimated, placed, serial, rollsOverAt, maxKW, enteredAt, by, reason string
}

func (c *eventCells) list() [13]*string {
	return [...]*string{
		&c.meter, &c.at, &c.kind, &c.old, &c.new, &c.estimated, &c.placed, &c.serial, &c.rollsOverAt, &c.maxKW, &c.enteredAt, &c.by, &c.reason,
	}
}

// A row has cells by its kind; the others are empty. Old and new reading of a rollover are the
// register at which the dial rolls over and 0. estimated_kwh stands where nobody read the old
// dial: old_reading is then its last reading and that much more.
//
//	limits                    rolls_over_at max_kw, neither needed
//	exchange, reset           at old_reading new_reading, estimated_kwh placed new_serial rolls_over_at entered_at by
//	rollover                  at old_reading new_reading
//	correction, withdrawal    at old_reading new_reading entered_at reason, by; a withdrawal has no new_reading
//
// placed says what the change did to the reading at its slot, see Placing: anew, over or empty.
var placings = [...]string{NotPlaced: "", PlacedAnew: "anew", PlacedOver: "over"}

// EventWriter writes events as CSV, which an EventReader reads.
type EventWriter struct {
	lineWriter

	zone *Zone
}

// NewEventWriter writes the header. Times are written as the zone's clock shows them.
func NewEventWriter(w io.Writer, zone *Zone) *EventWriter {
	return &EventWriter{newLineWriter(w, EventHeader), zone}
}

// Write writes an event. What fails is told by Failure and Flush.
func (w *EventWriter) Write(e Event) {
	cells := eventCells{meter: string(e.Meter), kind: e.Kind.String(), by: e.By, reason: e.Reason, serial: e.Serial, placed: placings[e.Placed]}
	if e.Kind != EventLimits {
		cells.at, cells.old = w.zone.StampTime(w.zone.TimeOf(e.At)), e.Old.String()
		if e.Kind != EventWithdrawal {
			cells.new = e.New.String()
		}
	}
	if e.IsEstimated {
		cells.estimated = e.Estimated.String()
	}
	if e.RollsOverAt != (Register{}) {
		cells.rollsOverAt = e.RollsOverAt.String()
	}
	if e.MaxKW != (Power{}) {
		cells.maxKW = Register(e.MaxKW).String()
	}
	if !e.EnteredAt.IsZero() {
		cells.enteredAt = w.zone.StampTime(e.EnteredAt)
	}
	row := make([]string, 0, 13)
	for _, cell := range cells.list() {
		row = append(row, *cell)
	}
	w.write(row)
}

// EventReader reads events as CSV, one a line.
type EventReader struct {
	*lineReader

	zone *Zone
}

// NewEventReader reads the header. Times without an offset are the zone's.
func NewEventReader(r io.Reader, zone *Zone) (*EventReader, error) {
	lines, err := newLineReader(r, EventHeader)
	if err != nil {
		return nil, err
	}
	return &EventReader{lines, zone}, nil
}

// Next returns the next event. After a *Error, ErrRowSyntax and ErrRowTooLong the next row can
// be read. After the last the error is io.EOF.
func (r *EventReader) Next() (Event, error) {
	record, err := r.next()
	if err != nil {
		return Event{}, err
	}
	var cells eventCells
	for i, cell := range cells.list() {
		*cell = strings.Clone(record[i])
	}
	p := eventParser{zone: r.zone}
	return p.event(cells), p.err
}

// eventParser reads cells one by one, and keeps the first error.
type eventParser struct {
	zone *Zone
	err  error
}

func (p *eventParser) event(c eventCells) (e Event) {
	p.check(func() (err error) { e.Meter, err = ParseID(c.meter); return err })
	var known bool
	if e.Kind, known = parseEventKind(c.kind); !known {
		p.fail("kind", "must be one of %s", strings.Join(eventKinds[1:], ", "))
		return Event{}
	}
	isExchange := e.Kind == EventExchange || e.Kind == EventReset
	hasTime, isEntered := e.Kind != EventLimits, isExchange || e.Kind.IsEdit()
	if p.has("at", c.at, hasTime, hasTime) {
		p.check(func() (err error) { e.At, err = p.zone.ParseInstant("at", c.at); return err })
	}
	if _, onGrid := e.At.Slot(); e.Kind.IsEdit() && !onGrid {
		p.fail("at", "must lie on the hour or half hour")
	}
	e.Old = p.register("old_reading", c.old, hasTime, hasTime)
	e.New = p.register("new_reading", c.new, hasTime && e.Kind != EventWithdrawal, true)
	e.Estimated = p.register("estimated_kwh", c.estimated, isExchange, false)
	e.IsEstimated = c.estimated != ""
	e.RollsOverAt = p.register("rolls_over_at", c.rollsOverAt, isExchange || !hasTime, false)
	e.MaxKW = Power(p.register("max_kw", c.maxKW, !hasTime, false))
	e.Placed = p.placing(c.placed, isExchange)
	if p.has("entered_at", c.enteredAt, isEntered, e.Kind.IsEdit()) {
		p.check(func() error {
			at, err := p.zone.ParseInstant("entered_at", c.enteredAt)
			e.EnteredAt = time.Unix(p.zone.TimeOf(at).Unix(), 0)
			return err
		})
	}
	e.Serial = p.text("new_serial", c.serial, isExchange, false)
	e.By = p.text("by", c.by, isEntered, false)
	e.Reason = p.text("reason", c.reason, e.Kind.IsEdit(), e.Kind.IsEdit())
	return e
}

func (p *eventParser) fail(field, format string, args ...any) {
	p.check(func() error { return Invalid(CodeInvalidParameter, field, format, args...) })
}

func (p *eventParser) check(parse func() error) {
	if p.err == nil {
		p.err = parse()
	}
}

// has reports whether a cell is to be read. It must be empty if the kind of the row has none.
func (p *eventParser) has(field, cell string, may, must bool) bool {
	switch {
	case cell != "" && !may:
		p.fail(field, "must be empty in a row of this kind")
	case cell == "" && may && must:
		p.fail(field, "must not be empty in a row of this kind")
	}
	return cell != ""
}

func (p *eventParser) register(field, cell string, may, must bool) (k Register) {
	if p.has(field, cell, may, must) {
		p.check(func() (err error) { k, err = ParseReading(field, cell); return err })
	}
	return k
}

func (p *eventParser) text(field, cell string, may, must bool) string {
	if p.has(field, cell, may, must) && !ValidText(cell) {
		p.fail(field, "must be 1 to %d characters of valid UTF-8 without control characters", TextLengthMax)
	}
	return cell
}

func (p *eventParser) placing(cell string, may bool) (placed Placing) {
	if !p.has("placed", cell, may, false) {
		return NotPlaced
	}
	for n, name := range placings {
		if name == cell {
			return Placing(n)
		}
	}
	p.fail("placed", "must be anew, over or empty")
	return NotPlaced
}
