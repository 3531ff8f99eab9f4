package rest

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http"
	"slices"
	"strconv"
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/query"
	"meterledger/internal/store"
	"meterledger/internal/vee"
)

// pageSize is the most results that a page may have; 0 if it is not given.
type pageSize int

const (
	pageSizeDefault = 100
	pageSizeMax     = 25000
)

func (p *pageSize) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(string(text), 10, 32)
	if err != nil || n < 1 || n > pageSizeMax {
		return fmt.Errorf("must be a whole number from 1 to %d", pageSizeMax)
	}
	*p = pageSize(n)
	return nil
}

func (p pageSize) orDefault() int { return cmp.Or(int(p), pageSizeDefault) }

const (
	// pagesBytesMax is how much memory all pages under way may take: a caller may be slow to
	// take its own, or never do so.
	pagesBytesMax = 128 << 20
	// seriesPageBytes is what a page of a series takes, however long: its readings and a chunk.
	seriesPageBytes = 1 << 20
	// resultBytes is what a result of any other page takes, as a struct and as JSON, most of it
	// a reason that somebody gave.
	resultBytes = 1 << 10
	// pagePatience is how long a page waits until others leave room for it.
	pagePatience = 5 * time.Second
)

func newPageBudget() *budget {
	b := newBudget(pagesBytesMax, pagePatience, "pages", meter.KindUnavailable, meter.CodeOverloaded)
	b.isShared = true // any two households could keep all others from their readings
	return b
}

// bytes is what a page of so many results takes of the budget.
func (p pageSize) bytes() int { return p.orDefault() * resultBytes }

// linkNext sets the Link header (RFC 8288) to the next page.
func linkNext(w http.ResponseWriter, r *http.Request, cursor string) {
	query := r.URL.Query()
	query.Set("cursor", cursor)
	w.Header().Set("Link", "<"+r.URL.EscapedPath()+"?"+query.Encode()+`>; rel="next"`)
}

// metersCursor is the first meter of a page, in the order of registration, as four bytes in
// base64url. That order never changes, and new meters come last.
type metersCursor store.Index

var errForeignCursor = errors.New("is not one that this api gave")

func (c *metersCursor) UnmarshalText(text []byte) error {
	b, err := base64.RawURLEncoding.Strict().DecodeString(string(text))
	if err != nil || len(b) != 4 {
		return errForeignCursor
	}
	*c = metersCursor(binary.BigEndian.Uint32(b))
	return nil
}

func (c metersCursor) String() string {
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, uint32(c)))
}

// The cursor of a series holds the series, and at, the start of the next page:
//
//	+---------+----------+-------+---------+---------+---------+----------+
//	| version | interval | flags | from    | to      | at      | checksum |
//	| 1 byte  | 1        | 1     | 4 bytes | 4       | 4       | 4        |
//	+---------+----------+-------+---------+---------+---------+----------+
//
// as base64url without padding. A parameter that is not given with a cursor keeps its value
// from the first page, even if another month has begun; one that is given must have that
// value. The checksum covers the meter's id too.
const (
	cursorVersion = 1
	cursorBytes   = 19

	flagDescending = 1
	flagLinear     = 2
	flagAuto       = 4
)

var (
	cursorIntervals = []query.Interval{query.HalfHour, query.Hour, query.Day, query.Week, query.Month}
	castagnoli      = crc32.MakeTable(crc32.Castagnoli)
)

func writeCursor(id meter.ID, q query.SeriesQuery, at meter.Slot) string {
	b := make([]byte, 0, cursorBytes)
	b = append(b, cursorVersion, byte(slices.Index(cursorIntervals, q.Interval)), flags(q))
	for _, slot := range []meter.Slot{q.Window.From, q.Window.To, at} {
		b = binary.BigEndian.AppendUint32(b, uint32(slot))
	}
	b = binary.BigEndian.AppendUint32(b, checksum(id, b))
	return base64.RawURLEncoding.EncodeToString(b)
}

func flags(q query.SeriesQuery) (set byte) {
	if q.Descending {
		set |= flagDescending
	}
	switch q.Estimate {
	case vee.LinearOnly:
		set |= flagLinear
	case vee.Auto:
		set |= flagAuto
	}
	return set
}

func checksum(id meter.ID, b []byte) uint32 {
	return crc32.Update(crc32.Checksum(b, castagnoli), castagnoli, []byte(id))
}

// readCursor returns the series of a meter's cursor, with the start of the page.
func readCursor(id meter.ID, s string) (q query.SeriesQuery, err error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != cursorBytes || b[0] != cursorVersion || int(b[1]) >= len(cursorIntervals) {
		return q, meter.Invalid(meter.CodeInvalidParameter, "cursor", "%v", errForeignCursor)
	}
	slot := func(i int) meter.Slot { return meter.Slot(binary.BigEndian.Uint32(b[3+4*i:])) }
	if uint32(slot(3)) != checksum(id, b[:cursorBytes-4]) {
		return q, meter.Invalid(meter.CodeInvalidParameter, "cursor", "%v for meter %s", errForeignCursor, id)
	}
	at := slot(2)
	return query.SeriesQuery{
		Window: meter.Window{From: slot(0), To: slot(1)}, Interval: cursorIntervals[b[1]],
		Descending: b[2]&flagDescending != 0, Estimate: estimateOf(b[2]), At: &at,
	}, nil
}

func estimateOf(flags byte) vee.Mode {
	switch {
	case flags&flagAuto != 0:
		return vee.Auto
	case flags&flagLinear != 0:
		return vee.LinearOnly
	default:
		return vee.None
	}
}
