package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"meterledger/internal/meter"
)

// A batch is entries one after another, numbers in big-endian order, texts as a
// 16-bit length and their bytes. A point is slot uint32, scale uint8, coefficient
// uint64 (13 bytes); a month is year × 12 + month - 1 as uint32; times are Unix
// seconds as int64.
//
//	account    01 | registered at | id | owner name | address
//	reading    02 | meter uint32 | point
//	reception  03 | on uint8
//	recall     04 | month | revision uint32 | meter uint32 | n uint32 | n points
//	summaries  05 | month | n uint32 | n × (meter uint32, count uint16, first point, last point)
//	close      06 | month | revision uint32 | window from, to uint32 | archive
//	day        07 | year uint32, month uint8, day uint8 | archive
//	intent     08 | period | SHA-256 32 bytes
//	run        09 | many readings, see run
//	adopt      10 | as close
//
//	archive: rows uint64 | SHA-256 32 bytes | written at
const (
	kindAccount = iota + 1
	kindReading
	kindReception
	kindRecall
	kindSummaries
	kindClose
	kindDay
	kindIntent
	kindRun
	kindAdopt
)

// The sizes of entries, for whoever has to make room for them.
const (
	pointBytes   = 4 + 1 + 8
	ReadingBytes = 1 + 4 + pointBytes
)

// RecallBytes is the size of a recall of so many points.
func RecallBytes(points int) int { return 1 + 4*4 + points*pointBytes }

// Reading is a reading whose meter is known.
type Reading struct {
	Meter    Index
	Slot     meter.Slot
	Register meter.KWh
}

// SummaryOf is the summary of one meter.
type SummaryOf struct {
	Meter Index
	Summary
}

// AppendAccount adds the registration of a meter to a batch.
func AppendAccount(b []byte, a meter.Account) []byte {
	return appendAccount(append(b, kindAccount), a)
}

// AppendReading adds a reading to a batch.
func AppendReading(b []byte, r Reading) []byte {
	b = append(b, kindReading)
	b = binary.BigEndian.AppendUint32(b, uint32(r.Meter))
	return appendPoint(b, meter.Point{Slot: r.Slot, Register: r.Register})
}

// AppendReception adds the switch of reception to a batch.
func AppendReception(b []byte, on bool) []byte {
	if on {
		return append(b, kindReception, 1)
	}
	return append(b, kindReception, 0)
}

// AppendRecall adds the archived rows of one meter's closed month to a batch, so
// that what comes after can be judged against them. Revision is the archive's
// when they were read.
func AppendRecall(b []byte, m meter.Month, revision uint32, i Index, points []meter.Point) []byte {
	b = appendMonth(append(b, kindRecall), m)
	b = binary.BigEndian.AppendUint32(b, revision)
	b = binary.BigEndian.AppendUint32(b, uint32(i))
	b = binary.BigEndian.AppendUint32(b, uint32(len(points)))
	for _, p := range points {
		b = appendPoint(b, p)
	}
	return b
}

// AppendSummaries adds a part of a month's summaries to a batch. They take effect
// when the month is closed. An empty part drops those that were added before.
func AppendSummaries(b []byte, m meter.Month, summaries []SummaryOf) []byte {
	b = appendMonth(append(b, kindSummaries), m)
	b = binary.BigEndian.AppendUint32(b, uint32(len(summaries)))
	for _, s := range summaries {
		b = binary.BigEndian.AppendUint32(b, uint32(s.Meter))
		b = appendSummary(b, s.Summary)
	}
	return b
}

// AppendClose adds the closing of a month to a batch: its archive is on disk, and
// its readings leave memory.
func AppendClose(b []byte, m MonthArchive) []byte {
	return appendMonthArchive(append(b, kindClose), m)
}

// AppendAdopt adds to a batch that a file which was there before is the archive of a
// month of which nothing is known. Its summaries stand before it, as before a closing.
func AppendAdopt(b []byte, m MonthArchive) []byte {
	return appendMonthArchive(append(b, kindAdopt), m)
}

// AppendDay adds the archive of a day to a batch.
func AppendDay(b []byte, d meter.Day, a Archive) []byte {
	return appendArchive(appendDay(append(b, kindDay), d), a)
}

// AppendIntent adds to a batch that the archive of a period (YYYY-MM-DD or YYYY-MM)
// is about to be replaced by a file of the given hash. It stands until the archive
// is closed.
func AppendIntent(b []byte, period string, sha256 [32]byte) []byte {
	b = appendText(append(b, kindIntent), period)
	return append(b, sha256[:]...)
}

func appendAccount(b []byte, a meter.Account) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(a.RegisteredAt.Unix()))
	b = appendText(b, string(a.ID))
	b = appendText(b, a.OwnerName)
	return appendText(b, a.Address)
}

func appendText(b []byte, s string) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(s)))
	return append(b, s...)
}

func appendPoint(b []byte, p meter.Point) []byte {
	coefficient, scale := p.Register.Parts()
	b = binary.BigEndian.AppendUint32(b, uint32(p.Slot))
	b = append(b, scale)
	return binary.BigEndian.AppendUint64(b, uint64(coefficient))
}

func appendMonth(b []byte, m meter.Month) []byte {
	return binary.BigEndian.AppendUint32(b, uint32(m.Year*12+int(m.Month)-1))
}

func appendDay(b []byte, d meter.Day) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(d.Year))
	return append(b, uint8(d.Month), uint8(d.Day))
}

func appendSummary(b []byte, s Summary) []byte {
	b = binary.BigEndian.AppendUint16(b, s.Count)
	return appendPoint(appendPoint(b, s.First), s.Last)
}

func appendMonthArchive(b []byte, m MonthArchive) []byte {
	b = appendMonth(b, m.Month)
	b = binary.BigEndian.AppendUint32(b, m.Revision)
	b = binary.BigEndian.AppendUint32(b, uint32(m.Window.From))
	b = binary.BigEndian.AppendUint32(b, uint32(m.Window.To))
	return appendArchive(b, m.Archive)
}

func appendArchive(b []byte, a Archive) []byte {
	b = binary.BigEndian.AppendUint64(b, a.Rows)
	b = append(b, a.SHA256[:]...)
	return binary.BigEndian.AppendUint64(b, uint64(a.WrittenAt.Unix()))
}

var errShort = errors.New("entry is cut off")

// decoder reads a batch from left to right. Once it has failed it stays failed.
type decoder struct {
	rest []byte
	err  error
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
func (d *decoder) uint16() uint16  { return binary.BigEndian.Uint16(d.take(2)) }
func (d *decoder) uint32() uint32  { return binary.BigEndian.Uint32(d.take(4)) }
func (d *decoder) uint64() uint64  { return binary.BigEndian.Uint64(d.take(8)) }
func (d *decoder) text() string    { return string(d.take(int(d.uint16()))) }
func (d *decoder) time() time.Time { return time.Unix(int64(d.uint64()), 0) }

func (d *decoder) point() meter.Point {
	slot, scale, coefficient := meter.Slot(d.uint32()), d.uint8(), int64(d.uint64())
	register, ok := meter.KWhFromParts(coefficient, scale)
	if !ok {
		d.fail(fmt.Errorf("register %d × 10^-%d is outside the limits", coefficient, scale))
	}
	return meter.Point{Slot: slot, Register: register}
}

func (d *decoder) month() meter.Month {
	months := int(d.uint32())
	return meter.Month{Year: months / 12, Month: time.Month(months%12 + 1)}
}

func (d *decoder) archive() Archive {
	return Archive{Rows: d.uint64(), SHA256: [32]byte(d.take(32)), WrittenAt: d.time()}
}

func (d *decoder) summary() Summary {
	return Summary{Count: d.uint16(), First: d.point(), Last: d.point()}
}

func (d *decoder) monthArchive() MonthArchive {
	m := MonthArchive{Month: d.month(), Revision: d.uint32()}
	m.Window = meter.Window{From: meter.Slot(d.uint32()), To: meter.Slot(d.uint32())}
	m.Archive = d.archive()
	return m
}
