package tour

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/dsnet/try"
	"github.com/shopspring/decimal"

	"meterledger/api"
	"meterledger/internal/meter"
	"meterledger/internal/tools/caller"
	"meterledger/internal/tools/suite/programs"
	"meterledger/internal/tools/witness"
)

const (
	pieceRows  = 500         // readings in one bulk post
	pieceAgain = time.Second // how long a meter waits before it sends rows again
	pieceTries = 10
)

// tally counts what became of readings.
type tally struct{ source, later, posted, accepted, duplicates, refused int }

func (s *tally) add(o tally) {
	*s = tally{s.source + o.source, s.later + o.later, s.posted + o.posted, s.accepted + o.accepted, s.duplicates + o.duplicates, s.refused + o.refused}
}

func (t *tour) registerAll() {
	for _, h := range t.homes {
		got := try.E1(t.api.Register(t.ctx, h.id, "Household "+h.source.ID, "London"))
		try.E(got.Into("registering "+string(h.id), &struct{}{}))
	}
	t.say("%d households: %s to %s", len(t.homes), t.homes[0].id, t.homes[len(t.homes)-1].id)
}

// feed has the first household post every reading by itself. The others send theirs in pieces; every other
// one begins with the newest, as a meter does that was cut off and sends what it has buffered afterwards.
func (t *tour) feed() {
	row := func(home any, way string, columns ...any) {
		t.say("%-10s %-18s %8v %9v %9v %9v %11v %8v", append([]any{home, way}, columns...)...)
	}
	row("household", "sent as", "source", "later", "posted", "accepted", "duplicates", "refused")
	var total tally
	for i, h := range t.homes {
		pieces := slices.Collect(slices.Chunk(h.placed.Readings, pieceRows))
		way, send := "CSV, in order", t.sendPiece
		switch {
		case i == 0:
			way, send = "one by one", t.sendSingly
		case i%2 == 0:
			way = "CSV, newest first"
			slices.Reverse(pieces)
		}
		sum, refused := tally{source: len(h.source.Intervals), later: h.placed.Later}, &caller.Refusals{}
		for _, piece := range pieces {
			send(h, piece, &sum, refused)
		}
		slices.SortFunc(h.accepted, func(a, b meter.Reading) int { return bySlot(a, b.Slot) })
		sum.refused = refused.Total()
		row(h.id, way, sum.source, sum.later, sum.posted, sum.accepted, sum.duplicates, sum.refused)
		refused.Say(t.say)
		t.account(h, sum)
		total.add(sum)
	}
	row("total", "", total.source, total.later, total.posted, total.accepted, total.duplicates, total.refused)
	t.say("later: half hours of the source that fall after now; not posted, and not lost.")
	missing := 0
	for _, h := range t.homes {
		for _, g := range h.gaps(t.last) {
			missing += g.HalfHours
		}
	}
	t.say("%d half hours are missing in the source: the answers that span them are not complete.", missing)
}

// account makes sure that nothing is unaccounted for.
func (t *tour) account(h *home, sum tally) {
	for _, r := range h.placed.Refused {
		t.say("  not sent: %s kWh at %s %v", r.Register.Value, t.zone.Stamp(r.Slot), r.Reason)
	}
	if lost := sum.posted - sum.accepted - sum.duplicates - sum.refused; lost != 0 {
		t.differ("%s: %d readings were posted and %d of them neither accepted nor refused", h.id, sum.posted, lost)
	}
	if n := sum.posted + sum.later + len(h.placed.Refused); n != sum.source {
		t.differ("%s: the source has %d intervals, %d are accounted for", h.id, sum.source, n)
	}
}

// written is a reading as it is sent.
func (t *tour) written(r meter.Reading) witness.Reading {
	return witness.Reading{Meter: r.Meter, Stamp: t.zone.Stamp(r.Slot), Register: r.Register.String()}
}

func (t *tour) sendSingly(h *home, readings []meter.Reading, sum *tally, refused *caller.Refusals) {
	for _, r := range readings {
		got := try.E1(t.api.Record(t.ctx, t.written(r)))
		sum.posted++
		if !got.OK() {
			refused.Add(got.Problem())
			continue
		}
		sum.accepted++
		h.accepted = append(h.accepted, r)
	}
}

// sendPiece posts readings, and again those that are answered with "not now", until patience ends.
func (t *tour) sendPiece(h *home, piece []meter.Reading, sum *tally, refused *caller.Refusals) {
	numbers := make([]int, len(piece))
	for n := range piece {
		numbers[n] = n
	}
	d := caller.Delivery{
		Pause: t.pieceAgain, Tries: pieceTries,
		Row: func(b []byte, n int) []byte { return append(append(b, t.written(piece[n]).CSV()...), '\n') },
		Fate: func(n int, fate caller.Fate, why api.Problem) {
			switch fate {
			case caller.Acknowledged:
				h.accepted = append(h.accepted, piece[n])
			case caller.Refused:
				refused.Add(why)
			default:
				try.E(fmt.Errorf("posting a piece: %s: %s", why.Code, why.Detail))
			}
		},
	}
	counts := try.E1(d.Deliver(t.ctx, t.api, numbers))
	sum.add(tally{posted: len(piece), accepted: counts.Accepted, duplicates: counts.Duplicates})
}

// mistake is a reading of a broken meter, and the code of its refusal; with none it must be taken.
type mistake struct {
	name, meterID, timestamp, reading string

	code meter.Code
}

func (t *tour) mistakes() []mistake {
	h := t.homes[0]
	id, known := string(h.id), h.placed.Readings[0]
	missing := known.Slot // a half hour of which there is no reading yet
	if gaps := h.gaps(t.last); len(gaps) > 0 {
		missing = h.first + meter.Slot(gaps[0].First)
	}
	at, free := t.zone.Stamp(known.Slot), t.zone.Stamp(missing)
	offGrid := t.zone.StampTime(t.zone.Time(known.Slot).Add(10 * time.Minute))
	tomorrow := t.zone.Stamp(t.last + meter.SlotsPerDay)
	register := known.Register
	other := register.Decimal().Add(decimal.New(1, -3))
	return []mistake{
		{"off the half hours", id, offGrid, register.String(), meter.CodeInvalidTimestamp},
		{"a day ahead", id, tomorrow, "9999", meter.CodeInvalidTimestamp},
		{"less than before", id, free, "1", meter.CodeReadingDecreases},
		{"another value", id, at, other.String(), meter.CodeReadingConflict},
		{"unknown meter", "MAC999999", at, "1", meter.CodeMeterNotFound},
		{"negative", id, free, "-1", meter.CodeInvalidReading},
		{"not a number", id, free, "NaN", meter.CodeInvalidReading},
		{"ten decimals", id, free, "1000.0123456789", meter.CodeInvalidReading},
		{"sent again", id, at, register.String(), ""},
	}
}

// postMistakes posts mistakes. That they change nothing is seen when consumption is compared.
func (t *tour) postMistakes() {
	for _, m := range t.mistakes() {
		got := try.E1(t.api.Record(t.ctx, witness.Reading{Meter: meter.ID(m.meterID), Stamp: m.timestamp, Register: m.reading}))
		t.say("%-19s %s  %s  %s kWh", m.name, m.meterID, minutes(m.timestamp), m.reading)
		t.wrap("                    → ", strings.Fields(got.String()))
		var code meter.Code
		if !got.OK() {
			code = got.Code()
		}
		if code != m.code {
			t.differ("%s: answered with code %q, where it should be %q", m.name, code, m.code)
		}
	}
}

// maintain archives yesterday and closes last month, and compares both archives row by row.
func (t *tour) maintain() {
	yesterday := t.zone.DayOf(t.last).AddDays(-1)
	t.perform(t.daily, "daily", url.Values{"date": {yesterday.String()}}, t.zone.DayWindow(yesterday))
	t.perform(t.monthly, "monthly", url.Values{"month": {t.lastMonth.String()}}, t.zone.MonthWindow(t.lastMonth))
}

func (t *tour) perform(c *caller.Caller, program string, query url.Values, w meter.Window) {
	got := try.E1(c.Post(t.ctx, "/perform_"+program+"_maintenance", query))
	var done api.PerformResult
	try.E(got.Into(program+" maintenance", &done))
	path := filepath.Join(programs.ArchiveDir(t.folder), filepath.Base(done.ArchivePath))
	text := string(try.E1(os.ReadFile(path)))
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	t.say("%-8s %s  %d rows, %d bytes", program, path, len(lines)-1, len(text))
	t.say("         %s", done.Message)
	t.rows += len(lines) - 1
	want := t.archived(w)
	same := 0
	for same < min(len(lines), len(want)) && lines[same] == want[same] {
		same++
	}
	if same < max(len(lines), len(want)) {
		t.differ("%s has %d rows where %d were accepted; they differ from line %d on", path, len(lines)-1, len(want)-1, same+1)
	}
}

// archived is what an archive must hold, line by line. Its last register belongs to the next period.
func (t *tour) archived(w meter.Window) []string {
	lines := []string{witness.CSVHeader}
	for _, h := range t.homes { // in the order of their ids
		for _, r := range h.within(meter.Window{From: w.From, To: w.To - 1}) {
			lines = append(lines, t.written(r).CSV())
		}
	}
	return lines
}
