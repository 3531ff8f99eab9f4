package store

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"meterledger/internal/meter"
)

// Histories are of three months of 60 half hours, which begin and end within a day.
const (
	closedFrom, closedTo = 48 * 20_000, closedFrom + monthSlots
	monthSlots           = 60
	historyMonths        = 3
)

// lengths are how many entries a history has, its accounts not counted.
var lengths = []int{5, 50, 300, 400, 500}

var september = meter.Month{Year: 2024, Month: 9}

func windowOf(m meter.Month) meter.Window {
	from := meter.Slot(closedFrom + monthSlots*(int(m.Month)-int(september.Month)))
	return meter.Window{From: from, To: from + monthSlots}
}

// entry is an entry of a history, and what the model makes of it.
type entry struct {
	bytes  []byte
	effect func(*model) []Verdict
}

func one(v Verdict) []Verdict { return []Verdict{v} }

// monthFile is what an archive holds of each meter.
type monthFile map[Index][]meter.Point

// historian draws entries that make sense together: readings that mostly rise, late
// ones with the recalls that they need, and runs of maintenance that do what a run
// does, step by step, among all else. Every entry is applied to its store by itself.
type historian struct {
	*rand.Rand // even, unlike what rapid draws, so that runs of maintenance come to their end

	s        *Store
	accounts int
	raises   bool // the level, at some time
	numbers  uint64
	runs     []*maintenance // two at the most, of which one at the most has its hold
	files    map[meter.Month]monthFile
	past     *Correction    // that was drawn last, to be asked again
	met      map[string]int // what happened, over all histories
}

func newHistorian(t *rapid.T, met map[string]int) (*historian, []entry) {
	h := &historian{Rand: rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)), s: drawStore(t), files: make(map[meter.Month]monthFile), met: met}
	var begin []entry
	for range pick(h, 4, 4, 4, 4, 4, 4, 300, 1100) {
		begin = append(begin, h.account(h.accounts))
	}
	return h, begin
}

// drawStore returns an empty store in which days become dense sooner or later. Its answers
// are the same either way.
func drawStore(t *rapid.T) *Store {
	s := New()
	s.grid.always = rapid.SampledFrom(worlds).Draw(t, "world")
	return s
}

// add applies an entry and returns its verdicts.
func (h *historian) add(t fataler, e entry) []Verdict {
	h.wantChecked(t, e.bytes)
	before := h.s.Months()
	verdicts := mustApply(t, h.s, e.bytes)
	for _, v := range verdicts {
		h.met[fmt.Sprint("outcome ", v.Outcome)]++
	}
	h.met[kindName(e.bytes)]++
	if kindName(e.bytes) == "kind 26" && verdicts[0].Outcome == Accepted {
		for _, edit := range h.past.Edits {
			if h.met["corrected"]++; h.s.monthAt(edit.Slot) != nil {
				h.met["corrected in a closed month"]++
			}
		}
	}
	h.look(before)
	return verdicts
}

// kindName names the kind of an entry, that under a hold if it names one.
func kindName(entry []byte) string {
	if kind(entry[0]) == kindUnder {
		entry = entry[len(AppendUnder(nil, HoldID{})):]
	}
	return fmt.Sprint("kind ", entry[0])
}

// look counts what a closing or an adoption has done.
func (h *historian) look(before []MonthArchive) {
	now := h.s.Months()
	if slices.Equal(before, now) {
		return
	}
	h.met["months"]++
	for _, m := range now {
		if slices.Contains(before, m) {
			continue
		}
		for _, r := range h.runs {
			if r.sum() != m.SHA256 {
				continue
			}
			h.files[m.Month] = r.file
			if h.met["from "+r.kind]++; r.later {
				h.met["later bills"]++
			}
		}
		if m.Revision > 1 {
			h.met["closed again"]++
		}
		for i := range Index(min(h.accounts, 4)) {
			if bill, _, _ := h.s.Bill(i, m.Month); bill.Revision > 1 {
				h.met["revised bills"]++
			}
		}
	}
}

func (h *historian) next() entry {
	kinds := []string{"account", "reading", "reading", "reading", "reading", "reading", "reading", "run", "run", "reception", "lift", "recall", "level", "writing", "life", "life", "refusals", "retaken", "resolution", "correction", "correction", "credential", "credential", "owner", "shared"}
	for len(kinds) < 38 {
		kinds = append(kinds, "maintenance")
	}
	switch kind := pick(h, kinds...); kind {
	case "account":
		return h.account(pick(h, h.accounts, h.accounts, 0))
	case "reading":
		return h.reading()
	case "run":
		return h.readings()
	case "recall":
		return h.recall(h.month(), h.meter())
	case "reception":
		on := h.between(0, 5) > 0
		return entry{AppendReception(nil, on), func(m *model) []Verdict { return one(m.reception(on)) }}
	case "level":
		if h.raises {
			return h.level()
		}
		return h.reading()
	case "writing":
		at, trusted := time.Unix(h.Int64N(1000), 0), h.between(0, 3) == 0
		return entry{AppendWriting(nil, at, trusted), func(m *model) []Verdict { return one(m.write(at, trusted)) }}
	case "correction":
		return h.correction()
	case "life":
		return h.live()
	case "refusals":
		return h.refusals()
	case "retaken":
		return h.retaken()
	case "resolution":
		return h.resolution()
	case "credential":
		return h.credential()
	case "owner":
		return h.owner()
	case "shared":
		return h.share()
	case "lift":
		return h.lift()
	default:
		return h.maintain()
	}
}

// resolution draws a verdict on one of few exceptions, in few words.
func (h *historian) resolution() entry {
	r := Resolution{
		Meter: h.meter(), Rule: pick(h, meter.RuleHigh, meter.RuleDecreasing), From: closedFrom, Ruling: pick(h, meter.AsItIs, meter.PutRight),
		Reason: pick(h, "a kiln", ""), At: time.Unix(h.Int64N(1000), 0),
	}
	return entry{AppendResolution(nil, r), func(m *model) []Verdict { return one(m.resolve(r)) }}
}

// between draws a number.
func (h *historian) between(from, to int) int { return from + h.IntN(to-from+1) }

// pick draws one of some.
func pick[T any](h *historian, of ...T) T { return of[h.IntN(len(of))] }

func (h *historian) level() entry {
	return entry{AppendLevel(nil, LevelNewest), func(*model) []Verdict { return one(Verdict{}) }}
}

func (h *historian) account(n int) entry {
	id := meter.ID(fmt.Sprint("M", n))
	if n == h.accounts && !h.s.refuses() {
		h.accounts++
	}
	b := AppendAccount(nil, meter.Account{ID: id, OwnerName: "Tan", Address: "Road", RegisteredAt: account.RegisteredAt})
	return entry{b, func(m *model) []Verdict { return one(m.account(id)) }}
}

func (h *historian) meter() Index {
	i := pick[Index](h, 0, 0, 1, 1, 2, 3, 255, 256, 1050)
	return i % Index(h.accounts)
}

func (h *historian) month() meter.Month {
	return september.Add(h.between(0, historyMonths-1))
}

// register draws one that mostly fits its slot. The fourth meter's are of any size.
func (h *historian) register(i Index, slot meter.Slot) meter.Register {
	if i == 3 {
		register, _ := meter.RegisterFromParts(h.Int64N(pick[int64](h, 10, 100_000, 1_000_000_000_000_000_000)), pick[uint8](h, 0, 3, 3, 9))
		return register
	}
	register, _ := meter.RegisterFromParts(10*int64(slot-closedFrom+100)+int64(h.between(0, 11)), 3)
	return register
}

// reading draws a reading, or the recall that it needs first.
func (h *historian) reading() entry {
	i, restored := h.meter(), h.between(0, 4) == 0
	slot := meter.Slot(closedFrom + 3*h.between(-1, historyMonths*monthSlots/3+3))
	r := Reading{i, slot, h.register(i, slot)}
	if v := h.s.Judge(r, restored); v.Outcome == Archived && h.between(0, 3) > 0 {
		month, _ := h.s.Month(slot)
		return h.recall(month.Month, i)
	}
	return entry{AppendReadings(nil, []Reading{r}, restored), func(m *model) []Verdict { return m.readings([]Reading{r}, restored) }}
}

func (h *historian) readings() entry {
	first := meter.Slot(closedFrom + h.between(0, historyMonths*monthSlots))
	restored := h.between(0, 4) == 0
	var readings []Reading
	for n := range packReadingsMin {
		i := h.meter() % 3
		slot := first + meter.Slot(n/2)
		readings = append(readings, Reading{i, slot, h.register(i, slot)})
	}
	return entry{AppendReadings(nil, readings, restored), func(m *model) []Verdict { return m.readings(readings, restored) }}
}

func (h *historian) recall(name meter.Month, i Index) entry {
	revision := uint32(1)
	if m := h.s.closedMonth(name); m != nil {
		revision = m.Revision
	}
	if h.between(0, 9) == 0 {
		revision += pick(h, 1, ^uint32(0))
	}
	rows := h.files[name][i]
	return entry{AppendRecall(nil, name, revision, i, rows), func(m *model) []Verdict { return one(m.recall(name, revision, i)) }}
}

// correction draws a correction of a meter's readings, or a recall that it needs first, or the
// last correction once more.
func (h *historian) correction() entry {
	restored := h.between(0, 4) == 0
	if h.past == nil || h.between(0, 5) > 0 {
		h.past = h.drawCorrection()
	}
	c := h.past
	if months := h.s.ToRecall(c, restored); len(months) > 0 && h.between(0, 3) > 0 {
		return h.recall(months[0].Month, c.Meter)
	}
	b := AppendCorrection(nil, c)
	if restored {
		b = AppendRestoredCorrection(nil, c)
	}
	return entry{b, func(m *model) []Verdict { return one(m.correct(c, restored)) }}
}

func (h *historian) drawCorrection() *Correction {
	c := &Correction{Meter: h.meter() % 4 % Index(h.accounts), Note: Note{At: time.Unix(h.Int64N(100), 0), By: pick(h, "", "Ann"), Reason: "a wrong dial"}}
	month := h.month()
	known := h.s.Read(c.Meter, windowOf(month).Rows(), nil)
	points := known.Points
	if len(known.Archives) > 0 {
		points = h.files[month][c.Meter]
	}
	points = append(slices.Clone(points), meter.Point{Slot: windowOf(month).To + meter.Slot(h.between(0, 9))})
	for place := pick(h, 0, h.between(0, len(points)-1)); place < len(points) && len(c.Edits) < 4; place += h.between(1, 2) {
		e := Edit{Slot: points[place].Slot, Before: points[place].Register, After: h.register(c.Meter, points[place].Slot)}
		if h.between(0, 20) == 0 {
			e.Before = e.After
		}
		if h.between(0, 2) == 0 {
			e.IsWithdrawn, e.After = true, meter.Register{}
		}
		if c.Edits = append(c.Edits, e); h.between(0, 1) == 0 {
			break
		}
	}
	return c
}

// refusals draws refused readings. The bound now and then leaves nearly none.
func (h *historian) refusals() entry {
	var part []Refusal
	for range h.between(0, 6) {
		i, slot := h.meter(), meter.Slot(closedFrom+3*h.between(0, historyMonths*monthSlots/3))
		part = append(part, Refusal{Reading: Reading{i, slot, h.register(i, slot)}, IsConflict: h.between(0, 2) == 0})
	}
	limit := pick[uint32](h, 0, 5, 20, 20, 20, 100, 100, 100)
	return entry{AppendRefusals(nil, limit, part), func(m *model) []Verdict { return one(m.refuse(limit, part)) }}
}

// retaken draws a reading that is kept as a refusal, if there is one.
func (h *historian) retaken() entry {
	kept := slices.Collect(h.s.refusals.all)
	if len(kept) == 0 {
		return h.refusals()
	}
	r := pick(h, kept...).Reading
	if v := h.s.Judge(r, true); v.Outcome == Accepted || v.Outcome == Duplicate {
		h.met["taken of the refused"]++
	}
	return entry{AppendReading(nil, r), func(m *model) []Verdict { return m.readings([]Reading{r}, false) }}
}

// lift frees whatever hold stands, as a start does.
func (h *historian) lift() entry {
	standing, _ := h.s.Hold()
	id := standing.ID
	return entry{AppendFree(nil, id), func(m *model) []Verdict { return one(m.free(id)) }}
}

// wantMet makes sure that histories have in them what they are there to try.
func wantMet(t *testing.T, met map[string]int, what ...string) {
	t.Helper()
	for o := Accepted; o <= Diverged; o++ {
		what = append(what, fmt.Sprint("outcome ", o))
	}
	what = append(what, "corrected", "corrected in a closed month")
	for _, w := range what {
		if met[w] < 3 {
			t.Errorf("%s came %d times, so these histories prove little", w, met[w])
		}
	}
	t.Logf("%v", met)
}
