package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"meterledger/internal/meter"
)

// Entries and records are written in the same way. Numbers are in big-endian
// order; texts are a 16-bit length and their bytes; times are Unix seconds as int64.
//
//	register scale uint8 | coefficient uint64
//	point    slot uint32 | register
//	month    year × 12 + month - 1 as uint32
//	day      year uint32 | month uint8 | day uint8
//	archive  rows uint64 | SHA-256 32 bytes | written at
const pointBytes = 4 + 1 + 8

// dayMax and slotMax keep bytes that this program did not write from claiming all
// memory, which has a place for every day between two readings. They end after the year
// 9999, the last that a timestamp can have.
const (
	dayMax  = 3 << 20
	slotMax = meter.Slot((dayMax+1)*meter.SlotsPerDay - 1)
)

func errSlot(slot meter.Slot) error { return fmt.Errorf("half hour %d is beyond all time", slot) }

func appendText(b []byte, s string) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(s)))
	return append(b, s...)
}

func appendTime(b []byte, t time.Time) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(t.Unix()))
}

func appendFlag(b []byte, set bool) []byte {
	if set {
		return append(b, 1)
	}
	return append(b, 0)
}

func appendPoint(b []byte, p meter.Point) []byte {
	return appendRegister(binary.BigEndian.AppendUint32(b, uint32(p.Slot)), p.Register)
}

func appendRegister(b []byte, r meter.Register) []byte {
	coefficient, scale := r.Parts()
	return binary.BigEndian.AppendUint64(append(b, scale), uint64(coefficient))
}

func appendMonth(b []byte, m meter.Month) []byte {
	return binary.BigEndian.AppendUint32(b, uint32(m.Year*12+int(m.Month)-1))
}

func appendDay(b []byte, d meter.Day) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(d.Year))
	return append(b, uint8(d.Month), uint8(d.Day))
}

func appendWindow(b []byte, w meter.Window) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(w.From))
	return binary.BigEndian.AppendUint32(b, uint32(w.To))
}

func appendArchive(b []byte, a Archive) []byte {
	b = binary.BigEndian.AppendUint64(b, a.Rows)
	b = append(b, a.SHA256[:]...)
	return appendTime(b, a.WrittenAt)
}

var errShort = errors.New("entry is cut off")

// decoder reads entries or a record from left to right. Once it has failed it stays
// failed, and every value that it reads is zero.
type decoder struct {
	rest []byte
	err  error
	s    *Store // whose meters entries and records name
}

func (d *decoder) take(n int) []byte {
	if d.err != nil || len(d.rest) < n {
		d.fail(errShort)
		return make([]byte, n)
	}
	taken := d.rest[:n]
	d.rest = d.rest[n:]
	return taken
}

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
	d.rest = nil
}

func (d *decoder) uint8() uint8    { return d.take(1)[0] }
func (d *decoder) flag() bool      { return d.uint8() != 0 }
func (d *decoder) uint16() uint16  { return binary.BigEndian.Uint16(d.take(2)) }
func (d *decoder) uint32() uint32  { return binary.BigEndian.Uint32(d.take(4)) }
func (d *decoder) uint64() uint64  { return binary.BigEndian.Uint64(d.take(8)) }
func (d *decoder) text() string    { return string(d.take(int(d.uint16()))) }
func (d *decoder) time() time.Time { return time.Unix(int64(d.uint64()), 0) }

// items yields once for each item of a list, whose length comes first, until one cannot
// be read.
func (d *decoder) items(yield func() bool) {
	for range d.uint32() {
		if !yield() || d.err != nil {
			return
		}
	}
}

func (d *decoder) register() meter.Register {
	scale, coefficient := d.uint8(), int64(d.uint64())
	register, ok := meter.RegisterFromParts(coefficient, scale)
	if !ok {
		d.fail(fmt.Errorf("register %d × 10^-%d is outside the limits", coefficient, scale))
	}
	return register
}

func (d *decoder) instant() meter.Instant {
	at := d.uint64()
	if at > uint64(slotMax.Instant()) {
		d.fail(fmt.Errorf("second %d is beyond all time", at))
		return 0
	}
	return meter.Instant(at)
}

func (d *decoder) changeKind() meter.ChangeKind {
	k := meter.ChangeKind(d.uint8())
	if !k.IsKnown() {
		d.fail(fmt.Errorf("a change of kind %d is not known to this version: %w", k, ErrNewer))
	}
	return k
}

func (d *decoder) placing() meter.Placing {
	p := meter.Placing(d.uint8())
	if p > meter.PlacedOver {
		d.fail(fmt.Errorf("a placing of kind %d is not known to this version: %w", p, ErrNewer))
		return meter.NotPlaced
	}
	return p
}

func (d *decoder) point() meter.Point {
	slot, register := meter.Slot(d.uint32()), d.register()
	if slot > slotMax {
		d.fail(errSlot(slot))
	}
	return meter.Point{Slot: slot, Register: register}
}

func (d *decoder) month() meter.Month {
	months := int(d.uint32())
	return meter.Month{Year: months / 12, Month: time.Month(months%12 + 1)}
}

func (d *decoder) day() meter.Day {
	return meter.Day{Year: int(d.uint32()), Month: time.Month(d.uint8()), Day: int(d.uint8())}
}

func (d *decoder) window() meter.Window {
	return meter.Window{From: meter.Slot(d.uint32()), To: meter.Slot(d.uint32())}
}

func (d *decoder) archive() Archive {
	return Archive{Rows: d.uint64(), SHA256: [32]byte(d.take(32)), WrittenAt: d.time()}
}

func (d *decoder) period() meter.Period {
	text := d.text()
	p, ok := meter.ParsePeriod(text)
	if !ok && text != "" {
		d.fail(fmt.Errorf("%q is no period", text))
	}
	return p
}

// meter reads the index of a registered meter.
func (d *decoder) meter() Index {
	i := Index(d.uint32())
	if int(i) >= len(d.s.accounts) {
		d.fail(fmt.Errorf("meter %d is not registered", i))
		return 0
	}
	return i
}
