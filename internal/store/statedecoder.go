package store

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// A state is written down as records, in the order of the table records. A record can
// be read by itself: its kind, its version, and then what the file of its fact draws.
//
//	begin  01 | version 2 | reception uint8 | level uint8
//	end    12 | version | records uint32 | meters uint32 | readings uint64
//
// records counts them all, itself included. In the first version of a state, whose
// begin ends after reception, no other record has a version.

// stateVersioned is the version of begin from which on records have versions.
const stateVersioned = 2

func encodeBegin(e *stateEncoder, s *state) {
	e.put(append(appendFlag(e.begin(), !s.shut), byte(s.level)))
}

func decodeBegin(d *StateDecoder) {
	d.versioned = d.version >= stateVersioned
	d.s.shut = !d.flag()
	d.s.told.isShut.Store(d.s.shut)
	if d.versioned {
		d.s.level = d.level()
	}
}

func encodeEnd(e *stateEncoder, s *state) {
	b := binary.BigEndian.AppendUint32(e.begin(), e.records+1)
	b = binary.BigEndian.AppendUint32(b, uint32(len(s.accounts)))
	e.put(binary.BigEndian.AppendUint64(b, e.readings))
}

func decodeEnd(d *StateDecoder) {
	records, meters, readings := d.uint32(), d.uint32(), d.uint64()
	if records != d.records || meters != uint32(len(d.s.accounts)) || readings != d.s.readings {
		d.fail(fmt.Errorf("%d records, %d meters and %d readings are there, not %d, %d and %d",
			d.records, len(d.s.accounts), d.s.readings, records, meters, readings))
	}
	if !d.hasArrivals && d.s.level >= LevelHolds && d.err == nil {
		d.s.deriveArrivals()
	}
	if len(d.former) > 0 && d.err == nil {
		d.issueFormer()
	}
	d.s.countRecords()
	d.s.noteHeld()
	d.ended = d.err == nil
}

// StateDecoder makes a store of a state's records.
type StateDecoder struct {
	decoder

	place     int   // in the table: of the present record
	version   uint8 // of the present record
	versioned bool  // records have versions
	records   uint32
	former    []*formerMonth // of a state of the first version
	slabs     []slabRecord   // to be decoded side by side
	ended     bool

	hasArrivals bool // the state says when readings came
}

// NewStateDecoder returns a decoder that waits for the first record.
func NewStateDecoder() *StateDecoder { return &StateDecoder{decoder: decoder{s: New()}, place: -1} }

// Decode adds the next records. It keeps nothing of their bytes. An error means that the
// records are no state, or one that a later version wrote.
func (d *StateDecoder) Decode(records [][]byte) error {
	for _, record := range records {
		if d.err != nil {
			break
		}
		d.rest = record
		d.records++
		d.record(d.uint8())
		if d.err == nil && len(d.rest) > 0 {
			d.fail(errTooLong(d.records, d.rest))
		}
	}
	d.decodeSlabs()
	return d.err
}

func errTooLong(record uint32, rest []byte) error {
	return fmt.Errorf("record %d is %d bytes too long", record, len(rest))
}

func (d *StateDecoder) record(kind uint8) {
	place := slices.IndexFunc(records, func(r record) bool { return r.kind == kind })
	switch {
	case d.err != nil:
		return
	case place < 0:
		d.fail(fmt.Errorf("a record's kind %d is not known to this version: %w", kind, ErrNewer))
		return
	case place < d.place || d.ended || (d.place < 0) != (place == 0):
		d.fail(fmt.Errorf("a record of kind %d does not belong where it stands", kind))
		return
	}
	if place != d.place && !d.decodeSlabs() {
		return
	}
	d.place, d.version = place, 1
	if d.versioned || place == 0 {
		d.version = d.uint8()
	}
	switch known := records[place].version; {
	case d.version > known:
		d.fail(fmt.Errorf("a record of kind %d has version %d, this program knows version %d: %w", kind, d.version, known, ErrNewer))
	case d.version == 0:
		d.fail(fmt.Errorf("a record of kind %d has no version", kind))
	default:
		records[place].decode(d)
	}
}

// Store returns the store, once all records were decoded.
func (d *StateDecoder) Store() (*Store, error) {
	if !d.ended {
		return nil, errShort
	}
	return d.s, nil
}

// columnRange reads the head of a column's record, and calls value to read each value.
func (d *StateDecoder) columnRange(value func(Index)) {
	first, n := Index(d.uint32()), d.uint32()
	if uint64(first)+uint64(n) > uint64(len(d.s.accounts)) {
		d.fail(fmt.Errorf("meter %d is not registered", uint64(first)+uint64(n)-1))
		return
	}
	for i := first; i < first+Index(n) && d.err == nil; i++ {
		value(i)
	}
}

func decodeColumn[T comparable](d *StateDecoder, c *column[T], next func() T) {
	var zero T
	d.columnRange(func(i Index) {
		if value := next(); value != zero {
			c.set(i, value, ice{})
		}
	})
}
