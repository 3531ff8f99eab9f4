package kill

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"meterledger/internal/client"
	"meterledger/internal/meter"
	"meterledger/internal/tools/caller"
	"meterledger/internal/tools/witness"
)

// filed counts what stands in archives.
type filed struct{ files, rows int }

// finish has everything archived, compares the answers once more, and then memory
// and the files: together they hold each reading once.
func (g *generation) finish(ctx context.Context) (filed, error) {
	api := g.caller(g.program.URL)
	defer api.Close()
	for _, m := range g.archives() {
		if answer, err := m.post(ctx, api); err != nil || !answer.OK() {
			g.findings.Misbehaved("%s maintenance of %s%s: %v %v", m.kind, m.day, m.month, answer, err)
		}
	}
	if err := g.compare(ctx, g.program.URL); err != nil {
		return filed{}, err
	}
	memory, err := g.memory(ctx, api)
	if err != nil {
		return filed{}, err
	}
	if err := g.program.Stop(); err != nil {
		g.findings.Misbehaved("%v", err)
	}
	return g.compareFiles(memory), nil
}

// archives are the runs after which every month that has ended, and every day that
// the operator has ever archived, stands in its file.
func (g *generation) archives() (all []maintenance) {
	for _, month := range g.calendar.months {
		all = append(all, maintenance{client.Monthly, "", month})
	}
	for _, day := range g.calendar.days {
		all = append(all, maintenance{client.Daily, day, ""})
	}
	return all
}

// memory fetches this month's readings, which no archive holds.
func (g *generation) memory(ctx context.Context, api *caller.Caller) (map[meter.ID][]witness.Reading, error) {
	memory := make(map[meter.ID][]witness.Reading)
	span := witness.Span{From: g.calendar.open, To: g.calendar.span().To}
	for _, h := range g.fleet.all() {
		found, known, err := api.Readings(ctx, h.account.Meter, span)
		if err != nil {
			return nil, fmt.Errorf("fetching the readings of %s: %w", h.account.Meter, err)
		}
		if known {
			memory[h.account.Meter] = found
		}
	}
	return memory, nil
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
		return nil, fmt.Errorf("opening an archive: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
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
	if err != nil {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return found, err
}
