package closing

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"meterledger/internal/archive"
	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// adoption makes the file of a month the archive of a closed month as it stands: its
// rows never come into memory. That takes a file as this program writes it, whose
// meters are registered and whose registers fit what is known before and behind
// them; and nothing may be known of the month itself.
type adoption struct {
	runs  *Runs
	ctx   context.Context
	run   *Run
	month meter.Month
	days  []*dayFile        // of the month, to be compared with it
	each  func(store.Index) // for each of its meters, or nil

	hold    *hold
	window  meter.Window
	reader  *archive.Reader
	written archive.Written // what the file holds
}

// adoptUnasked adopts a file that stands where a month is about to be archived.
func (rs *Runs) adoptUnasked(ctx context.Context, run *Run, month meter.Month) (adopted bool, err error) {
	name := archive.Name(month.Period())
	path, _, err := rs.archive.Stat(name)
	if errors.Is(err, archive.ErrMissing) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	if err := rs.checkManifest(name); err != nil {
		return false, err
	}
	a := adoption{runs: rs, ctx: ctx, run: run, month: month}
	if adopted, err = a.try(); adopted {
		run.Archives = append(run.Archives, ArchiveInfo{month.Period(), path, a.written.Rows, a.written.SHA256})
	}
	return adopted, err
}

// try reports whether the file was adopted. Where it was not, nothing has changed.
func (a *adoption) try() (adopted bool, err error) {
	a.window = a.runs.zone.MonthWindow(a.month)
	own := a.window.Rows()
	a.hold, err = a.runs.take(a.ctx, own)
	if err != nil {
		return false, err
	}
	defer a.hold.free()
	if a.runs.store.HasReadings(own) {
		return false, nil
	}
	name := archive.Name(a.month.Period())
	a.reader, err = a.runs.archive.Read(name)
	if err != nil {
		return false, a.passOver(err)
	}
	defer a.reader.Close()
	a.run.progress.beginBytes("reading "+name, a.reader.Size())
	books := bookkeeping{runs: a.runs, hold: a.hold, ctx: a.ctx, month: a.month, window: a.window}
	fits, err := a.walk(books.add)
	if fits && err == nil {
		err = books.flush()
	}
	if !fits || err != nil {
		return false, err
	}
	return a.commit(name)
}

// passOver makes an error of a file that is not as we write it none.
func (a *adoption) passOver(err error) error {
	var row *archive.RowError
	if errors.As(err, &row) {
		return nil
	}
	return err
}

// walk goes through the file, and reports whether every row of it can be believed.
func (a *adoption) walk(each func(archive.Rows) error) (fits bool, err error) {
	for {
		if err := meter.Stopped(a.ctx); err != nil {
			return false, err
		}
		before := a.reader.BytesRead()
		rows, err := a.reader.Next()
		if errors.Is(err, io.EOF) {
			a.written.SHA256, a.written.Bytes = a.reader.SHA256(), a.reader.Size()
			return true, nil
		}
		if err != nil {
			return false, a.passOver(err)
		}
		m, registered := a.runs.store.Lookup(rows.Meter)
		if !registered || !a.believable(m.Index, rows) {
			return false, nil
		}
		a.written.Add(rows)
		a.run.rows += uint64(len(rows.Points))
		a.run.progress.did(0, len(rows.Points), a.reader.BytesRead()-before)
		for _, day := range a.days {
			day.compare(rows)
		}
		if a.each != nil {
			a.each(m.Index)
		}
		if err := each(rows); err != nil {
			return false, err
		}
	}
}

// believable reports whether one meter's rows rise and lie in the month.
func (a *adoption) believable(i store.Index, rows archive.Rows) bool {
	first, last := rows.Points[0], rows.Points[len(rows.Points)-1]
	if first.Slot < a.window.From || last.Slot >= a.window.To {
		return false
	}
	for n, p := range rows.Points[1:] {
		if p.Register.Cmp(rows.Points[n].Register) < 0 {
			return false
		}
	}
	next, known := a.runs.store.At(i, a.window.To)
	return !known || last.Register.Cmp(next) <= 0
}

// commit closes the month with the file.
func (a *adoption) commit(name string) (adopted bool, err error) {
	if err := a.runs.archive.Sync(name); err != nil { // whoever put it there may not have
		return false, err
	}
	at := a.runs.now()
	manifest, err := a.runs.archive.Manifest(name)
	if err == nil && manifest.Describes(a.written.Rows, a.written.SHA256) {
		at = manifest.WrittenAt
	} else if err := a.writeManifest(name, at); err != nil {
		return false, err
	}
	verdict, err := a.hold.end(a.ctx, func(b []byte) []byte {
		return store.AppendAdopt(b, store.MonthArchive{
			Month: a.month, Window: a.window, Revision: 1,
			Archive: store.Archive{Rows: a.written.Rows, SHA256: a.written.SHA256, WrittenAt: at},
		})
	})
	return verdict.Outcome == store.Accepted && err == nil, err
}

func (a *adoption) writeManifest(name string, at time.Time) error {
	path, _, err := a.runs.archive.Stat(name)
	if err != nil {
		return err
	}
	return a.runs.archive.WriteManifest(a.runs.archive.NewManifest(path, a.written, a.runs.version, at))
}

// checkManifest refuses a file that nothing is known of but its manifest, and that
// does not fit that. One that a run was about to put in its place is known.
func (rs *Runs) checkManifest(name string) error {
	manifest, err := rs.archive.Manifest(name)
	if errors.Is(err, archive.ErrMissing) {
		return nil
	}
	if errors.Is(err, archive.ErrBadManifest) {
		return archive.Refused("%v: put the original back, or remove it to have the rows taken one by one", err)
	}
	if err != nil {
		return err
	}
	sum, err := rs.archive.SHA256(name)
	switch {
	case errors.Is(err, archive.ErrMissing):
		return nil
	case slices.Contains(rs.store.Intents(manifest.Period), sum): // a run was cut off right before its manifest
		return nil
	case err == nil && !manifest.Describes(manifest.Rows, sum):
		return archive.Refused("%s is not the file that its manifest describes: put the original back, "+
			"or remove the manifest to have the rows taken one by one", name)
	}
	return err
}
