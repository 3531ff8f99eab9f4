package closing

import (
	"errors"
	"io"
	"iter"
	"slices"

	"meterledger/internal/archive"
	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// Events takes events that an operator puts back, in the order of the file.
type Events = Taker[meter.Event]

// eventsPeriod is that of the file of events, of which the journal keeps the hash as it does of
// an archive that is about to be put in place.
var eventsPeriod meter.Period

func (rs *Runs) eventFile() besideFile[meter.Event] {
	return besideFile[meter.Event]{archive.EventsName, func(r io.Reader) (rowReader[meter.Event], error) {
		in, err := meter.NewEventReader(r, rs.zone)
		return in, err
	}}
}

// archiveEvents writes all events beside the archives if the file holds others. A file whose
// hash the journal knows has none but the store's: what it has and the store lacks was taken
// back. Any other file's events are kept if the store knows none in their place, so a run beside
// an empty data folder takes none away.
func (t task) archiveEvents() error {
	own := t.store.Intents(eventsPeriod)
	if len(own) > 0 {
		if err := t.checkManifest(archive.EventsName); err != nil {
			return err
		}
	}
	sum, err := t.archive.SHA256(archive.EventsName)
	isThere := !errors.Is(err, archive.ErrMissing)
	if err != nil && isThere {
		return err
	}
	t.run.progress.begin("writing "+archive.EventsName, 0, 0)
	w := eventWriter{task: t, sum: sum, isOwn: isThere && slices.Contains(own, sum)}
	content := t.archive.EventsContent(w.all)
	measured, err := content.Measure()
	if err != nil || !isThere && measured.Rows == 0 {
		return err
	}
	if isThere && measured.SHA256 == sum {
		isDescribed, err := t.isDescribed(archive.EventsName, measured)
		if isDescribed || err != nil {
			return err
		}
	}
	if w.hold, err = t.take(store.NoWindow); err != nil {
		return err
	}
	defer w.hold.free()
	if _, err = t.writeBeside(archive.EventsName, content, w.intend); err != nil {
		return err
	}
	return w.hold.lift()
}

// isDescribed reports whether a file has a manifest that describes it.
func (t task) isDescribed(name string, w archive.Written) (bool, error) {
	manifest, err := t.archive.Manifest(name)
	if errors.Is(err, archive.ErrMissing) || errors.Is(err, archive.ErrBadManifest) {
		return false, nil
	}
	return err == nil && manifest.Describes(w.Rows, w.SHA256), err
}

// eventWriter writes the file of events.
type eventWriter struct {
	task

	sum   [32]byte // of the file that is there
	isOwn bool     // that has none but the store's
	kept  bool     // some of its events go into the new file
	hold  *hold
}

// intend is called when the new file is about to take the old one's place. The journal gets to
// know one that has none but the store's events. Any other is taken for what it is if the run is
// cut off now, since it has no manifest.
func (w *eventWriter) intend(written archive.Written) error {
	if w.kept {
		return w.archive.RemoveManifest(archive.EventsName)
	}
	if w.isOwn {
		if err := w.hold.writeEventsSum(w.sum); err != nil {
			return err
		}
	}
	return w.hold.writeEventsSum(written.SHA256)
}

// writeEventsSum writes down the hash of a file of events that holds none but the store's. The
// newest two are known: of the file that stands there, and of one that is about to replace it.
func (h *hold) writeEventsSum(sum [32]byte) error {
	return h.write(store.AppendIntent(h.begin(), eventsPeriod, sum))
}

// all hands out what the file is to hold.
func (w *eventWriter) all(yield func(meter.Event, error) bool) {
	w.kept = false
	var text *archive.Text
	if !w.isOwn {
		var err error
		if text, err = w.openText(archive.EventsName); err != nil {
			yield(meter.Event{}, err)
			return
		}
		if text != nil {
			defer text.Close()
		}
	}
	file := w.inOrder(w.eventFile().rows(w.task, text))
	for e, err := range joinEvents(w.store.Events(), file, &w.kept) {
		if !yield(e, errors.Join(err, meter.Stopped(w.ctx))) {
			return
		}
	}
}

// inOrder refuses events that are not in the order of the file.
func (t task) inOrder(events iter.Seq2[meter.Event, error]) iter.Seq2[meter.Event, error] {
	return func(yield func(meter.Event, error) bool) {
		row := 0
		var last meter.Event
		for e, err := range events {
			row++
			if order := last.Compare(e); err == nil && (order > 0 || order == 0 && !e.Kind.IsEdit()) {
				err = t.eventFile().refused(row, errors.New("it is not in order of meter and time"))
			}
			if !yield(e, err) || err != nil {
				return
			}
			last = e
		}
	}
}

// joinEvents joins the store's events with those of a file that the store has none in the place
// of, and sets some if there are any.
func joinEvents(own iter.Seq[meter.Event], file iter.Seq2[meter.Event, error], some *bool) iter.Seq2[meter.Event, error] {
	return func(yield func(meter.Event, error) bool) {
		next, stop := iter.Pull2(file)
		defer stop()
		kept, err, more := next()
		keep := func() bool {
			*some = true
			failed := err != nil
			ok := yield(kept, err) && !failed
			kept, err, more = next()
			return ok
		}
		for e := range own {
			for more && (err != nil || kept.Compare(e) < 0) {
				if !keep() {
					return
				}
			}
			if more && err == nil && kept.Compare(e) == 0 && (kept == e || !e.Kind.IsEdit()) {
				kept, err, more = next()
			}
			if !yield(e, nil) {
				return
			}
		}
		for more && keep() {
		}
	}
}
