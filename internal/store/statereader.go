package store

import (
	"fmt"
	"slices"
)

// StateDecoder makes a store of a state's records.
type StateDecoder struct{ r stateReader }

// stateReader reads one record after another.
type stateReader struct {
	decoder

	place     int  // in the table: of the record before
	versioned bool // records have versions
	records   uint32
	former    []*formerMonth // of a state of the first version
	ended     bool
}

// NewStateDecoder returns one that has seen no record yet.
func NewStateDecoder() *StateDecoder {
	return &StateDecoder{stateReader{decoder: decoder{s: New()}, place: -1}}
}

// Decode adds the next record. It keeps nothing of its bytes. An error means that the
// records are no state, or one that a later version wrote.
func (d *StateDecoder) Decode(record []byte) error {
	r := &d.r
	if r.err != nil {
		return r.err
	}
	r.rest = record
	r.records++
	r.record(r.uint8())
	if r.err == nil && len(r.rest) > 0 {
		r.fail(fmt.Errorf("record %d is %d bytes too long", r.records, len(r.rest)))
	}
	return r.err
}

func (r *stateReader) record(kind uint8) {
	place := slices.IndexFunc(records, func(r record) bool { return r.kind == kind })
	switch {
	case r.err != nil:
		return
	case place < 0:
		r.fail(fmt.Errorf("a record's kind %d is not known to this version", kind))
		return
	case place < r.place || r.ended || (r.place < 0) != (place == 0):
		r.fail(fmt.Errorf("a record of kind %d does not belong where it stands", kind))
		return
	}
	r.place = place
	version := uint8(1)
	if r.versioned || place == 0 {
		version = r.uint8()
	}
	if version == 0 || version > records[place].version {
		r.fail(fmt.Errorf("a record of kind %d has version %d, this program knows version %d", kind, version, records[place].version))
		return
	}
	records[place].decode(r, version)
}

// Store returns the store, once all records were taken.
func (d *StateDecoder) Store() (*Store, error) {
	if !d.r.ended {
		return nil, errShort
	}
	return d.r.s, nil
}

// columnRange reads the head of a column's record, and has each value read.
func (r *stateReader) columnRange(value func(Index)) {
	first, n := Index(r.uint32()), r.uint32()
	if uint64(first)+uint64(n) > uint64(len(r.s.accounts)) {
		r.fail(fmt.Errorf("meter %d is not registered", uint64(first)+uint64(n)-1))
		return
	}
	for i := first; i < first+Index(n) && r.err == nil; i++ {
		value(i)
	}
}

func readColumn[T comparable](r *stateReader, c *column[T], next func() T) {
	var zero T
	r.columnRange(func(i Index) {
		if value := next(); value != zero {
			c.set(i, value, ice{})
		}
	})
}

// words reads a part of a set of meters, and adds it to what there is.
func (r *stateReader) words(set indexSet) indexSet {
	n := r.uint32()
	if uint64(len(set))+uint64(n) > uint64(len(r.s.accounts)+63)/64 {
		r.fail(fmt.Errorf("%d meters' rows are said to be recalled", (uint64(len(set))+uint64(n))*64))
		return set
	}
	for range n {
		set = append(set, r.uint64())
	}
	return set
}
