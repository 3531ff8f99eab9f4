package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"meterledger/internal/durable"
	"meterledger/internal/journal"
	"meterledger/internal/meter"
	"meterledger/internal/snapshot"
	"meterledger/internal/store"
)

// Finding is a part of a folder that was looked at, and what is wrong with it: nothing if
// Err is nil.
type Finding struct {
	What string
	Err  error
}

// Verify reads a data folder that nobody else uses, as a whole, and changes nothing. It
// hands out what it finds, and returns the state that a start would come to, or nil if
// there is none, and the time zone as the folder knows it.
//
// Each good snapshot, with the journal after it, must lead to the same state.
func Verify(ctx context.Context, o Options, found func(Finding)) (*store.Store, *meter.Zone) {
	fs := durable.ReadOnly(o.FS)
	signed, err := checkFormat(fs, o.DataDir, o.Zone)
	if err == nil && signed.Version == unsigned {
		err = fmt.Errorf("it has no file %s", formatName)
	}
	if err != nil {
		found(Finding{"data folder " + o.DataDir, err})
		return nil, nil
	}
	found(Finding{fmt.Sprintf("data folder %s: format %d, %s", o.DataDir, signed.Version, o.Zone), nil})
	j, err := journal.OpenToRead(fs, fs.PathJoin(o.DataDir, journalName), o.Log)
	if err != nil {
		found(Finding{"journal", err})
		return nil, nil
	}
	v := &verifier{
		recovery: recovery{ctx: ctx, journal: j, snapshots: snapshot.OpenFolderToRead(fs, fs.PathJoin(o.DataDir, snapshotsName)), log: slog.New(slog.DiscardHandler)},
		found:    found,
	}
	v.all()
	if err := j.Close(); err != nil {
		found(Finding{"journal", err})
	}
	if v.state == nil {
		return nil, nil
	}
	zone, err := signed.keptZone(o.Zone, v.state.Written().Add(meter.FutureMax))
	if err != nil {
		found(Finding{"time zone " + o.Zone.String(), err})
		return nil, nil
	}
	return v.state, zone
}

type verifier struct {
	recovery

	found func(Finding)
	state *store.Store // the first that was found
	hash  [32]byte     // of state
}

func (v *verifier) all() {
	first, err := v.journal.First()
	if err == nil {
		err = v.journal.Replay(first, func(uint64, []byte) error { return nil })
	}
	v.found(Finding{fmt.Sprintf("journal: batches %d to %d, each proved by the hash of the one before", first, v.journal.Last()), err})
	if err != nil {
		return
	}
	sequences, err := v.snapshots.Sequences()
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		v.found(Finding{"snapshots", err})
	}
	for _, sequence := range sequences {
		if sequence+1 < first && v.state != nil {
			continue // a power cut brought it back: the journal was cut behind a later one
		}
		err := v.snapshot(sequence)
		v.found(Finding{fmt.Sprintf("snapshot of batch %d: %d bytes, and %d batches after it", sequence, v.size, v.journal.Last()-sequence), err})
	}
	if first > 1 {
		if v.state == nil {
			v.found(Finding{"state", errors.New("no snapshot can be read, and the journal was cut behind one: put back a copy of the data folder")})
		}
		return
	}
	v.store, v.from = store.New(), 0
	v.found(Finding{"all of the journal, without a snapshot", v.compare()})
}

// snapshot reads a snapshot and applies the journal after it.
func (v *verifier) snapshot(sequence uint64) error {
	v.size = 0
	position, err := v.decode(sequence)
	if err != nil {
		return err
	}
	v.from = sequence
	if err := v.journal.GoesOnFrom(position); err != nil {
		return err
	}
	return v.compare()
}

// compare applies the journal, and makes sure that it leads to the state that was found first.
func (v *verifier) compare() error {
	if err := v.replay(); err != nil {
		return err
	}
	switch hash := v.store.Hash(); {
	case v.state == nil:
		v.state, v.hash = v.store, hash
	case hash != v.hash:
		return errors.New("it leads to another state than the others")
	}
	return nil
}
