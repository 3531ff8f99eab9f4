package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"meterledger/internal/meter"
)

const (
	pieceRows  = 500         // readings in one bulk post
	pieceAgain = time.Second // how long a meter waits before it sends rows again
)

// tally counts what became of the readings that were posted.
type tally struct {
	posted, accepted, duplicates int

	refused map[meter.Code]refusals
}

// refusals counts the readings that were refused with one code.
type refusals struct {
	count  int
	detail string // of the first of them
}

func (t *tally) refuse(code meter.Code, detail string) {
	if t.refused == nil {
		t.refused = map[meter.Code]refusals{}
	}
	r, known := t.refused[code]
	if !known {
		r.detail = detail
	}
	r.count++
	t.refused[code] = r
}

func (t *tally) refusedTotal() int {
	n := 0
	for _, r := range t.refused {
		n += r.count
	}
	return n
}

// way is how a meter sends its readings.
type way struct {
	name string
	send func(*tour, context.Context, *home, *tally) error
}

// wayOf has the first household post every reading by itself. The others send
// theirs in pieces; every other one begins with the newest, as a meter does that
// was cut off and sends what it has buffered afterwards.
func wayOf(i int) way {
	switch {
	case i == 0:
		return way{"one by one", (*tour).sendSingly}
	case i%2 == 1:
		return way{"CSV, in order", (*tour).sendInOrder}
	default:
		return way{"CSV, newest first", (*tour).sendNewestFirst}
	}
}

func (t *tour) registerAll(ctx context.Context) error {
	for _, h := range t.homes {
		account := url.Values{"meter_id": {string(h.id)}, "owner_name": {"Household " + h.source.ID}, "address": {"London"}}
		got, err := t.caller.post(ctx, t.api+"/register_account", account)
		if err != nil {
			return fmt.Errorf("registering %s: %w", h.id, err)
		}
		if err := got.into("registering "+string(h.id), &struct{}{}); err != nil {
			return err
		}
	}
	t.say("%d households: %s to %s", len(t.homes), t.homes[0].id, t.homes[len(t.homes)-1].id)
	return nil
}

func (t *tour) feed(ctx context.Context) error {
	const row = "%-10s %-18s %8v %9v %9v %9v %11v %8v"
	t.say(row, "household", "sent as", "source", "later", "posted", "accepted", "duplicates", "refused")
	var source, later, posted, accepted, duplicates, refused int
	for i, h := range t.homes {
		way, sum := wayOf(i), tally{}
		if err := way.send(t, ctx, h, &sum); err != nil {
			return fmt.Errorf("posting the readings of %s: %w", h.id, err)
		}
		slices.SortFunc(h.accepted, func(a, b meter.Reading) int { return bySlot(a, b.Slot) })
		t.say(row, h.id, way.name, len(h.source.Intervals), h.placed.Later,
			sum.posted, sum.accepted, sum.duplicates, sum.refusedTotal())
		t.account(h, &sum)
		source, later = source+len(h.source.Intervals), later+h.placed.Later
		posted, accepted = posted+sum.posted, accepted+sum.accepted
		duplicates, refused = duplicates+sum.duplicates, refused+sum.refusedTotal()
	}
	t.say(row, "total", "", source, later, posted, accepted, duplicates, refused)
	t.say("later: half hours of the source that fall after now; not posted, and not lost.")
	return nil
}

// account names what was refused and makes sure that nothing is unaccounted for.
func (t *tour) account(h *home, sum *tally) {
	for _, code := range slices.Sorted(maps.Keys(sum.refused)) {
		r := sum.refused[code]
		t.say("  refused %d with %s, such as: %s", r.count, code, r.detail)
	}
	for _, r := range h.placed.Refused {
		t.say("  not sent: %s kWh at %s %v", r.Register.Value, t.zone.Stamp(r.Slot), r.Reason)
	}
	if lost := sum.posted - sum.accepted - sum.duplicates - sum.refusedTotal(); lost != 0 {
		t.differ("%s: %d readings were posted and %d of them neither accepted nor refused", h.id, sum.posted, lost)
	}
	if n := sum.posted + h.placed.Later + len(h.placed.Refused); n != len(h.source.Intervals) {
		t.differ("%s: the source has %d intervals, %d are accounted for", h.id, len(h.source.Intervals), n)
	}
}

func (t *tour) sendSingly(ctx context.Context, h *home, sum *tally) error {
	for _, r := range h.placed.Readings {
		got, err := t.caller.post(ctx, t.api+"/receive_meter_reading", url.Values{
			"meter_id": {string(h.id)}, "timestamp": {t.zone.Stamp(r.Slot)}, "reading": {r.Register.String()},
		})
		if err != nil {
			return err
		}
		sum.posted++
		if got.status != http.StatusOK {
			p := got.problem()
			sum.refuse(p.Code, p.Detail)
			continue
		}
		sum.accepted++
		h.accepted = append(h.accepted, r)
	}
	return nil
}

func (t *tour) sendInOrder(ctx context.Context, h *home, sum *tally) error {
	for piece := range slices.Chunk(h.placed.Readings, pieceRows) {
		if err := t.sendPiece(ctx, h, piece, sum); err != nil {
			return err
		}
	}
	return nil
}

func (t *tour) sendNewestFirst(ctx context.Context, h *home, sum *tally) error {
	pieces := slices.Collect(slices.Chunk(h.placed.Readings, pieceRows))
	for _, piece := range slices.Backward(pieces) {
		if err := t.sendPiece(ctx, h, piece, sum); err != nil {
			return err
		}
	}
	return nil
}

// verdicts is the api's answer to a bulk post.
type verdicts struct {
	Accepted   int `json:"accepted"`
	Duplicates int `json:"duplicates"`
	Rejected   int `json:"rejected"`
	Errors     []struct {
		Row int `json:"row"`
		problem
	} `json:"errors"`
}

// sendPiece posts a piece, and again the rows of it that are answered with "not
// now". They count as posted once they get another answer, or when patience ends.
func (t *tour) sendPiece(ctx context.Context, h *home, piece []meter.Reading, sum *tally) error {
	for try := 1; len(piece) > 0; try++ {
		v, err := t.postRows(ctx, piece)
		if err != nil {
			return err
		}
		piece = v.sort(h, piece, sum, try == triesMax)
		if len(piece) == 0 {
			return nil
		}
		if err := pause(ctx, t.pieceAgain); err != nil {
			return err
		}
	}
	return nil
}

func (t *tour) postRows(ctx context.Context, piece []meter.Reading) (v verdicts, err error) {
	var rows strings.Builder
	rows.WriteString("meter_id,timestamp,reading\n")
	for _, r := range piece {
		fmt.Fprintf(&rows, "%s,%s,%s\n", r.Meter, t.zone.Stamp(r.Slot), r.Register)
	}
	got, err := t.caller.postCSV(ctx, t.api+"/receive_meter_readings", rows.String())
	if err != nil {
		return v, err
	}
	return v, got.into("posting a piece", &v)
}

// sort counts what became of a piece and returns the rows to be sent again; at
// the last try there are none.
func (v verdicts) sort(h *home, piece []meter.Reading, sum *tally, isLast bool) (again []meter.Reading) {
	sum.posted += len(piece)
	sum.accepted += v.Accepted
	sum.duplicates += v.Duplicates
	refused := map[int]bool{}
	for _, e := range v.Errors {
		if e.Row < 1 || e.Row > len(piece) {
			continue // no such row: the counts will not add up, and that is told
		}
		refused[e.Row] = true
		if e.Code == meter.CodeMaintenanceRunning && !isLast {
			again = append(again, piece[e.Row-1])
			sum.posted--
			continue
		}
		sum.refuse(e.Code, e.Detail)
	}
	for i, r := range piece {
		if !refused[i+1] {
			h.accepted = append(h.accepted, r)
		}
	}
	return again
}
