package store

import (
	"hash/fnv"
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
	shared modelShared
	count  uint64                                  // of accepted readings
	came   map[meter.Slot]uint64                   // which of them was the last of a half hour
	known  map[Index]map[meter.Slot]meter.Register // accepted, or in a file that was adopted
	memory map[Index]map[meter.Slot]meter.Register
	months map[meter.Month]*modelMonth
	edits  map[Index]map[meter.Slot][]Past
	lives  map[Index]life
	kept   []Refusal // in order of arrival

	resolved map[[3]uint32]Resolution

	credentials []meter.Credential // in the order of their issue
	accounts    map[Index][]change // of owners
}

type modelMonth struct {
	MonthArchive
	file     monthFile
	recalled map[Index]bool
	late     bool
}

func newModel() *model {
	return &model{
		shared: modelShared{term: Alone, digest: fnv.New64a()},
		lives:  make(map[Index]life), ids: make(map[meter.ID]bool), months: make(map[meter.Month]*modelMonth), resolved: make(map[[3]uint32]Resolution), came: make(map[meter.Slot]uint64),
		known: make(map[Index]map[meter.Slot]meter.Register), memory: make(map[Index]map[meter.Slot]meter.Register),
		edits: make(map[Index]map[meter.Slot][]Past), accounts: make(map[Index][]change),
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

func (m *model) resolve(r Resolution) Verdict {
	key := [...]uint32{uint32(r.Meter), uint32(r.Rule), uint32(r.From)}
	before, some := m.resolved[key]
	news := false
	for n, k := range m.kept {
		if r.Rule == meter.RuleDecreasing && k.Meter == r.Meter {
			news = news || !k.IsSeen && !k.IsConflict
			m.kept[n].IsSeen = true
		}
	}
	if some && !news && before.Ruling == r.Ruling && before.Reason == r.Reason && before.By == r.By {
		return Verdict{Outcome: Duplicate}
	}
	m.resolved[key] = r
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
		if place := m.affirmed(r, restored); v.Outcome == Accepted && place >= 0 {
			m.affirm(r, place)
		} else if v.Outcome == Accepted {
			m.arrive(r.Slot)
			if m.lives[r.Meter].limits != (meter.Limits{}) || m.lives[r.Meter].dials != nil {
				m.follow(r, restored)
				m.comes(r.Meter, meter.Point{Slot: r.Slot, Register: r.Register})
			}
			put(m.known, r.Meter, meter.Point{Slot: r.Slot, Register: r.Register})
			put(m.memory, r.Meter, meter.Point{Slot: r.Slot, Register: r.Register})
		}
		if v.Outcome == Accepted || v.Outcome == Duplicate {
			m.forget(r)
		}
		verdicts = append(verdicts, v)
	}
	return verdicts
}

func (m *model) refuse(limit uint32, part []Refusal) Verdict {
	for _, r := range part {
		if !slices.ContainsFunc(m.kept, func(k Refusal) bool { return k.Reading == r.Reading }) {
			m.kept = append(m.kept, r)
		}
		m.trim(int(limit))
	}
	m.trim(int(limit))
	return Verdict{}
}

// trim lets the oldest go, and marks the next of their meters.
func (m *model) trim(limit int) {
	for len(m.kept) > limit {
		gone := &m.kept[0]
		gone.HasLost = gone.HasLost || !gone.IsConflict
		m.forget(gone.Reading)
	}
}

func (m *model) forget(r Reading) {
	place := slices.IndexFunc(m.kept, func(k Refusal) bool { return k.Reading == r })
	if place < 0 {
		return
	}
	gone := m.kept[place]
	m.kept = slices.Delete(m.kept, place, place+1)
	if next := slices.IndexFunc(m.kept, func(k Refusal) bool { return k.Meter == r.Meter }); gone.HasLost && next >= 0 {
		m.kept[next].HasLost = true
	}
}

func (m *model) judge(r Reading, restored bool) Verdict {
	recorded, taken := m.known[r.Meter][r.Slot]
	switch {
	case m.shut && !restored:
		return Verdict{Outcome: NotReceiving}
	case m.hold != nil && m.hold.Window.Contains(r.Slot):
		return Verdict{Outcome: Held}
	case m.replaced(r), restored && slices.Contains(m.lives[r.Meter].displaced, meter.Point{Slot: r.Slot, Register: r.Register}):
		return Verdict{Outcome: Duplicate}
	case m.onlyInFile(r.Meter, r.Slot):
		return Verdict{Outcome: Archived}
	case m.affirmed(r, restored) >= 0:
		return Verdict{}
	case taken && recorded == r.Register, m.isNew(r):
		return Verdict{Outcome: Duplicate}
	case taken:
		return Verdict{Conflict, meter.Point{Slot: r.Slot, Register: recorded}}
	}
	v, _ := m.fit(r, restored)
	return v
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

// rises reports whether totals rise from whatever was accepted before some of a meter's rows
// to whatever was accepted after them.
func (m *model) rises(i Index, rows []meter.Point) bool {
	d, first, last := m.lifeOf(i).dials, rows[0], rows[len(rows)-1]
	before, after := m.near(i, first.Slot).before, m.near(i, last.Slot).after
	return (before == nil || d.Total(*before).Cmp(d.Total(first)) <= 0) && (after == nil || d.Total(*after).Cmp(d.Total(last)) >= 0)
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
	if !m.grants(h.ID) || m.hold != nil && *m.hold != h {
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
		if !m.rises(i, file[i]) {
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
	for key, want := range m.resolved {
		if got, _ := s.Resolution(Index(key[0]), meter.Rule(key[1]), meter.Slot(key[2])); got != want {
			t.Fatalf("the verdict on an exception is %v, not %v", got, want)
		}
	}
	m.wantSameCredentials(t, s)
	m.wantSameOwners(t, s)
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

// wantSameRefusals compares what is kept, in order of arrival.
func (m *model) wantSameRefusals(t fataler, s *Store) {
	if got := slices.Collect(s.refusals.all); !slices.Equal(got, m.kept) {
		t.Fatalf("the refusals %v are kept, want %v", got, m.kept)
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

func TestNothingThatWasAcceptedIsLost(t *testing.T) {
	met := make(map[string]int)
	rapid.Check(t, func(t *rapid.T) {
		h, begin := newHistorian(t, met)
		m, closed := newModel(), met["months"]
		add := func(e entry) {
			want := e.effect(m)
			m.roll(want)
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
			m.wantSameRefusals(t, h.s)
		}
		add(h.level())
		for _, e := range begin {
			add(e)
		}
		for range rapid.SampledFrom(lengths).Draw(t, "entries") {
			add(h.next())
		}
		m.wantSameShared(t, h.s)
		m.wantNothingLost(t, h.s)
		m.wantSameMemory(t, h.s)
		m.wantSameArrivals(t, h.s)
		m.wantSamePast(t, h.s)
	})
	wantMet(t, met, "from close", "from adopt", "closed again", "revised bills", "later bills", "taken of the refused")
}
