package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"meterledger/internal/meter"
)

// dayMax keeps a damaged record from claiming all memory: the year 4840.
const dayMax = 1 << 20

// StateDecoder makes a store of a state's records.
type StateDecoder struct {
	s       *Store
	kind    uint8 // of the record before
	records uint32
	ended   bool
}

// NewStateDecoder returns one that has seen no record yet.
func NewStateDecoder() *StateDecoder { return &StateDecoder{s: New()} }

// Decode adds the next record. It keeps nothing of its bytes.
func (sd *StateDecoder) Decode(record []byte) error {
	d := &decoder{rest: record}
	kind := d.uint8()
	if kind < sd.kind || sd.ended || (sd.kind == 0) != (kind == stateBegin) {
		d.fail(fmt.Errorf("a record of kind %d does not belong behind one of kind %d", kind, sd.kind))
	}
	sd.kind = kind
	sd.records++
	switch {
	case d.err != nil:
	case kind == stateBegin:
		sd.begin(d)
	case kind == stateAccounts:
		for range d.uint32() {
			if sd.s.applyAccount(d); d.err != nil {
				break
			}
		}
	case kind == stateLatest:
		sd.latest(d)
	case kind == stateDay:
		sd.s.applyDay(d)
	case kind == stateIntent:
		sd.s.applyIntent(d)
	case kind == stateMonth:
		sd.month(d)
	case kind == stateSummaries:
		sd.summaries(d)
	case kind == stateFormer:
		sd.former(d)
	case kind == statePending:
		sd.pending(d)
	case kind == statePendingFormer:
		sd.pendingFormer(d)
	case kind == stateChunk:
		sd.chunk(d)
	case kind == stateEnd:
		sd.end(d)
	default:
		d.fail(fmt.Errorf("a record's kind %d is not known to this version", kind))
	}
	if d.err == nil && len(d.rest) > 0 {
		d.fail(fmt.Errorf("a record of kind %d is %d bytes too long", kind, len(d.rest)))
	}
	return d.err
}

// Store returns the store, once all records were taken.
func (sd *StateDecoder) Store() (*Store, error) {
	if !sd.ended {
		return nil, errShort
	}
	return sd.s, nil
}

func (sd *StateDecoder) begin(d *decoder) {
	if version := d.uint8(); version != stateVersion {
		d.fail(fmt.Errorf("the state is of version %d, this program knows version %d", version, stateVersion))
	}
	sd.s.paused = d.uint8() == 0
}

func (sd *StateDecoder) latest(d *decoder) {
	decodeColumn(sd, d, &sd.s.latest, d.point)
}

func (sd *StateDecoder) month(d *decoder) {
	m := &month{MonthArchive: d.monthArchive(), late: d.uint8() != 0}
	words := d.uint32()
	if uint64(words)*64 > uint64(len(sd.s.accounts)+63) {
		d.fail(fmt.Errorf("%d meters' rows are said to be recalled", uint64(words)*64))
		return
	}
	m.recalled = make(indexSet, words)
	for i := range m.recalled {
		m.recalled[i] = d.uint64()
	}
	if n := d.uint32(); n != m.Revision {
		d.fail(fmt.Errorf("%s has %d closings and revision %d", m.Month, n, m.Revision))
	}
	for d.err == nil && len(m.closings) < int(m.Revision) {
		m.closings = append(m.closings, Closing{d.uint32(), d.time()})
	}
	if d.err == nil && len(m.closings) > 0 {
		sd.s.closings = max(sd.s.closings, m.closings[len(m.closings)-1].Number)
	}
	sd.s.months = append(sd.s.months, m)
}

func (sd *StateDecoder) summaries(d *decoder) {
	name := d.month()
	m := sd.s.closedMonth(name)
	if m == nil {
		d.fail(fmt.Errorf("summaries of %s, which is not closed", name))
		return
	}
	decodeColumn(sd, d, &m.summaries, d.summary)
}

func (sd *StateDecoder) pending(d *decoder) {
	name := d.month()
	pending := sd.s.pending[name]
	decodeColumn(sd, d, &pending.summaries, d.summary)
	sd.s.pending[name] = pending
}

func (sd *StateDecoder) former(d *decoder) {
	name := d.month()
	m := sd.s.closedMonth(name)
	if m == nil {
		d.fail(fmt.Errorf("former summaries of %s, which is not closed", name))
		return
	}
	decodeColumn(sd, d, &m.former, d.former)
}

func (sd *StateDecoder) pendingFormer(d *decoder) {
	name := d.month()
	pending := sd.s.pending[name]
	decodeColumn(sd, d, &pending.former, d.former)
	sd.s.pending[name] = pending
}

func (d *decoder) former() (f *Former) {
	for range d.uint16() {
		f = &Former{Until: d.uint32(), Summary: d.summary(), before: f}
		if d.err != nil {
			return nil
		}
	}
	return f
}

func decodeColumn[T comparable](sd *StateDecoder, d *decoder, c *column[T], next func() T) {
	first, n := Index(d.uint32()), d.uint32()
	if uint64(first)+uint64(n) > uint64(len(sd.s.accounts)) {
		d.fail(fmt.Errorf("meter %d is not registered", uint64(first)+uint64(n)-1))
		return
	}
	var zero T
	for i := first; i < first+Index(n); i++ {
		if value := next(); value != zero {
			c.set(i, value, ice{})
		}
	}
}

func (sd *StateDecoder) chunk(d *decoder) {
	day, first := d.uint32(), Index(d.uint32())
	used := d.take(chunkMeters / 8)
	if d.err != nil || first%chunkMeters != 0 || day > dayMax {
		d.fail(fmt.Errorf("a chunk of meter %d on day %d", first, day))
		return
	}
	c := sd.s.grid.page(day).chunk(first)
	c.melt(ice{})
	for i := range Index(chunkMeters) {
		if used[i/8]&(0x80>>(i%8)) == 0 {
			continue
		}
		if int(first+i) >= len(sd.s.accounts) {
			d.fail(fmt.Errorf("meter %d is not registered", first+i))
		}
		b := &c.blocks[i]
		c.decode(b, d)
		if d.err != nil {
			return
		}
		c.readings += uint32(bits.OnesCount64(b.mask()))
	}
	sd.s.readings += uint64(c.readings)
}

func (c *chunk) decode(b *block, d *decoder) {
	if len(d.rest) < blockBytes {
		d.fail(errShort)
		return
	}
	if b.head = binary.BigEndian.Uint64(d.rest); !b.isWide() {
		b.decode((*[blockBytes]byte)(d.take(blockBytes)))
		b.check(d)
		return
	}
	d.uint64() // the head
	var w wideBlock
	w.decode(d)
	w.check(d, b.present())
	c.wide = append(c.wide, w)
	b.base = int64(len(c.wide) - 1)
}

func (sd *StateDecoder) end(d *decoder) {
	records, meters, readings := d.uint32(), d.uint32(), d.uint64()
	if d.err == nil && (records != sd.records || meters != uint32(len(sd.s.accounts)) || readings != sd.s.readings) {
		d.fail(fmt.Errorf("%d records, %d meters and %d readings are there, not %d, %d and %d",
			sd.records, len(sd.s.accounts), sd.s.readings, records, meters, readings))
	}
	sd.ended = d.err == nil
}

func (b *block) decode(record *[blockBytes]byte) {
	b.head = binary.BigEndian.Uint64(record[0:])
	b.base = int64(binary.BigEndian.Uint64(record[8:]))
	for i := range &b.offsets {
		b.offsets[i] = binary.BigEndian.Uint16(record[16+2*i:])
	}
}

// check refuses a block that the store could not have made.
func (b *block) check(d *decoder) {
	last := bits.Len64(b.mask()) - 1
	if last < 0 {
		d.fail(errors.New("a block without readings"))
		return
	}
	if _, ok := meter.KWhFromParts(b.base+int64(b.offsets[last]), b.scale()); !ok || b.base < 0 {
		d.fail(fmt.Errorf("a block holds the register %d × 10^-%d, which is outside the limits", b.base, b.scale()))
	}
}

func (w *wideBlock) decode(d *decoder) {
	for i := range w.coefficients {
		w.coefficients[i] = int64(d.uint64())
	}
	copy(w.scales[:], d.take(len(w.scales)))
}

func (w *wideBlock) check(d *decoder, present presentSlots) {
	for slot := range present.all {
		if _, ok := meter.KWhFromParts(w.coefficients[slot], w.scales[slot]); !ok {
			d.fail(fmt.Errorf("a block holds the register %d × 10^-%d, which is outside the limits", w.coefficients[slot], w.scales[slot]))
			return
		}
	}
}
