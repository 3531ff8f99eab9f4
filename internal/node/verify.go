package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"meterledger/internal/archive"
	"meterledger/internal/audit"
	"meterledger/internal/durable"
	"meterledger/internal/ledger"
	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// Verify checks a data folder and its archives that no program uses, and writes to out what
// it finds, a line each. It changes nothing. The error says how much is damaged.
func Verify(ctx context.Context, o Options, out io.Writer) (err error) {
	for _, folder := range []string{o.DataDir, o.ArchiveDir} {
		lock, taken := durable.LockToRead(o.FS, folder)
		if taken != nil {
			return fmt.Errorf("%w: stop that program, or let it make a backup (POST /backup) and verify that", taken)
		}
		defer func() { err = errors.Join(err, lock.Release()) }()
	}
	v := &verification{out: out, ctx: ctx}
	s, zone := ledger.Verify(ctx, ledger.Options{FS: o.FS, DataDir: o.DataDir, Zone: o.Zone, Log: o.Log}, v.tell)
	if s != nil {
		v.store, v.zone, v.archive = s, zone, archive.OpenFolderToRead(o.FS, o.ArchiveDir, zone)
		v.state()
		v.credentials(o)
		v.memory()
		v.archives()
		v.accounts()
		v.events()
		v.audit(o)
	}
	if stop := meter.Stopped(ctx); stop != nil {
		return stop
	}
	if v.damaged > 0 {
		return fmt.Errorf("%d of %d parts are damaged or missing", v.damaged, v.parts)
	}
	return v.failed
}

type verification struct {
	ctx            context.Context
	out            io.Writer
	archive        *archive.Folder
	zone           *meter.Zone
	store          *store.Store
	parts, damaged int
	failed         error // to write to out
}

func (v *verification) tell(f ledger.Finding) {
	if meter.Stopped(v.ctx) != nil {
		return // it is no finding that the reading was stopped
	}
	if errors.Is(f.Err, ledger.ErrTimezone) || errors.Is(f.Err, store.ErrNewer) {
		v.failed = f.Err // this program, or its setting, is the wrong one
		return
	}
	v.parts++
	if f.Err != nil {
		v.damaged++
		v.line("DAMAGED  %s: %v", f.What, f.Err)
		return
	}
	v.line("good     %s", f.What)
}

// line writes a line. One that does not begin with good or DAMAGED says what to know.
func (v *verification) line(format string, args ...any) {
	_, err := fmt.Fprintf(v.out, format+"\n", args...)
	v.failed = errors.Join(v.failed, err)
}

// state tells what a start would come to: what is in memory, and how much.
func (v *verification) state() {
	meters, readings := v.store.Counts()
	months := v.store.Months()
	bills := 0
	for _, m := range months {
		for i := range store.Index(meters) {
			if _, _, issued := v.store.Bill(i, m.Month); issued {
				bills++
			}
		}
	}
	reception := "on"
	if !v.store.Receiving() {
		reception = "off"
	}
	v.line("state    %d meters, %d readings in memory, %d closed months with %d bills, %d archived days, level %d, reception %s",
		meters, readings, len(months), bills, len(v.store.Days()), v.store.Level(), reception)
}

// memory tells what the state takes in memory, and which days and meters take most of it.
func (v *verification) memory() {
	const most, mib = 5, 1 << 20
	f := v.store.Footprint()
	v.line("memory   %d MiB: %d for %d MiB of dense and %d MiB of sparse readings, the rest for meters and closed months",
		f.Sum()/mib, (f.Dense+f.Sparse+f.Promised)/mib, f.Dense/mib, (f.Sparse+f.Promised)/mib)
	days, meters := v.store.Largest(most)
	for _, d := range days {
		v.line("memory   %d KiB for %.10s", d.Bytes>>10, v.zone.Stamp(d.First))
	}
	for _, m := range meters {
		v.line("memory   %d KiB for meter %s", m.Bytes>>10, v.store.Account(m.Meter).ID)
	}
}

// archives tells of the files that the state knows, and names those that it does not.
func (v *verification) archives() {
	known := make(map[string]bool)
	check := func(p meter.Period, a store.Archive) {
		name := archive.Name(p)
		known[name] = true
		rows, err := v.file(p, a)
		v.tell(ledger.Finding{What: fmt.Sprintf("archive %s: %d rows", name, rows), Err: err})
	}
	for _, day := range v.store.Days() {
		check(day.Day.Period(), day.Archive)
	}
	for _, month := range v.store.Months() {
		check(month.Month.Period(), month.Archive)
	}
	names, err := v.archive.Files()
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		v.tell(ledger.Finding{What: "archive folder", Err: err})
	}
	for _, name := range names {
		if !known[name] {
			v.line("unknown  archive %s: the data folder knows nothing of it", name)
		}
	}
}

// file reads an archive to its end. It must be the file that was written, or one that a run
// which was cut off has put in its place.
func (v *verification) file(p meter.Period, a store.Archive) (rows uint64, err error) {
	name := archive.Name(p)
	file, err := v.archive.ReadOwn(v.ctx, name, append(v.store.Intents(p), a.SHA256)...)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	var misfit error
	part, err := file.Next()
	for ; err == nil; part, err = file.Next() {
		rows += uint64(len(part.Points))
		misfit = cmp.Or(misfit, v.fits(p, part))
	}
	switch {
	case !errors.Is(err, io.EOF):
		return rows, err
	case file.SHA256() != a.SHA256:
		v.line("note     archive %s: a run that was cut off has put it in place; the next run of %s ends that", name, p)
		return rows, nil
	case misfit != nil:
		return rows, misfit
	case rows != a.Rows:
		return rows, fmt.Errorf("%d rows were written", a.Rows)
	}
	return rows, v.manifest(name, a)
}

func (v *verification) manifest(name string, a store.Archive) error {
	manifest, err := v.archive.Manifest(name)
	if errors.Is(err, archive.ErrMissing) {
		v.line("note     archive %s: it has no manifest; the next run of its period writes one", name)
		return nil
	}
	if err == nil && !manifest.Describes(a.Rows, a.SHA256) {
		err = errors.New("its manifest describes another file")
	}
	return err
}

// accounts compares the file of accounts with its manifest. Each run writes both again.
func (v *verification) accounts() {
	sum, err := v.archive.SHA256(archive.AccountsName)
	if errors.Is(err, archive.ErrMissing) {
		return
	}
	manifest, unknown := v.archive.Manifest(archive.AccountsName)
	if err == nil && (unknown != nil || !manifest.Describes(manifest.Rows, sum)) {
		v.line("note     %s: it is not the file that its manifest describes; the next run writes both", archive.AccountsName)
		return
	}
	v.tell(ledger.Finding{What: fmt.Sprintf("%s: %d accounts", archive.AccountsName, manifest.Rows), Err: err})
}

// events looks for the file of events that a run has written, or that was restored.
func (v *verification) events() {
	sum, err := v.archive.SHA256(archive.EventsName)
	known := v.store.Intents(meter.Period{})
	manifest, bad := v.archive.Manifest(archive.EventsName)
	isDescribed := bad == nil && manifest.Describes(manifest.Rows, sum)
	switch {
	case errors.Is(err, archive.ErrMissing):
		if len(known) > 0 {
			v.line("note     %s: it is missing; the next run writes it", archive.EventsName)
		}
		return
	case err != nil:
	case !slices.Contains(known, sum) && (isDescribed || len(known) == 0):
		v.line("unknown  %s: the data folder knows nothing of it", archive.EventsName)
		return
	case !slices.Contains(known, sum):
		err = archive.Changed(archive.EventsName)
	case !isDescribed:
		v.line("note     %s: it is not the file that its manifest describes; the next run writes both", archive.EventsName)
		return
	}
	v.tell(ledger.Finding{What: fmt.Sprintf("%s: %d events", archive.EventsName, manifest.Rows), Err: err})
}

// audit tells of the audit log. A line that a crash has torn is no damage.
func (v *verification) audit(o Options) {
	audit.Verify(o.FS, o.FS.PathJoin(o.DataDir, auditName), func(f audit.Finding, err error) {
		v.tell(ledger.Finding{What: fmt.Sprintf("audit log of %s: %d lines, %d of them torn", f.Month, f.Lines, f.Torn), Err: err})
	})
}

// fits makes sure that a closed month's rows of a meter are those that its summary tells of.
func (v *verification) fits(p meter.Period, part archive.Rows) error {
	m, registered := v.store.Lookup(part.Meter)
	if !registered {
		return fmt.Errorf("meter %s is not registered", part.Meter)
	}
	if !p.IsMonth() {
		return nil
	}
	if summary, ok := v.store.SummaryAt(m.Index, part.Points[0].Slot); !ok || !summary.Fits(part.Points) {
		return fmt.Errorf("the rows of meter %s are not those that the month was closed with", part.Meter)
	}
	return nil
}
