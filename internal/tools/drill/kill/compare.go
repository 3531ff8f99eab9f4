package kill

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"

	"github.com/dsnet/try"

	"meterledger/api"
	"meterledger/internal/meter"
	"meterledger/internal/tools/caller"
	"meterledger/internal/tools/witness"
)

// comparers is how many meters are fetched at the same time.
const comparers = 4

// compare fetches everything from an api that nobody else uses, and holds it
// against the log.
func (g *generation) compare(ctx context.Context, url string) error {
	callers := caller.Several(comparers, *g.caller(url))
	if err := g.compareReception(ctx, callers[0]); err != nil {
		return err
	}
	homes := g.fleet.all()
	return caller.Each(ctx, callers, len(homes), func(ctx context.Context, _ int, c *caller.Caller, i int) error {
		return g.compareHome(ctx, c, homes[i])
	})
}

func (g *generation) compareHome(ctx context.Context, asked *caller.Caller, h *home) (err error) {
	defer try.Handle(&err)
	id := h.account.Meter
	answer := try.E1(asked.Get(ctx, "/account", url.Values{"meter_id": {string(id)}}))
	var there *witness.Account
	if answer.Status != http.StatusNotFound {
		var account api.Account
		try.E(answer.Into("the account of "+string(id), &account))
		there = &witness.Account{Meter: account.MeterID, Owner: account.OwnerName, Address: account.Address, Recorded: account.RegisteredAt}
	}
	g.findings.Violations("account", g.log.CompareAccount(id, there))
	found, _, err := asked.Readings(ctx, id, g.calendar.span())
	if err != nil {
		g.findings.Misbehaved("the readings of %s cannot be had: %v", id, err)
		return ctx.Err()
	}
	g.findings.Violations("api", g.log.Compare(id, g.calendar.span(), found))
	return nil
}

// compareReception makes sure that a shutdown survives an end, and a resumption too.
func (g *generation) compareReception(ctx context.Context, asked *caller.Caller) (err error) {
	defer try.Handle(&err)
	var status api.MaintenanceStatus
	try.E(try.E1(asked.Get(ctx, "/maintenance/status", nil)).Into("whether readings are received", &status))
	if g.reception.sure && status.IsReceivingData != g.reception.on {
		g.findings.Misbehaved("reception is on: %v, though the operator was told %v", status.IsReceivingData, g.reception.on)
	}
	g.reception = reception{status.IsReceivingData, true}
	return nil
}

// filed counts what stands in archives.
type filed struct{ files, rows int }

// finish has every month that has ended archived, and every day that the operator has
// ever archived, compares the answers once more, and then memory and the files:
// together they hold each reading once.
func (g *generation) finish(ctx context.Context) (total filed, err error) {
	defer try.Handle(&err)
	asked := g.caller(g.program.URL)
	defer asked.Close()
	for _, month := range g.calendar.months {
		g.archive(ctx, asked, url.Values{"maintenance_type": {"monthly"}, "month": {month}})
	}
	for _, day := range g.calendar.days {
		g.archive(ctx, asked, url.Values{"maintenance_type": {"daily"}, "date": {day}})
	}
	try.E(g.compare(ctx, g.program.URL))
	memory := make(map[meter.ID][]witness.Reading) // of this month, which no archive holds
	for _, h := range g.fleet.all() {
		if found, known := try.E2(asked.Readings(ctx, h.account.Meter, witness.Span{From: g.calendar.open, To: g.calendar.span().To})); known {
			memory[h.account.Meter] = found
		}
	}
	if err := g.program.Stop(); err != nil {
		g.findings.Misbehaved("%v", err)
	}
	return g.compareFiles(memory), nil
}

func (g *generation) archive(ctx context.Context, asked *caller.Caller, query url.Values) {
	if answer, err := asked.Post(ctx, startPath, query); err != nil || !answer.OK() {
		g.findings.Misbehaved("maintenance of %s%s: %v, %v", query.Get("date"), query.Get("month"), answer, err)
	}
}

// compareFiles compares the months together with memory, and the days, which are
// copies, each alone.
func (g *generation) compareFiles(memory map[meter.ID][]witness.Reading) (total filed) {
	for _, month := range g.calendar.months {
		for id, rows := range g.readFile("monthly_"+month+".csv", monthOf(month), &total) {
			memory[id] = append(memory[id], rows...)
		}
	}
	for _, day := range g.calendar.days {
		name := "daily_" + day + ".csv"
		g.compareAll(name, dayOf(day), g.readFile(name, dayOf(day), &total))
	}
	g.compareAll("memory and archives", g.calendar.span(), memory)
	return total
}

// readFile reads an archive, in which nothing may lie outside its own time.
func (g *generation) readFile(name string, span witness.Span, total *filed) map[meter.ID][]witness.Reading {
	found, err := readArchive(filepath.Join(g.archiveDir(), name))
	if err != nil {
		g.findings.Misbehaved("%v", err)
	}
	total.files++
	for id, rows := range found {
		total.rows += len(rows)
		if first, last := rows[0].Stamp, rows[len(rows)-1].Stamp; first < span.From || last > span.To {
			g.findings.Misbehaved("%s holds readings of %s from %s to %s", name, id, first, last)
		}
	}
	return found
}

// compareAll also looks for meters that nobody has registered.
func (g *generation) compareAll(where string, span witness.Span, rows map[meter.ID][]witness.Reading) {
	ids := slices.Collect(maps.Keys(rows))
	for _, h := range g.fleet.all() {
		ids = append(ids, h.account.Meter)
	}
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		g.findings.Violations(where, g.log.Check(id, span, rows[id]))
	}
}

// readArchive reads a whole archive, whose rows must be sorted by meter and time.
func readArchive(path string) (found map[meter.ID][]witness.Reading, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	found = make(map[meter.ID][]witness.Reading)
	var last witness.Reading
	err = witness.ReadCSV(f, func(row int, r witness.Reading) error {
		if order := cmp.Or(cmp.Compare(last.Meter, r.Meter), cmp.Compare(last.Stamp, r.Stamp)); order >= 0 {
			return fmt.Errorf("row %d: %s %s does not come after %s %s", row, r.Meter, r.Stamp, last.Meter, last.Stamp)
		}
		last = r
		found[r.Meter] = append(found[r.Meter], r)
		return nil
	})
	if err = errors.Join(err, f.Close()); err != nil {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return found, err
}
