package closing

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"meterledger/internal/meter"
	"meterledger/internal/vee"
)

// totalsKept is how many days of totals are kept: those that the rules look at, and one more
// for a day that is computed after the next.
const totalsKept = vee.PastDays + 2

// The totals of a day are those of all meters in the order of registration:
//
//	total  head uint8 | n bytes, the count of 10^-9 kWh, the highest first
//
// The head is 128 if the total is known, and 64 more if the day is whole, and n.
const (
	totalKnown = 1 << 7
	totalWhole = 1 << 6
	totalBytes = 16
)

func appendTotal(b []byte, t vee.Total) []byte {
	if !t.IsKnown {
		return append(b, 0)
	}
	high, low := t.Used.Parts()
	var all [totalBytes]byte
	number := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(all[:0], high), low)
	for len(number) > 0 && number[0] == 0 {
		number = number[1:]
	}
	head := byte(totalKnown + len(number))
	if t.IsWhole {
		head |= totalWhole
	}
	return append(append(b, head), number...)
}

// totalsReader reads the totals of a day.
type totalsReader struct {
	in   *keptFile // nil: nothing is kept, so no total is known
	from meter.Slot
}

// openTotals opens the totals of a day. What is missing or damaged is told, and not known.
func (rs *Runs) openTotals(day meter.Day) (r totalsReader) {
	r.from = rs.zone.DayStart(day)
	file, err := rs.totals.open(day)
	if err == nil {
		r.in = file
	} else if !errors.Is(err, os.ErrNotExist) {
		rs.log.Warn("the totals of a day cannot be read; days after it are compared with fewer", "day", day, "error", err)
	}
	return r
}

// next reads the total of the next meter. Meters that were registered since have none.
func (r *totalsReader) next(into *vee.Total) error {
	*into = vee.Total{From: r.from}
	if r.in == nil {
		return nil
	}
	head, err := r.in.ReadByte()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil || head == 0 {
		return err
	}
	length := int(head & (totalWhole - 1))
	if length > totalBytes {
		return fmt.Errorf("a total has %d bytes: %w", length, errDamaged)
	}
	number, err := r.in.Peek(length)
	if err != nil {
		return err
	}
	var high, low uint64
	for _, b := range number {
		high, low = high<<8|low>>56, low<<8|uint64(b)
	}
	_, err = r.in.Discard(length)
	into.Used, into.IsKnown, into.IsWhole = meter.AmountFromParts(high, low), true, head&totalWhole != 0
	return err
}

func (r *totalsReader) close() {
	if r.in != nil {
		r.in.close()
	}
}
