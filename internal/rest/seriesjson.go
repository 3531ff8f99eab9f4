package rest

import (
	"net/http"
	"strconv"
	"sync"

	"meterledger/internal/ledger"
	"meterledger/internal/meter"
	"meterledger/internal/web"
)

// pageChunkBytes is how much of a page is gathered before it is sent: a month of half
// hours goes out in one piece, which costs a third less than several.
const pageChunkBytes = 512 << 10

// bucketBytesMax is more than any bucket can have.
const bucketBytesMax = 512

var pageChunks = sync.Pool{New: func() any {
	b := make([]byte, 0, pageChunkBytes+bucketBytesMax)
	return &b
}}

// pageWriter writes a page of a series as JSON. It does by hand what encoding/json
// does by reflection, because a page has up to 25,000 buckets of nine fields; a test
// holds the two against each other.
type pageWriter struct {
	stamps *meter.Stamps
	edges  [2]edgeText // of the bucket that was written last
	to     int         // which of them is its later one
	b      []byte
}

// edgeText is the end of a bucket as it is written. Neighbours share one.
type edgeText struct {
	slot            meter.Slot
	stamp, register shortText // the stamp is empty before the first
}

// shortText has room for a stamp with its offset, or a register. It is always copied
// whole, which takes two moves; a copy of just its length would be a call.
type shortText struct {
	room   [32]byte
	length int
}

// put appends a text to b, which must have room for 32 bytes.
func (t *shortText) put(b []byte) []byte {
	end := len(b)
	*(*[len(t.room)]byte)(b[end : end+len(t.room)]) = t.room
	return b[:end+t.length]
}

// writePage answers with a page. A small one is sent in one piece, with its length.
func writePage(w http.ResponseWriter, zone *meter.Zone, id meter.ID, interval ledger.Interval, page *ledger.Page, next string) {
	room := pageChunks.Get().(*[]byte)
	defer pageChunks.Put(room)
	p := pageWriter{stamps: meter.NewStamps(zone)}
	p.b = appendPageHead((*room)[:0], id, interval, page.Count(), next)
	begun, separator := false, ""
	for bucket := range page.Buckets() {
		p.b = append(p.b, separator...)
		separator = ","
		p.bucket(bucket)
		if len(p.b) < pageChunkBytes {
			continue
		}
		if !begun {
			begun = true
			web.BeginJSON(w)
		}
		if _, err := w.Write(p.b); err != nil {
			return // the caller has gone; nobody is left to tell
		}
		p.b = p.b[:0]
	}
	p.b = append(p.b, "]}"...)
	if !begun {
		web.WriteEncoded(w, http.StatusOK, p.b)
		return
	}
	_, _ = w.Write(append(p.b, '\n')) // as above
}

func appendPageHead(b []byte, id meter.ID, interval ledger.Interval, count int, next string) []byte {
	b = append(b, `{"meter_id":"`...)
	b = append(b, id...) // which has nothing that JSON would escape
	b = append(b, `","interval":"`...)
	b = append(b, interval...)
	b = append(b, `","count":`...)
	b = strconv.AppendInt(b, int64(count), 10)
	if next == "" {
		return append(b, `,"next":null,"results":[`...)
	}
	b = append(b, `,"next":"`...)
	b = append(b, next...)
	return append(b, `","results":[`...)
}

func (p *pageWriter) bucket(bucket *ledger.Bucket) {
	from, to := p.look(bucket)
	b := append(p.b, `{"interval_start":"`...)
	b = from.stamp.put(b)
	b = append(b, `","interval_end":"`...)
	b = to.stamp.put(b)
	b = append(b, `","start_reading":`...)
	b = from.register.put(b)
	b = append(b, `,"end_reading":`...)
	b = to.register.put(b)
	b = append(b, `,"consumption":`...)
	if bucket.Known() {
		b = bucket.End.Register.AppendSub(b, bucket.Start.Register)
	} else {
		b = append(b, "null"...)
	}
	if bucket.Complete && !bucket.Clipped { // as nearly all are
		p.b = append(b, `,"complete":true,"clipped":false,"estimated":false,"missing":null}`...)
		return
	}
	b = strconv.AppendBool(append(b, `,"complete":`...), bucket.Complete)
	b = strconv.AppendBool(append(b, `,"clipped":`...), bucket.Clipped)
	b = strconv.AppendBool(append(b, `,"estimated":`...), bucket.Estimated())
	b = append(b, `,"missing":`...)
	b = append(b, missing(*bucket)...)
	p.b = append(b, '}')
}

// look makes the texts of a bucket's ends, but for the one that it shares with the
// bucket before.
func (p *pageWriter) look(bucket *ledger.Bucket) (from, to *edgeText) {
	from, to = &p.edges[1-p.to], &p.edges[p.to]
	switch {
	case to.stamp.length > 0 && to.slot == bucket.Window.From: // ascending
		from, to = to, from
		p.to = 1 - p.to
		p.edge(to, bucket.Window.To, bucket.End)
	case from.stamp.length > 0 && from.slot == bucket.Window.To: // descending
		from, to = to, from
		p.to = 1 - p.to
		p.edge(from, bucket.Window.From, bucket.Start)
	default:
		p.edge(from, bucket.Window.From, bucket.Start)
		p.edge(to, bucket.Window.To, bucket.End)
	}
	return from, to
}

func (p *pageWriter) edge(text *edgeText, slot meter.Slot, boundary ledger.Boundary) {
	text.slot = slot
	text.stamp.length = len(p.stamps.Append(text.stamp.room[:0], slot))
	if boundary.Source == ledger.Missing {
		text.register.length = copy(text.register.room[:], "null")
	} else {
		text.register.length = len(boundary.Register.Append(text.register.room[:0]))
	}
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
