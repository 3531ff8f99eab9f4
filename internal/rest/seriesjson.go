package rest

import (
	"strconv"
	"sync"

	"meterledger/internal/ledger"
	"meterledger/internal/meter"
)

// bodyBytesKept is up to which size the room of an answer is used again. A month of
// half hours takes a third of it.
const bodyBytesKept = 1 << 20

// bodies is room for answers that are made of many rows.
var bodies = sync.Pool{New: func() any { return new([]byte) }}

func keepBody(room *[]byte, b []byte) {
	if cap(b) <= bodyBytesKept {
		*room = b[:0]
		bodies.Put(room)
	}
}

// appendSeries writes a page of a series as JSON. It does by hand what encoding/json
// does by reflection, because a page has up to 25,000 rows of nine fields; a test
// holds the two against each other.
func appendSeries(b []byte, zone *meter.Zone, id meter.ID, interval ledger.Interval, page *ledger.Page, next string) []byte {
	b = append(b, `{"meter_id":"`...)
	b = append(b, id...) // which has nothing that JSON would escape
	b = append(b, `","interval":"`...)
	b = append(b, interval...)
	b = append(b, `","count":`...)
	b = strconv.AppendInt(b, int64(page.Count()), 10)
	b = append(b, `,"next":`...)
	if next == "" {
		b = append(b, "null"...)
	} else {
		b = append(append(append(b, '"'), next...), '"')
	}
	b = append(b, `,"results":[`...)
	stamps := meter.NewStamps(zone)
	first := true
	for bucket := range page.Buckets() {
		if !first {
			b = append(b, ',')
		}
		first = false
		b = appendBucket(b, stamps, bucket)
	}
	return append(b, "]}"...)
}

func appendBucket(b []byte, stamps *meter.Stamps, bucket ledger.Bucket) []byte {
	b = append(b, `{"interval_start":"`...)
	b = stamps.Append(b, bucket.Window.From)
	b = append(b, `","interval_end":"`...)
	b = stamps.Append(b, bucket.Window.To)
	b = append(b, `","start_reading":`...)
	b = appendBoundary(b, bucket.Start)
	b = append(b, `,"end_reading":`...)
	b = appendBoundary(b, bucket.End)
	b = append(b, `,"consumption":`...)
	if bucket.Known() {
		b = bucket.End.Register.AppendSub(b, bucket.Start.Register)
	} else {
		b = append(b, "null"...)
	}
	if bucket.Complete && !bucket.Clipped { // as nearly all are
		return append(b, `,"complete":true,"clipped":false,"estimated":false,"missing":null}`...)
	}
	b = strconv.AppendBool(append(b, `,"complete":`...), bucket.Complete)
	b = strconv.AppendBool(append(b, `,"clipped":`...), bucket.Clipped)
	b = strconv.AppendBool(append(b, `,"estimated":`...), bucket.Estimated())
	b = append(b, `,"missing":`...)
	b = append(b, missing(bucket)...)
	return append(b, '}')
}

func appendBoundary(b []byte, boundary ledger.Boundary) []byte {
	if boundary.Source == ledger.Missing {
		return append(b, "null"...)
	}
	return boundary.Register.Append(b)
}

// missing names the ends of a bucket whose registers were not received.
func missing(b ledger.Bucket) string {
	start, end := b.Start.Source != ledger.Received, b.End.Source != ledger.Received
	switch {
	case start && end:
		return `"both"`
	case start:
		return `"start"`
	case end:
		return `"end"`
	default:
		return "null"
	}
}
