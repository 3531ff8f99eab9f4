package node_test

import (
	"maps"
	"slices"

	"github.com/shopspring/decimal"

	"meterledger/internal/meter"
)

// model is what a ledger promises, written the plainest way: every accepted
// reading of every meter, for ever, in decimals.
type model struct {
	zone     *meter.Zone
	readings map[meter.ID]map[meter.Slot]decimal.Decimal
	closings []modelClosing // in the order in which they were done
	late     map[meter.Month]bool
}

// modelClosing is what was known when a month was archived.
type modelClosing struct {
	month    meter.Month
	readings map[meter.ID][]modelPoint // within the month's window, both ends included
	ends     map[meter.ID]map[meter.Month]modelPoint
	late     map[meter.Month]bool // others that had readings since: their bills wait for their own closing
}

type modelPoint struct {
	slot  meter.Slot
	value decimal.Decimal
}

func newModel(zone *meter.Zone) *model {
	return &model{zone: zone, readings: make(map[meter.ID]map[meter.Slot]decimal.Decimal), late: make(map[meter.Month]bool)}
}

// record says what must become of a reading: "" or the code of its refusal.
func (m *model) record(id meter.ID, slot meter.Slot, value decimal.Decimal) (code meter.Code, duplicate bool) {
	known, registered := m.readings[id]
	if !registered {
		return meter.CodeMeterNotFound, false
	}
	if recorded, ok := known[slot]; ok {
		if recorded.Equal(value) {
			return "", true
		}
		return meter.CodeReadingConflict, false
	}
	for at, other := range known {
		if at < slot && other.GreaterThan(value) || at > slot && other.LessThan(value) {
			return meter.CodeReadingDecreases, false
		}
	}
	known[slot] = value
	if month := m.zone.MonthOf(slot); slices.ContainsFunc(m.closings, func(c modelClosing) bool { return c.month == month }) {
		m.late[month] = true
	}
	return "", false
}

// know takes a reading that was accepted before.
func (m *model) know(id meter.ID, p meter.Point) {
	if m.readings[id] == nil {
		m.readings[id] = make(map[meter.Slot]decimal.Decimal)
	}
	m.readings[id][p.Slot] = p.Register.Decimal()
}

// within returns a meter's readings in a window, in order of time.
func (m *model) within(id meter.ID, w meter.Window) []modelPoint {
	var points []modelPoint
	for slot, value := range m.readings[id] {
		if w.Contains(slot) {
			points = append(points, modelPoint{slot, value})
		}
	}
	slices.SortFunc(points, func(a, b modelPoint) int { return int(a.slot) - int(b.slot) })
	return points
}

// close remembers what the month's bills are made of.
func (m *model) close(month meter.Month) {
	delete(m.late, month)
	c := modelClosing{month, make(map[meter.ID][]modelPoint), make(map[meter.ID]map[meter.Month]modelPoint), maps.Clone(m.late)}
	window := m.zone.MonthWindow(month)
	for id := range m.readings {
		if own := m.within(id, meter.Window{From: window.From, To: window.To - 1}); len(own) > 0 {
			c.readings[id] = m.within(id, window)
		}
	}
	for id, readings := range m.readings {
		c.ends[id] = make(map[meter.Month]modelPoint)
		for slot, value := range readings {
			if before := m.zone.DayOf(slot).CalendarMonth().Add(-1); m.zone.MonthWindow(before).To == slot {
				c.ends[id][before] = modelPoint{slot, value}
			}
		}
	}
	m.closings = append(m.closings, c)
}

// modelBill is what a bill says.
type modelBill struct {
	start, end decimal.Decimal
	startSlot  meter.Slot
	endSlot    meter.Slot
	readings   int
}

func (b modelBill) equal(o modelBill) bool {
	return b.start.Equal(o.start) && b.end.Equal(o.end) && b.startSlot == o.startSlot && b.endSlot == o.endSlot && b.readings == o.readings
}

// bills returns all that a bill has ever said, in order: one for each revision.
func (m *model) bills(id meter.ID, month meter.Month) (revisions []modelBill) {
	for done, c := range m.closings {
		if c.late[month] {
			continue
		}
		bill, ok := m.billAfter(id, month, m.closings[:done+1])
		if ok && (len(revisions) == 0 || !bill.equal(revisions[len(revisions)-1])) {
			revisions = append(revisions, bill)
		}
	}
	return revisions
}

// billAfter is what a bill said after some closings.
func (m *model) billAfter(id meter.ID, month meter.Month, closings []modelClosing) (modelBill, bool) {
	known := make(map[meter.Month][]modelPoint)
	for _, c := range closings {
		known[c.month] = c.readings[id]
		for name, points := range known { // each closing also ends the bills whose last register has come
			if end, ok := c.ends[id][name]; ok && !c.late[name] && len(points) > 0 && points[len(points)-1] != end {
				known[name] = append(slices.Clip(points), end)
			}
		}
	}
	own := known[month]
	if len(own) == 0 {
		return modelBill{}, false
	}
	first, last := own[0], own[len(own)-1]
	for before := month.Add(-1); before.Year >= 2026; before = before.Add(-1) {
		if points := known[before]; len(points) > 0 {
			first = points[len(points)-1]
			break
		}
	}
	return modelBill{first.value, last.value, first.slot, last.slot, len(own)}, true
}

// agree compares a ledger's answer with the model's points.
func agree(t fataler, what string, got []meter.Point, want []modelPoint) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d readings, want %d", what, len(got), len(want))
	}
	for i := range got {
		if got[i].Slot != want[i].slot || !got[i].Register.Decimal().Equal(want[i].value) {
			t.Fatalf("%s: reading %d is %v at slot %d, want %v at slot %d",
				what, i, got[i].Register, got[i].Slot, want[i].value, want[i].slot)
		}
	}
}
