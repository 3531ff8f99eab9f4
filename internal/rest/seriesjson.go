package rest

import (
	"net/http"
	"strconv"
	"sync"

	"meterledger/internal/httpkit"
	"meterledger/internal/ledger"
	"meterledger/internal/meter"
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
	w        http.ResponseWriter
	calendar meter.Calendar
	opener   byte   // what stands before the next bucket
	b        []byte // with room for another bucket
	begun    bool   // a part of the page was sent
}

// edge is an end of a bucket as it is written.
type edge struct {
	short           bool   // its texts and milli hold all of it
	milli           uint64 // the register, in Wh
	stamp, register meter.Text
}

// writePage answers with a page. A small one is sent in one piece, with its length.
func writePage(w http.ResponseWriter, zone *meter.Zone, id meter.ID, interval ledger.Interval, page *ledger.Page, next string) {
	room := pageChunks.Get().(*[]byte)
	defer pageChunks.Put(room)
	p := pageWriter{w: w, calendar: meter.NewCalendar(zone), opener: '['}
	p.b = appendPageHead((*room)[:0], id, interval, page.Count(), next)
	if !p.buckets(page) {
		return // the caller has gone; nobody is left to tell
	}
	if p.opener == '[' {
		p.b = append(p.b, p.opener)
	}
	p.b = append(p.b, "]}"...)
	if !p.begun {
		httpkit.WriteEncoded(w, http.StatusOK, p.b)
		return
	}
	_, _ = w.Write(append(p.b, '\n')) // as above
}

// buckets writes all buckets of a page, and reports whether they could be sent.
func (p *pageWriter) buckets(page *ledger.Page) bool {
	if run := page.Run(); run != nil {
		return p.run(run)
	}
	for bucket := range page.Buckets() {
		p.bucket(bucket)
		if len(p.b) >= pageChunkBytes && !p.send() {
			return false
		}
	}
	return true
}

// run writes the half hours between readings of which none is missing, as buckets does.
func (p *pageWriter) run(points []meter.Point) bool {
	var edges [2]edge
	p.look(&points[0], &edges[0])
	for i := range points[1:] {
		from, to := &edges[i%2], &edges[1-i%2]
		p.look(&points[i+1], to)
		p.complete(&points[i], &points[i+1], from, to)
		if len(p.b) >= pageChunkBytes && !p.send() {
			return false
		}
	}
	return true
}

// send sends what has been written. It reports false when the caller has gone.
func (p *pageWriter) send() bool {
	if !p.begun {
		p.begun = true
		httpkit.BeginJSON(p.w)
	}
	_, err := p.w.Write(p.b)
	p.b = p.b[:0]
	return err == nil
}

func appendPageHead(b []byte, id meter.ID, interval ledger.Interval, count int, next string) []byte {
	b = append(b, `{"meter_id":"`...)
	b = append(b, id...) // which has nothing that JSON would escape
	b = append(b, `","interval":"`...)
	b = append(b, interval...)
	b = append(b, `","count":`...)
	b = strconv.AppendInt(b, int64(count), 10)
	if next == "" {
		return append(b, `,"next":null,"results":`...)
	}
	b = append(b, `,"next":"`...)
	b = append(b, next...)
	return append(b, `","results":`...)
}

// What stands between the texts of a complete bucket, with room behind it that is
// written over by what follows: an array of a fixed size is written in a few moves.
var (
	rowStart       = [32]byte([]byte(`,{"interval_start":"            `))
	rowEnd         = [32]byte([]byte(`","interval_end":"              `))
	rowRegister    = [32]byte([]byte(`","start_reading":              `))
	rowLater       = [16]byte([]byte(`,"end_reading": `))
	rowConsumption = [16]byte([]byte(`,"consumption": `))
	rowRest        = [80]byte([]byte(`,"complete":true,"clipped":false,"estimated":false,"missing":null}              `))
)

// Where they stand, and how long the later ones are.
const (
	rowStampBytes       = len("2026-11-23T10:30:00")
	rowStartAt          = len(`,{"interval_start":"`)
	rowEndAt            = rowStartAt + rowStampBytes + len(`","interval_end":"`)
	rowRegisterAt       = rowEndAt + rowStampBytes + len(`","start_reading":`)
	rowLaterBytes       = len(`,"end_reading":`)
	rowConsumptionBytes = len(`,"consumption":`)
	rowRestBytes        = len(`,"complete":true,"clipped":false,"estimated":false,"missing":null}`)
)

// look makes what is written of one end of a bucket.
func (p *pageWriter) look(at *meter.Point, e *edge) {
	var plain, few bool
	if e.stamp, plain = p.calendar.Text(at.Slot); !plain && p.calendar.Turn(at.Slot) {
		e.stamp, plain = p.calendar.Text(at.Slot)
	}
	e.milli, few = at.Register.Milli()
	e.register = meter.MilliText(e.milli)
	e.short = plain && few
}

// complete writes a bucket all of which was received, as nearly all are, from its
// readings at both ends.
func (p *pageWriter) complete(start, end *meter.Point, from, to *edge) {
	if !from.short || !to.short || from.milli > to.milli {
		p.longhand(&ledger.Bucket{
			Window: meter.Window{From: start.Slot, To: end.Slot}, Complete: true,
			Start: ledger.Boundary{Register: start.Register, Source: ledger.Received},
			End:   ledger.Boundary{Register: end.Register, Source: ledger.Received},
		})
		return
	}
	b := (*[bucketBytesMax]byte)(p.b[len(p.b) : len(p.b)+bucketBytesMax])
	*(*[len(rowStart)]byte)(b[:]) = rowStart
	b[0], p.opener = p.opener, ','
	from.stamp.Put(b[rowStartAt:])
	*(*[len(rowEnd)]byte)(b[rowStartAt+rowStampBytes:]) = rowEnd
	to.stamp.Put(b[rowEndAt:])
	*(*[len(rowRegister)]byte)(b[rowEndAt+rowStampBytes:]) = rowRegister
	at := rowRegisterAt
	at += from.register.Put(b[at:])
	*(*[len(rowLater)]byte)(b[at:]) = rowLater
	at += rowLaterBytes
	at += to.register.Put(b[at:])
	*(*[len(rowConsumption)]byte)(b[at:]) = rowConsumption
	at += rowConsumptionBytes
	at += meter.MilliText(to.milli - from.milli).Put(b[at:])
	*(*[len(rowRest)]byte)(b[at:]) = rowRest
	p.b = p.b[:len(p.b)+at+rowRestBytes]
}

// bucket writes a bucket.
func (p *pageWriter) bucket(bucket *ledger.Bucket) {
	if !bucket.Complete || bucket.Clipped {
		p.longhand(bucket)
		return
	}
	start := meter.Point{Slot: bucket.Window.From, Register: bucket.Start.Register}
	end := meter.Point{Slot: bucket.Window.To, Register: bucket.End.Register}
	var from, to edge
	p.look(&start, &from)
	p.look(&end, &to)
	p.complete(&start, &end, &from, &to)
}

// longhand writes a bucket of any sort.
func (p *pageWriter) longhand(bucket *ledger.Bucket) {
	b := append(append(p.b, p.opener), `{"interval_start":"`...)
	p.opener = ','
	b = p.calendar.Append(b, bucket.Window.From)
	b = append(b, `","interval_end":"`...)
	b = p.calendar.Append(b, bucket.Window.To)
	b = append(b, `","start_reading":`...)
	b = appendRegister(b, bucket.Start)
	b = append(b, `,"end_reading":`...)
	b = appendRegister(b, bucket.End)
	b = append(b, `,"consumption":`...)
	if bucket.Known() {
		b = append(b, bucket.End.Register.Sub(bucket.Start.Register).String()...)
	} else {
		b = append(b, "null"...)
	}
	b = strconv.AppendBool(append(b, `,"complete":`...), bucket.Complete)
	b = strconv.AppendBool(append(b, `,"clipped":`...), bucket.Clipped)
	b = strconv.AppendBool(append(b, `,"estimated":`...), bucket.Estimated())
	b = append(b, `,"missing":`...)
	b = append(b, missing(*bucket)...)
	p.b = append(b, '}')
}

func appendRegister(b []byte, boundary ledger.Boundary) []byte {
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
