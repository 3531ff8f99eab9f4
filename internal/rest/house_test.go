package rest_test

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/meter"
)

// house is a house with meters of different lives, in which three households live one after the
// other. All of it is made from the half hour alone, so that two ledgers can have parts of it.
type house struct {
	zone *meter.Zone
	span meter.Window
	wh   []int64 // by half hour of the span: what had gone through a meter
	// moves are the half hours around which somebody moves in or out.
	in, out meter.Slot
}

// The meters of a house: one as most are; one that sends nothing while people move, and whose dial
// was exchanged then by somebody who did not read it; two whose dials roll over right after the
// moves.
var houseMeters = []meter.ID{"gaps", "plain", "rolls-in", "rolls-out", "the-neighbour"}

const modulusWh = 100_000

func newHouse(zone *meter.Zone, in, out string) *house {
	h := &house{zone: zone, span: meter.Window{From: slotAt(zone, "2026-08-28T00:00"), To: slotAt(zone, "2026-11-20T00:00")}}
	h.in, h.out = slotAt(zone, in), slotAt(zone, out)
	total := int64(1_000_000)
	for s := h.span.From; s <= h.span.To; s++ {
		h.wh = append(h.wh, total)
		total += 3 + int64(s)*7919%500
	}
	return h
}

func slotAt(zone *meter.Zone, stamp string) meter.Slot {
	slot, err := zone.ParseSlot("", stamp)
	if err != nil {
		panic(err)
	}
	return slot
}

// dial is an exchange of a meter.
type dial struct {
	meter   meter.ID
	at      meter.Instant
	new     int64  // Wh
	serial  string // empty for those before anybody of the tests moves in
	isBurnt bool   // nobody read the old one
}

func (h *house) dials() []dial {
	minutes := func(s meter.Slot, n meter.Instant) meter.Instant { return s.Instant() + 60*n }
	all := []dial{
		{"plain", minutes(h.in-240, 10), 70_000, "", false},
		{"plain", minutes(h.in-7, 20), 0, "", false},
		{"plain", minutes(h.in-2, 20), 5_000, "", false},
		{"plain", minutes(h.in+480, 7), 555, "S-inside", false},
		{"plain", minutes(h.out, 0), 12_000, "S-moved", false},
		{"plain", minutes(h.out+96, 10), 99, "S-after", false},
		{"gaps", minutes(h.in, 50), 8_000, "", true},
		{"gaps", minutes(h.in+600, 50), 4_000, "S-burnt-inside", true},
		{"gaps", minutes(h.out, 50), 2_000, "S-burnt-after", true},
	}
	slices.SortFunc(all, func(a, b dial) int { return cmp.Compare(a.at, b.at) })
	return all
}

// register returns what a meter shows at a half hour, and false if it sends nothing.
func (h *house) register(id meter.ID, s meter.Slot) (wh int64, sent bool) {
	wh, sent = h.wh[s-h.span.From], true
	switch id {
	case "gaps":
		near := func(to meter.Slot) bool { return to-4 <= s && s <= to+3 }
		sent = !near(h.in) && !near(h.out) && s%977 != 0 && (s < h.in+100 || s > h.in+200)
	case "rolls-in":
		return (wh - h.wh[h.in-h.span.From] + 10*modulusWh - 1) % modulusWh, true
	case "rolls-out":
		return (wh - h.wh[h.out-h.span.From] + 10*modulusWh - 1) % modulusWh, true
	case "the-neighbour":
		return wh, true
	}
	for _, d := range slices.Backward(h.dials()) {
		if d.meter == id && d.at < s.Instant() {
			return wh - h.passed(d) + d.new, sent
		}
	}
	return wh, sent
}

// passed is what had gone through the house when a dial was exchanged.
func (h *house) passed(d dial) int64 {
	slot, onGrid := d.at.Slot()
	if onGrid {
		return h.wh[slot-h.span.From]
	}
	return h.wh[slot-h.span.From] + 1
}

// ledger returns an api that has the part of the house's life that lies within a window: of the
// neighbour, all of it. The months until October are closed, some readings of September and
// October came after that, and some were corrected.
func (h *house) ledger(t *testing.T, name string, w meter.Window) *gated {
	t.Helper()
	s := newGated(newScriptIn(t, name, vfs.NewMem(), h.zone.String()))
	for _, id := range houseMeters {
		if err := s.node.Register(t.Context(), id, "Owner", "Road"); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []meter.ID{"rolls-in", "rolls-out"} {
		s.must(t, "PATCH", "/meters/"+string(id)+"?rolls_over_at=100", "")
	}
	isLate := func(slot meter.Slot) bool { return slot%701 == 0 }
	from := h.span.From
	for _, d := range h.dials() { // whose registers fall, so each is entered before the readings that come after it
		to, _ := d.at.Slot()
		h.record(t, s, w, func(slot meter.Slot) bool { return !isLate(slot) && from <= slot && slot <= to })
		h.enter(t, s, w, d)
		from = to + 1
	}
	h.record(t, s, w, func(slot meter.Slot) bool { return !isLate(slot) && from <= slot })
	for _, month := range []string{"2026-08", "2026-09", "2026-10"} {
		s.must(t, "POST", "/maintenance/start?maintenance_type=monthly&month="+month, "")
	}
	h.record(t, s, w, isLate)
	for slot := h.span.From + 50; slot < h.span.To; slot += 61 { // so that every edge has some near
		h.correct(t, s, w, slot)
	}
	s.must(t, "POST", "/maintenance/start?maintenance_type=monthly&month=2026-10", "")
	return s
}

func (h *house) record(t *testing.T, s *gated, w meter.Window, wanted func(meter.Slot) bool) {
	t.Helper()
	var readings []meter.Reading
	for slot := h.span.From; slot <= h.span.To; slot++ {
		for _, id := range houseMeters {
			wh, sent := h.register(id, slot)
			if !sent || !wanted(slot) || id != "the-neighbour" && !w.Contains(slot) {
				continue
			}
			register, _ := meter.RegisterFromParts(wh, 3)
			readings = append(readings, meter.Reading{Meter: id, Slot: slot, Register: register})
		}
	}
	recordMany(t, s.node, readings)
}

// enter enters an exchange if it lies within a window, and if one that nobody read has a reading
// before it there.
func (h *house) enter(t *testing.T, s *gated, w meter.Window, d dial) {
	t.Helper()
	if d.at < w.From.Instant() || d.at >= w.To.Instant() {
		return
	}
	q := url.Values{"at": {s.zone.StampTime(s.zone.TimeOf(d.at))}, "new_reading": {kWh(d.new)}}
	if d.serial != "" {
		q.Set("new_serial", d.serial)
	}
	if d.isBurnt {
		before := false
		for slot := w.From; slot.Instant() <= d.at; slot++ {
			_, sent := h.register(d.meter, slot)
			before = before || sent
		}
		if !before {
			return
		}
	} else {
		slot, onGrid := d.at.Slot()
		old, _ := h.register(d.meter, slot)
		if !onGrid {
			old++
		}
		q.Set("old_reading", kWh(old))
	}
	s.must(t, "POST", "/meters/"+string(d.meter)+"/exchange?"+q.Encode(), "")
}

// correct corrects a reading of the plain meter, or withdraws it, if it lies within a window.
func (h *house) correct(t *testing.T, s *gated, w meter.Window, slot meter.Slot) {
	t.Helper()
	if !w.Contains(slot) {
		return
	}
	wh, _ := h.register("plain", slot)
	to := kWh(wh + 1)
	if slot%2 == 0 {
		to = "null"
	}
	s.must(t, "POST", "/meters/plain/corrections", fmt.Sprintf(`{"reason":"seen","corrections":[{"timestamp":%q,"reading":%s,"expect":%s}]}`,
		s.zone.Stamp(slot), to, kWh(wh)), "Content-Type", "application/json")
}

func kWh(wh int64) string { return fmt.Sprintf("%d.%03d", wh/1000, wh%1000) }

// questions are all that a household can ask, about the half hours around a slot: of each route one
// at least.
func (h *house) questions(around meter.Slot) map[string][]string {
	all := map[string][]string{
		"/account":                   {""},
		"/meters/{meter_id}":         {"", "numbers=string"},
		"/get_last_month_bill":       {""},
		"/get_bill":                  {"month=2026-08", "month=2026-09", "month=2026-10"},
		"/meters/{meter_id}/gaps":    {"month=2026-08", "month=2026-09", "month=2026-10", "month=2026-11"},
		"/meters/{meter_id}/history": {"", "page_size=3"},
		"/get_consumption":           {},
		"/get_readings":              {"", "order=desc&page_size=5", "interval=day&estimate=auto", "format=csv"},
	}
	for _, period := range []string{"last_30min", "today", "this_week", "this_month", "last_month"} {
		all["/get_consumption"] = append(all["/get_consumption"], "period="+period+"&compare=previous&estimate=linear")
	}
	add := func(route, format string, args ...any) { all[route] = append(all[route], fmt.Sprintf(format, args...)) }
	for shift := -1; shift <= 1; shift++ {
		at := meter.Slot(int(around) + shift)
		for _, w := range []meter.Window{{From: at, To: at + 1}, {From: at, To: at + 900}, {From: at - 900, To: at}} {
			start, end := url.QueryEscape(h.zone.Stamp(w.From)), url.QueryEscape(h.zone.Stamp(w.To))
			window := "start=" + start + "&end=" + end
			add("/get_consumption", "period=custom&compare=previous&%s", window)
			add("/get_consumption", "period=custom&%s&estimate=auto", window)
			add("/get_readings", "%s&estimate=auto&page_size=7", window)
			add("/get_readings", "%s&interval=day&order=desc&estimate=linear", window)
			add("/get_readings", "%s&format=csv", window)
			add("/meters/{meter_id}/history", "from=%s&to=%s", start, end)
		}
	}
	return all
}

// pathOf is a question about a meter.
func pathOf(route string, id meter.ID, query string) string {
	path := strings.ReplaceAll(route, "{meter_id}", string(id))
	if path == route {
		query = strings.TrimSuffix("meter_id="+string(id)+"&"+query, "&")
	}
	return strings.TrimSuffix(path+"?"+query, "?")
}
