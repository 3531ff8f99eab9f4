package store

import (
	"encoding/binary"
	"slices"

	"meterledger/internal/meter"
)

// maintenance is a run of a historian. It does not look at its verdicts: what has lost
// its hold goes on, and nothing may come of it.
type maintenance struct {
	hold      Hold
	month     meter.Month
	kind      string // close, adopt or day
	begun     bool
	written   bool
	intended  bool
	done      bool
	later     bool // a bill of a later month changes with it
	file      monthFile
	archive   MonthArchive
	summaries []SummaryOf
	bills     []BillOf
}

func (r *maintenance) sum() (sum [32]byte) {
	binary.BigEndian.PutUint64(sum[:], r.hold.ID.Number)
	return sum
}

// maintain draws the next step of a run.
func (h *historian) maintain() entry {
	if len(h.runs) == 0 || len(h.runs) == 1 && h.between(0, 19) == 0 {
		h.runs = append(h.runs, h.run())
	}
	place := h.between(0, len(h.runs)-1)
	r := h.runs[place]
	switch {
	case !r.begun || h.between(0, 19) == 0 && h.s.hold == r.hold:
		r.begun = true
		return entry{AppendHold(nil, r.hold), func(m *model) []Verdict { return one(m.begin(r.hold)) }}
	case r.done && h.between(0, 3) > 0, h.between(0, 29) == 0:
		h.runs = slices.Delete(h.runs, place, place+1)
		return entry{AppendFree(nil, r.hold.ID), func(m *model) []Verdict { return one(m.free(r.hold.ID)) }}
	}
	return h.under(r)
}

// run draws a run that has not begun.
func (h *historian) run() *maintenance {
	h.numbers++
	r := &maintenance{month: h.month(), kind: pick(h, "close", "close", "close", "adopt", "adopt", "day")}
	r.hold = Hold{h.holdID(), windowOf(r.month).Rows()}
	if r.kind == "day" {
		r.hold.Window = NoWindow
	}
	switch h.between(0, 19) {
	case 0:
		r.hold.ID.Term = pick(h, 0, r.hold.ID.Term+1)
	case 1:
		r.hold.Window.To-- // does not cover its month
	case 2:
		r.hold.Window.To += monthSlots // covers two
	}
	return r
}

// under draws the next step, mostly under the run's own hold. One under another hold
// that does not stand, or under none, is done once more.
func (h *historian) under(r *maintenance) entry {
	guise, begun := h.between(0, 15), h.s.level < LevelHolds
	before := *r
	step := h.step(r)
	switch {
	case begun && guise%2 == 0:
		return entry{bytes: step.bytes}
	case guise > 3:
		return h.named(r.hold.ID, step)
	}
	*r = before
	if guise == 0 {
		return entry{step.bytes, func(*model) []Verdict { return one(Verdict{Outcome: Over}) }}
	}
	id := r.hold.ID
	wrong := []HoldID{{}, {id.Term, id.Incarnation, id.Number - 1}, {id.Term + 1, id.Incarnation, id.Number}}[guise-1]
	if h.s.hold != noHold && h.s.hold.ID == wrong {
		wrong.Incarnation++
	}
	return h.named(wrong, step)
}

func (h *historian) named(id HoldID, step entry) entry {
	return entry{append(AppendUnder(nil, id), step.bytes...), func(m *model) []Verdict {
		if !m.stands(id) {
			return one(Verdict{Outcome: Over})
		}
		return step.effect(m)
	}}
}

func accepts(*model) []Verdict { return one(Verdict{}) }

// step returns the next entry of a run, which stands under its hold.
func (h *historian) step(r *maintenance) entry {
	if !r.written {
		h.write(r)
	}
	switch {
	case len(r.summaries) > 0:
		part := r.summaries[:min(2, len(r.summaries))]
		r.summaries = r.summaries[len(part):]
		return entry{h.s.level.AppendSummaries(nil, r.month, part), accepts}
	case len(r.bills) > 0:
		part := r.bills[:1]
		r.bills = r.bills[1:]
		return entry{AppendBills(nil, r.month, account.RegisteredAt, part), accepts}
	case !r.intended:
		r.intended = true
		return entry{AppendIntent(nil, pick(h, r.month.Period(), r.month.Period(), meter.Period{}), r.sum()), accepts}
	}
	r.done = true
	switch r.kind {
	case "day":
		day := meter.Day{Year: r.month.Year, Month: r.month.Month, Day: int(r.hold.ID.Number%28 + 1)}
		if r.hold.ID.Number%4 == 0 { // as it was written before there were arrivals
			return entry{appendArchive(appendDay([]byte{byte(kindDay)}, day), r.archive.Archive), accepts}
		}
		return entry{AppendDay(nil, DayArchive{day, r.archive.Archive, h.s.Arrivals()}), accepts}
	case "adopt":
		return entry{AppendAdopt(nil, r.archive), func(m *model) []Verdict { return one(m.adopt(r.archive, r.file)) }}
	}
	return entry{AppendClose(nil, r.archive), func(m *model) []Verdict { return one(m.close(r.archive, r.file)) }}
}

// write makes the run's file, and what the journal learns of it.
func (h *historian) write(r *maintenance) {
	r.written = true
	r.archive = MonthArchive{
		Month: r.month, Window: windowOf(r.month), Revision: 1,
		Archive: Archive{Rows: 1, SHA256: r.sum(), WrittenAt: account.RegisteredAt.AddDate(0, 0, int(r.hold.ID.Number))},
	}
	if r.kind == "day" {
		return
	}
	if r.file = h.found(r); r.kind == "close" {
		if m := h.s.closedMonth(r.month); m != nil {
			r.archive.Revision = m.Revision + 1
		}
		r.file = h.divide(r.archive)
	}
	for i := range Index(h.accounts) {
		if rows := r.file[i]; len(rows) > 0 {
			summary := h.summarize(i, rows, r.archive.Window.To)
			r.summaries = append(r.summaries, SummaryOf{i, summary})
			bills := issued(h.s, i, r.month, summary)
			r.bills = append(r.bills, bills...)
			r.later = r.later || slices.ContainsFunc(bills, func(b BillOf) bool { return b.Month != r.month })
		}
	}
}

// divide merges a month's file with memory, a meter's rows being in one of them.
func (h *historian) divide(m MonthArchive) monthFile {
	file := make(monthFile)
	for i := range Index(h.accounts) {
		known := h.s.Read(i, m.Window.Rows(), nil)
		rows := known.Points
		if len(known.Archives) > 0 {
			rows = slices.Clone(h.files[m.Month][i])
			for _, p := range known.Points { // below LevelHolds
				if len(rows) == 0 || p.Slot > rows[len(rows)-1].Slot {
					rows = append(rows, p)
				}
			}
		}
		if len(rows) > 0 {
			file[i] = rows
		}
	}
	return file
}

// found is a file of two meters that somebody put into the folder. One of them does
// not always fit what is known.
func (h *historian) found(r *maintenance) monthFile {
	file := make(monthFile)
	w := windowOf(r.month)
	for i := range Index(2) {
		for slot := w.From; slot < w.To; slot += 7 {
			register, _ := meter.RegisterFromParts(10*int64(slot-closedFrom+100)+int64(r.hold.ID.Number%10), 3)
			if next, known := h.s.At(i, w.To); !known || register.Cmp(next) <= 0 {
				file[i] = append(file[i], meter.Point{Slot: slot, Register: register})
			}
		}
	}
	if r.hold.ID.Number%4 == 0 && len(file[0]) > 0 {
		file[0][0].Register = meter.Register{}
	}
	return file
}

func (h *historian) summarize(i Index, rows []meter.Point, to meter.Slot) Summary {
	sum := SumOf(rows)
	if next, known := h.s.At(i, to); known {
		rows = append(slices.Clone(rows), meter.Point{Slot: to, Register: next})
	}
	return Summary{Count: uint16(len(rows)), Sum: sum, First: rows[0], Last: rows[len(rows)-1]}
}

// issued are the bills that a closing with a summary issues, and that must be written down.
func issued(s *Store, i Index, month meter.Month, summary Summary) (bills []BillOf) {
	all, dials := s.Bills(i, nil)
	if !slices.ContainsFunc(all, func(of ClosedBill) bool { return of.Month == month }) {
		all = append(all, ClosedBill{Month: month})
		slices.SortFunc(all, func(a, b ClosedBill) int { return a.Month.Compare(b.Month) })
	}
	var before *Figures
	for _, of := range all {
		figures := of.Figures
		if of.Month == month {
			figures = summary.figures()
		} else if of.Closes {
			if figures.End.Slot < of.Closing.Slot {
				figures.Readings++
			}
			figures.End = of.Closing
		}
		if of.Month != month && of.Revision == 0 {
			continue
		}
		if before != nil {
			figures.Start = before.End
		}
		figures = figures.Over(dials)
		bill := of.revised(figures, account.RegisteredAt)
		if of.Month == month && (bill.Revision > 1 || !figures.Equal(summary.figures())) || of.Month != month && !figures.Equal(of.Figures) {
			bills = append(bills, BillOf{of.Month, i, figures})
		}
		before = &figures
	}
	return bills
}
