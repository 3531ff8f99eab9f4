package town

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"

	"meterledger/internal/meter"
	"meterledger/internal/tools/caller"
	"meterledger/internal/tools/witness"
)

// Archived is how much was found in archives.
type Archived struct{ Files, Rows int }

// archives are the files of a folder.
type archives struct {
	*Town
	folder string
	Archived
}

// Finish has every month that has ended archived, and every day that the operator has ever archived,
// compares the answers once more, has the api stopped, and then compares memory and the files: together they
// hold each reading once.
func (t *Town) Finish(ctx context.Context, asked *caller.Caller, folder string, stop func() error) (Archived, error) {
	w := &Worker{Town: t, API: asked}
	defer asked.Close()
	var errs []error
	for _, month := range t.Calendar.Months {
		errs = append(errs, w.maintain(ctx, url.Values{"maintenance_type": {"monthly"}, "month": {month}}))
	}
	for _, day := range t.Calendar.Days {
		errs = append(errs, w.maintain(ctx, url.Values{"maintenance_type": {"daily"}, "date": {day}}))
	}
	if err := errors.Join(errs...); err != nil {
		t.Findings.Misbehaved("archiving everything gives %v", err)
	}
	if err := t.Compare(ctx, []*caller.Caller{asked}); err != nil {
		return Archived{}, err
	}
	memory := make(map[meter.ID][]witness.Reading) // of this month, which no archive holds
	for _, id := range t.Meters() {
		found, known, err := asked.Readings(ctx, id, witness.Span{From: t.Calendar.Open, To: t.Calendar.Span().To})
		if err != nil {
			return Archived{}, err
		}
		if known {
			memory[id] = found
		}
	}
	if err := stop(); err != nil {
		t.Findings.Misbehaved("%v", err)
	}
	return t.compareFiles(folder, memory), nil
}

// compareFiles compares the months together with memory, and the days, which are copies, each alone.
func (t *Town) compareFiles(folder string, memory map[meter.ID][]witness.Reading) Archived {
	a := &archives{Town: t, folder: folder}
	for _, month := range a.Calendar.Months {
		for id, rows := range a.readFile("monthly_"+month+".csv", monthOf(month)) {
			memory[id] = append(memory[id], rows...)
		}
	}
	for _, day := range a.Calendar.Days {
		name := "daily_" + day + ".csv"
		a.compareAll(name, dayOf(day), a.readFile(name, dayOf(day)))
	}
	a.compareAll("memory and archives", a.Calendar.Span(), memory)
	return a.Archived
}

// readFile reads an archive, in which nothing may lie outside its own time.
func (a *archives) readFile(name string, span witness.Span) map[meter.ID][]witness.Reading {
	found, err := readArchive(filepath.Join(a.folder, name))
	if err != nil {
		a.Findings.Misbehaved("%v", err)
	}
	a.Files++
	for id, rows := range found {
		a.Rows += len(rows)
		if first, last := rows[0].Stamp, rows[len(rows)-1].Stamp; first < span.From || last > span.To {
			a.Findings.Misbehaved("%s holds readings of %s from %s to %s", name, id, first, last)
		}
	}
	return found
}

// compareAll also looks for meters that nobody has registered.
func (a *archives) compareAll(where string, span witness.Span, rows map[meter.ID][]witness.Reading) {
	ids := slices.AppendSeq(a.Meters(), maps.Keys(rows))
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		a.Findings.Violations(where, a.Log.Check(id, span, rows[id]))
	}
}

// readArchive reads a whole archive, whose rows must be sorted by meter and time.
func readArchive(path string) (map[meter.ID][]witness.Reading, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	rows, err := witness.ReadCSV(b)
	found := make(map[meter.ID][]witness.Reading)
	var last witness.Reading
	for i, r := range rows {
		if err == nil && cmp.Or(cmp.Compare(last.Meter, r.Meter), cmp.Compare(last.Stamp, r.Stamp)) >= 0 {
			err = fmt.Errorf("row %d: %s %s does not come after %s %s", i+1, r.Meter, r.Stamp, last.Meter, last.Stamp)
		}
		last = r
		found[r.Meter] = append(found[r.Meter], r)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return found, err
}
