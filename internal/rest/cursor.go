package rest

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"slices"

	"meterledger/internal/ledger"
	"meterledger/internal/meter"
)

// A cursor holds the series that it belongs to and where its next page begins:
//
//	+---------+----------+-------+---------+---------+---------+----------+
//	| version | interval | flags | from    | to      | at      | checksum |
//	| 1 byte  | 1        | 1     | 4 bytes | 4       | 4       | 4        |
//	+---------+----------+-------+---------+---------+---------+----------+
//
// as base64url without padding. So what is left out beside a cursor is as it was,
// also when the month has turned meanwhile; what is given has to be the same. The
// checksum covers the meter's id too.
const (
	cursorVersion = 1
	cursorBytes   = 19

	flagDescending = 1
	flagEstimate   = 2
)

var (
	cursorIntervals = []ledger.Interval{ledger.HalfHour, ledger.Hour, ledger.Day, ledger.Week, ledger.Month}
	castagnoli      = crc32.MakeTable(crc32.Castagnoli)
)

func writeCursor(id meter.ID, q ledger.SeriesQuery, at meter.Slot) string {
	b := make([]byte, 0, cursorBytes)
	b = append(b, cursorVersion, byte(slices.Index(cursorIntervals, q.Interval)), flags(q))
	for _, slot := range []meter.Slot{q.Window.From, q.Window.To, at} {
		b = binary.BigEndian.AppendUint32(b, uint32(slot))
	}
	b = binary.BigEndian.AppendUint32(b, checksum(id, b))
	return base64.RawURLEncoding.EncodeToString(b)
}

func flags(q ledger.SeriesQuery) (set byte) {
	if q.Descending {
		set |= flagDescending
	}
	if q.Estimate {
		set |= flagEstimate
	}
	return set
}

func checksum(id meter.ID, b []byte) uint32 {
	return crc32.Update(crc32.Checksum(b, castagnoli), castagnoli, []byte(id))
}

// readCursor returns the series that a cursor of a meter belongs to, and where its
// page begins.
func readCursor(id meter.ID, s string) (q ledger.SeriesQuery, err error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != cursorBytes || b[0] != cursorVersion || int(b[1]) >= len(cursorIntervals) {
		return q, meter.Invalid(meter.CodeInvalidParameter, "cursor", "is not one that this api gave")
	}
	slot := func(i int) meter.Slot { return meter.Slot(binary.BigEndian.Uint32(b[3+4*i:])) }
	if uint32(slot(3)) != checksum(id, b[:cursorBytes-4]) {
		return q, meter.Invalid(meter.CodeInvalidParameter, "cursor", "is not one that this api gave for meter %s", id)
	}
	at := slot(2)
	return ledger.SeriesQuery{
		Window: meter.Window{From: slot(0), To: slot(1)}, Interval: cursorIntervals[b[1]],
		Descending: b[2]&flagDescending != 0, Estimate: b[2]&flagEstimate != 0, At: &at,
	}, nil
}
