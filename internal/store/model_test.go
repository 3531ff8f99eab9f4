package store

import (
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"meterledger/internal/meter"
)

// model is what LevelHolds says, the plainest way: it remembers every reading that was
// ever accepted, and where it is.
type model struct {
	shut   bool
	at     time.Time // of the newest writing
	ids    map[meter.ID]bool
	hold   *Hold
	count  uint64                                  // of accepted readings
	came   map[meter.Slot]uint64                   // which of them was the last of a half hour
	known  map[Index]map[meter.Slot]meter.Register // accepted, or in a file that was adopted
	memory map[Index]map[meter.Slot]meter.Register
	months map[meter.Month]*modelMonth
	edits  map[Index]map[meter.Slot][]Past
}

type modelMonth struct {
	MonthArchive
	file     monthFile
	recalled map[Index]bool
	late     bool
}

func newModel() *model {
	return &model{
		ids: make(map[meter.ID]bool), months: make(map[meter.Month]*modelMonth), came: make(map[meter.Slot]uint64),
		known: make(map[Index]map[meter.Slot]meter.Register), memory: make(map[Index]map[meter.Slot]meter.Register),
		edits: make(map[Index]map[meter.Slot][]Past),
	}
}

func put(into map[Index]map[meter.Slot]meter.Register, i Index, p meter.Point) {
	if into[i] == nil {
		into[i] = make(map[meter.Slot]meter.Register)
	}
	into[i][p.Slot] = p.Register
}

func (m *model) reception(on bool) Verdict {
	if m.shut == !on {
		return Verdict{Outcome: Duplicate}
	}
	m.shut = !on
	return Verdict{}
}

func (m *model) write(at time.Time, trusted bool) Verdict {
	if trusted || at.After(m.at) {
		m.at = at
	}
	return Verdict{}
}

func (m *model) account(id meter.ID) Verdict {
	switch {
	case m.shut:
		return Verdict{Outcome: NotReceiving}
	case m.ids[id]:
		return Verdict{Outcome: MeterExists}
	}
	m.ids[id] = true
	return Verdict{}
}

func (m *model) readings(readings []Reading, restored bool) (verdicts []Verdict) {
	for _, r := range readings {
		v := m.judge(r, restored)
		if v.Outcome == Accepted {
			m.arrive(r.Slot)
			put(m.known, r.Meter, meter.Point{Slot: r.Slot, Register: r.Register})
			put(m.memory, r.Meter, meter.Point{Slot: r.Slot, Register: r.Register})
		}
		verdicts = append(verdicts, v)
	}
	return verdicts
}

// arrive counts a reading.
func (m *model) arrive(slot meter.Slot) {
	m.count++
	m.came[slot] = m.count
	for _, month := range m.months {
		month.late = month.late || month.Window.Rows().Contains(slot)
	}
}

func (m *model) replaced(r Reading) bool {
	past := m.edits[r.Meter][r.Slot]
	for _, p := range past {
		if last := past[len(past)-1]; p.Before == r.Register && (last.IsWithdrawn || last.After != r.Register) {
			return true
		}
	}
	return false
}

func (m *model) correct(c *Correction, restored bool) Verdict {
	if m.corrected(c, restored) {
		return Verdict{Outcome: Duplicate}
	}
	after := maps.Clone(m.known[c.Meter])
	effective := make(map[meter.Slot]bool)
	for _, e := range c.Edits {
		v := m.find(c.Meter, e)
		if v.Outcome != Accepted && (!restored || v.Outcome == Held || v.Outcome == Archived) {
			return v
		}
		if effective[e.Slot] = v.Outcome == Accepted; !effective[e.Slot] {
			continue
		}
		if delete(after, e.Slot); !e.IsWithdrawn {
			after[e.Slot] = e.After
		}
	}
	var last meter.Point
	for _, slot := range slices.Sorted(maps.Keys(after)) {
		p := meter.Point{Slot: slot, Register: after[slot]}
		if p.Register.Cmp(last.Register) < 0 && effective[slot] {
			return Verdict{BelowEarlier, last}
		} else if p.Register.Cmp(last.Register) < 0 {
			return Verdict{AboveLater, p}
		}
		last = p
	}
	for _, e := range c.Edits {
		m.edit(c, e, effective[e.Slot], restored)
	}
	return Verdict{}
}

// corrected reports whether a correction is recorded.
func (m *model) corrected(c *Correction, restored bool) bool {
	for _, e := range c.Edits {
		found := false
		past := m.edits[c.Meter][e.Slot]
		for n, p := range past {
			if restored {
				found = found || p == Past{e, c.Note}
			} else {
				found = n == len(past)-1 && p.Edit == e && p.By == c.By
			}
		}
		if !found {
			return false
		}
	}
	return true
}

// find looks for what an edit replaces.
func (m *model) find(i Index, e Edit) Verdict {
	recorded, ok := m.known[i][e.Slot]
	endsThere := func() bool { // the month before has rows of the meter, which are in its file alone
		for _, month := range m.months {
			if month.Window.To == e.Slot {
				return m.onlyInFile(i, e.Slot-1)
			}
		}
		return false
	}
	switch {
	case m.hold != nil && (m.hold.Window.Contains(e.Slot) || m.hold.Window.Contains(e.Slot-1)):
		return Verdict{Outcome: Held}
	case m.onlyInFile(i, e.Slot), endsThere():
		return Verdict{Outcome: Archived}
	case !ok:
		return Verdict{NoReading, meter.Point{Slot: e.Slot}}
	case recorded != e.Before:
		return Verdict{Conflict, meter.Point{Slot: e.Slot, Register: recorded}}
	}
	return Verdict{}
}

func (m *model) edit(c *Correction, e Edit, effective, restored bool) {
	if m.edits[c.Meter] == nil {
		m.edits[c.Meter] = make(map[meter.Slot][]Past)
	}
	past := m.edits[c.Meter][e.Slot]
	place := slices.IndexFunc(past, func(p Past) bool { return p.At.After(c.At) })
	if !restored || place < 0 {
		place = len(past)
	}
	m.edits[c.Meter][e.Slot] = slices.Insert(past, place, Past{e, c.Note})
	if !effective {
		return
	}
	m.arrive(e.Slot)
	for _, month := range m.months {
		month.late = month.late || month.Window.To == e.Slot && len(month.file[c.Meter]) > 0
	}
	delete(m.known[c.Meter], e.Slot)
	if delete(m.memory[c.Meter], e.Slot); !e.IsWithdrawn {
		put(m.known, c.Meter, e.after())
		put(m.memory, c.Meter, e.after())
	}
}

func (m *model) judge(r Reading, restored bool) Verdict {
	recorded, taken := m.known[r.Meter][r.Slot]
	switch {
	case m.shut && !restored:
		return Verdict{Outcome: NotReceiving}
	case m.hold != nil && m.hold.Window.Contains(r.Slot):
		return Verdict{Outcome: Held}
	case m.replaced(r):
		return Verdict{Outcome: Duplicate}
	case m.onlyInFile(r.Meter, r.Slot):
		return Verdict{Outcome: Archived}
	case taken && recorded == r.Register:
		return Verdict{Outcome: Duplicate}
	case taken:
		return Verdict{Conflict, meter.Point{Slot: r.Slot, Register: recorded}}
	}
	return m.between(r.Meter, meter.Point{Slot: r.Slot, Register: r.Register}, meter.Point{Slot: r.Slot, Register: r.Register})
}

// onlyInFile reports whether a meter has rows of a slot's month that are not in memory.
func (m *model) onlyInFile(i Index, slot meter.Slot) bool {
	for _, month := range m.months {
		if month.Window.Rows().Contains(slot) {
			return len(month.file[i]) > 0 && !month.recalled[i]
		}
	}
	return false
}

// between judges whether registers rise from whatever was accepted before to whatever
// was accepted after.
func (m *model) between(i Index, first, last meter.Point) Verdict {
	slots := slices.Sorted(maps.Keys(m.known[i]))
	for _, slot := range slices.Backward(slots) {
		if register := m.known[i][slot]; slot < first.Slot {
			if first.Register.Cmp(register) < 0 {
				return Verdict{BelowEarlier, meter.Point{Slot: slot, Register: register}}
			}
			break
		}
	}
	for _, slot := range slots {
		if register := m.known[i][slot]; slot > last.Slot {
			if last.Register.Cmp(register) > 0 {
				return Verdict{AboveLater, meter.Point{Slot: slot, Register: register}}
			}
			break
		}
	}
	return Verdict{}
}

func (m *model) recall(name meter.Month, revision uint32, i Index) Verdict {
	month := m.months[name]
	if month == nil || month.Revision != revision || len(month.file[i]) == 0 || month.recalled[i] {
		return Verdict{Outcome: StaleRecall}
	}
	if w := month.Window.Rows(); m.hold != nil && m.hold.Window.From <= w.To && w.From <= m.hold.Window.To {
		return Verdict{Outcome: Held}
	}
	for _, p := range month.file[i] {
		put(m.memory, i, p)
	}
	month.recalled[i] = true
	return Verdict{}
}

func (m *model) begin(h Hold) Verdict {
	if h.ID.Term != Term || m.hold != nil && *m.hold != h {
		return Verdict{Outcome: Over}
	}
	m.hold = &h
	return Verdict{}
}

func (m *model) stands(id HoldID) bool { return m.hold != nil && m.hold.ID == id }

func (m *model) free(id HoldID) Verdict {
	if !m.stands(id) {
		return Verdict{Outcome: Over}
	}
	m.hold = nil
	return Verdict{}
}

func (m *model) covers(w meter.Window) bool {
	return m.hold.Window.From <= w.From && w.To <= m.hold.Window.To
}

func (m *model) close(a MonthArchive, file monthFile) Verdict {
	month := m.months[a.Month]
	switch {
	case month != nil && month.MonthArchive == a:
		return Verdict{}
	case !m.covers(a.Window.Rows()), month == nil && a.Revision != 1, month != nil && a.Revision != month.Revision+1:
		return Verdict{Outcome: Over}
	}
	m.months[a.Month] = &modelMonth{a, file, make(map[Index]bool), false}
	for i := range m.memory {
		maps.DeleteFunc(m.memory[i], func(slot meter.Slot, _ meter.Register) bool { return a.Window.Rows().Contains(slot) })
	}
	return Verdict{}
}

func (m *model) adopt(a MonthArchive, file monthFile) Verdict {
	if !m.covers(a.Window.Rows()) {
		return Verdict{Outcome: Over}
	}
	if m.months[a.Month] != nil {
		return Verdict{Outcome: NotAdopted}
	}
	for i := range m.memory {
		for slot := range m.memory[i] {
			if a.Window.Rows().Contains(slot) {
				return Verdict{Outcome: NotAdopted}
			}
		}
	}
	for _, i := range slices.Sorted(maps.Keys(file)) {
		if m.between(i, file[i][0], file[i][len(file[i])-1]).Outcome != Accepted {
			return Verdict{NotAdopted, file[i][0]}
		}
	}
	for i, rows := range file {
		for _, p := range rows {
			put(m.known, i, p)
		}
	}
	m.months[a.Month] = &modelMonth{a, file, make(map[Index]bool), false}
	return Verdict{}
}

// wantNothingLost looks for every reading that was accepted: in memory, or in the file
// of its month.
func (m *model) wantNothingLost(t fataler, s *Store) {
	if !s.written.Equal(m.at) {
		t.Fatalf("the newest writing was at %v, not %v", s.written, m.at)
	}
	for i, all := range m.known {
		for slot, register := range all {
			if got, ok := s.At(i, slot); ok && got == register {
				continue
			}
			p := meter.Point{Slot: slot, Register: register}
			if archived, closed := s.Month(slot); !closed || !slices.Contains(m.months[archived.Month].file[i], p) {
				t.Fatalf("meter %d: the reading %v, %v was accepted and is lost", i, slot, register)
			}
		}
	}
}

// wantSameArrivals asks of each half hour when its last reading came.
func (m *model) wantSameArrivals(t fataler, s *Store) {
	first, some := s.FirstArrival()
	if some != (len(m.came) > 0) || some && first != slices.Min(slices.Collect(maps.Keys(m.came))) {
		t.Fatalf("the first reading that came is of %d, %v", first, some)
	}
	for slot := meter.Slot(closedFrom - 10); slot < closedFrom+(historyMonths+1)*monthSlots; slot++ {
		w, came := meter.Window{From: slot, To: slot}, m.came[slot]
		if s.CameSince(w, came) || came > 0 && !s.CameSince(w, came-1) {
			t.Fatalf("the last reading of %d was not number %d", slot, came)
		}
	}
}

// wantSameMemory compares what is in memory.
func (m *model) wantSameMemory(t fataler, s *Store) {
	readings := 0
	for i, all := range m.memory {
		readings += len(all)
		for slot, register := range all {
			if got, ok := s.grid.at(i, slot); !ok || got != register {
				t.Fatalf("meter %d: %v is not in memory", i, slot)
			}
		}
	}
	if _, got := s.Counts(); got != uint64(readings) {
		t.Fatalf("%d readings are in memory, want %d", got, readings)
	}
}

// wantSamePast compares what was corrected, and looks for the months that must be closed again.
func (m *model) wantSamePast(t fataler, s *Store) {
	for i, of := range m.edits {
		var want []Past
		for _, slot := range slices.Sorted(maps.Keys(of)) {
			want = append(want, of[slot]...)
		}
		if got := s.History(i, meter.Window{To: slotMax}); !slices.Equal(got, want) {
			t.Fatalf("the history of meter %d is\n%v, want\n%v", i, got, want)
		}
	}
	for name, month := range m.months {
		if month.late && !slices.Contains(s.LateMonths(), name) {
			t.Fatalf("%s is not late", name)
		}
	}
	for i, all := range m.known {
		if len(all) > 0 && s.Latest(i).Slot != slices.Max(slices.Collect(maps.Keys(all))) {
			t.Fatalf("the latest reading of meter %d is of %d", i, s.Latest(i).Slot)
		}
	}
}

func TestNothingThatWasAcceptedIsLost(t *testing.T) {
	met := make(map[string]int)
	rapid.Check(t, func(t *rapid.T) {
		h, begin := newHistorian(t, met)
		m, closed := newModel(), met["months"]
		add := func(e entry) {
			want := e.effect(m)
			if got := h.add(t, e); !slices.Equal(got, want) {
				t.Fatalf("entry % x: %v, want %v", e.bytes, got, want)
			}
			if met["months"] > closed {
				closed = met["months"]
				m.wantNothingLost(t, h.s)
			}
			if kindName(e.bytes) == "kind 26" && want[0].Outcome == Accepted {
				m.wantSamePast(t, h.s)
			}
		}
		add(h.level())
		for _, e := range begin {
			add(e)
		}
		for range rapid.SampledFrom(lengths).Draw(t, "entries") {
			add(h.next())
		}
		m.wantNothingLost(t, h.s)
		m.wantSameMemory(t, h.s)
		m.wantSameArrivals(t, h.s)
		m.wantSamePast(t, h.s)
	})
	wantMet(t, met, "from close", "from adopt", "closed again", "revised bills", "later bills")
}
