package rest

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"

	"meterledger/api"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
	"meterledger/internal/query"
	"meterledger/internal/vee"
)

// pageChunkBytes is how much of a page is sent at once: a month of half hours fits in one
// piece, which costs a third less than several.
const pageChunkBytes = 512 << 10

// bucketBytesMax is more than the length of any bucket.
const bucketBytesMax = 512

var pageChunks = sync.Pool{New: func() any {
	b := make([]byte, 0, pageChunkBytes+bucketBytesMax)
	return &b
}}

// pageWriter writes a page of a series as JSON. It does by hand what encoding/json does by
// reflection, because a page has up to 25,000 buckets of nine fields; a test compares the
// two.
type pageWriter struct {
	w        http.ResponseWriter
	zone     *meter.Zone
	calendar meter.Calendar
	opener   byte   // [ before the first bucket, then a comma
	b        []byte // has capacity for another bucket
	begun    bool   // a part of the page was sent
	numbers  numberForm
}

// pageHead is what a page has beside its buckets.
type pageHead struct {
	meter    meter.ID
	interval query.Interval
	next     string // the cursor of the next page; empty on the last
	terms    api.Terms
	numbers  numberForm
}

// writePage answers with a page. A small one is sent with its length.
func writePage(w http.ResponseWriter, zone *meter.Zone, page *query.Page, head pageHead) {
	chunk := pageChunks.Get().(*[]byte)
	defer pageChunks.Put(chunk)
	p := pageWriter{w: w, zone: zone, calendar: meter.NewCalendar(zone), opener: '[', numbers: head.numbers}
	p.b = head.append((*chunk)[:0], page.Count())
	if !p.buckets(page) {
		return // the caller has gone
	}
	if p.opener == '[' {
		p.b = append(p.b, p.opener)
	}
	last := p.numbers.encode(append(p.b, "]}"...))
	if !p.begun {
		httpkit.WriteEncoded(w, http.StatusOK, last)
		return
	}
	_, _ = w.Write(append(last, '\n')) // a failed write means that the caller has gone
}

// buckets writes all buckets of a page. It returns false if the caller has gone.
func (p *pageWriter) buckets(page *query.Page) bool {
	if points := page.Contiguous(); points != nil {
		return p.run(points)
	}
	var from, to edge
	for bucket := range page.Buckets() {
		if len(bucket.Changes()) > 0 {
			if !p.changed(bucket) {
				return false
			}
			continue
		}
		p.look(bucket.Window.From, bucket.Start.Register, bucket.Start.Source, &from)
		p.look(bucket.Window.To, bucket.End.Register, bucket.End.Source, &to)
		if !p.bucket(&from, &to, suffixOf(bucket)) {
			return false
		}
	}
	return true
}

// run is buckets for half hours of which no reading is missing. Neighbours share an edge,
// which is made once.
func (p *pageWriter) run(points []meter.Point) bool {
	var edges [2]edge
	received := vee.Known{Source: vee.Received}
	suffix := suffixOf(&query.Bucket{Start: received, End: received, Source: vee.Received, Complete: true})
	p.look(points[0].Slot, points[0].Register, vee.Received, &edges[0])
	for i := range points[1:] {
		from, to := &edges[i%2], &edges[1-i%2]
		p.look(points[i+1].Slot, points[i+1].Register, vee.Received, to)
		if !p.bucket(from, to, suffix) {
			return false
		}
	}
	return true
}

// bucket writes a bucket. It returns false if the caller has gone.
func (p *pageWriter) bucket(from, to *edge, suffix *bucketSuffix) bool {
	b := (*[bucketBytesMax]byte)(p.b[len(p.b) : len(p.b)+bucketBytesMax])
	*(*[len(textStart)]byte)(b[:]) = bytesStart
	b[0], p.opener = p.opener, ','
	at := len(textStart) + from.stamp.Put(b[len(textStart):])
	*(*[len(textEnd)]byte)(b[at:]) = bytesEnd
	at += len(textEnd)
	at += to.stamp.Put(b[at:])
	*(*[len(textRegister)]byte)(b[at:]) = bytesRegister
	at += len(textRegister)
	at += from.text.Put(b[at:])
	*(*[len(bytesLater)]byte)(b[at:]) = bytesLater
	at += len(textLater)
	at += to.text.Put(b[at:])
	*(*[len(bytesConsumption)]byte)(b[at:]) = bytesConsumption
	at += len(textConsumption)
	if from.isWh && to.isWh && from.wh <= to.wh {
		at += meter.MilliText(to.wh - from.wh).Put(b[at:])
	} else {
		at += consumption(from, to).Put(b[at:])
	}
	*(*[len(suffix.text)]byte)(b[at:]) = suffix.text
	p.b = p.b[:len(p.b)+at+suffix.length]
	return len(p.b) < pageChunkBytes || p.send()
}

// changed writes a bucket between whose ends the dial changes, of which there are few. It
// returns false if the caller has gone.
func (p *pageWriter) changed(b *query.Bucket) bool {
	interval := api.Interval{
		Start: p.zone.Stamp(b.Window.From), End: p.zone.Stamp(b.Window.To), Complete: b.Complete, Clipped: b.Clipped, Estimated: b.Estimated(),
		Certainty: certainties[b.Source], RegisterChanges: registerChanges(p.zone, b.Changes()),
	}
	if b.Start.Source != vee.Missing {
		interval.StartReading = &b.Start.Register
	}
	if b.End.Source != vee.Missing {
		interval.EndReading = &b.End.Register
	}
	if b.Source != vee.Missing {
		interval.Consumption = new(b.Energy())
	}
	if name := missing(!b.Start.Source.IsRead(), !b.End.Source.IsRead()); name != "" {
		interval.Missing = &name
	}
	p.b = append(append(p.b, p.opener), httpkit.Encode(interval)...)
	p.opener = ','
	return len(p.b) < pageChunkBytes || p.send()
}

// send sends what is written so far. It returns false if the caller has gone.
func (p *pageWriter) send() bool {
	if !p.begun {
		p.begun = true
		httpkit.BeginJSON(p.w)
	}
	_, err := p.w.Write(p.numbers.encode(p.b))
	p.b = p.b[:0]
	return err == nil
}

// append appends all that stands before the buckets, of which there are count. Nothing in it
// is text that JSON would escape.
func (h pageHead) append(b []byte, count int) []byte {
	b = append(b, `{"meter_id":"`...)
	b = append(b, h.meter...)
	b = append(b, `","interval":"`...)
	b = append(b, h.interval...)
	b = append(b, `","count":`...)
	b = strconv.AppendInt(b, int64(count), 10)
	b = append(b, `,"next":`...)
	if h.next == "" {
		b = append(b, "null"...)
	} else {
		b = append(append(append(b, '"'), h.next...), '"')
	}
	b = append(b, `,"timezone":"`...)
	b = append(b, h.terms.Timezone...)
	b = append(b, `","unit":"`...)
	b = append(b, h.terms.Unit...)
	return append(b, `","results":`...)
}

// edge is the start or the end of a bucket.
type edge struct {
	stamp, text meter.Text
	register    meter.Register
	wh          uint64 // the register in Wh
	known, isWh bool   // isWh: the register is known and a whole number of Wh
}

var null = meter.NewText("null")

// look fills in one edge of a bucket.
func (p *pageWriter) look(slot meter.Slot, register meter.Register, source vee.Source, e *edge) {
	var near bool
	if e.stamp, near = p.calendar.Text(slot); !near {
		e.stamp = p.calendar.TurnTo(slot)
	}
	e.register, e.known = register, source != vee.Missing
	e.wh, e.isWh = register.Milli()
	switch e.isWh = e.isWh && e.known; {
	case e.isWh:
		e.text = meter.MilliText(e.wh)
	case e.known:
		e.text = register.Text()
	default:
		e.text = null
	}
}

// consumption returns what was used between two edges of which not both are isWh.
func consumption(from, to *edge) meter.Text {
	if !from.known || !to.known {
		return null
	}
	return meter.NewText(to.register.Total().Sub(from.register.Total()).String())
}

// Constant text between a bucket's values; as arrays, which are copied in a few moves.
const (
	textStart       = `,{"interval_start":"`
	textEnd         = `","interval_end":"`
	textRegister    = `","start_reading":`
	textLater       = `,"end_reading":`
	textConsumption = `,"consumption":`
)

var (
	bytesStart       = [len(textStart)]byte([]byte(textStart))
	bytesEnd         = [len(textEnd)]byte([]byte(textEnd))
	bytesRegister    = [len(textRegister)]byte([]byte(textRegister))
	bytesLater       = [16]byte([]byte(textLater + " "))
	bytesConsumption = [16]byte([]byte(textConsumption + " "))
)

// bucketSuffix is the constant text after a bucket's values, padded to a fixed size so that
// a copy is a few moves; the padding is overwritten.
type bucketSuffix struct {
	text   [128]byte
	length int
}

// bucketSuffixes are those of all kinds of buckets, in the order of suffixOf.
var bucketSuffixes = func() (all [32 * vee.Sources]bucketSuffix) {
	for i := range all {
		source := vee.Source(i / 32)
		all[i].length = copy(all[i].text[:], fmt.Sprintf(`,"complete":%t,"clipped":%t,"estimated":%t,"missing":%s,"quality":%s,"method":%s}`,
			i&1 > 0, i&2 > 0, i&4 > 0, word(missing(i&8 > 0, i&16 > 0)), word(string(source.Quality())), word(string(source.Method()))))
	}
	return all
}()

func suffixOf(b *query.Bucket) *bucketSuffix {
	i := 32 * int(b.Source)
	if b.Complete {
		i |= 1
	}
	if b.Clipped {
		i |= 2
	}
	if b.Estimated() {
		i |= 4
	}
	if !b.Start.Source.IsRead() {
		i |= 8
	}
	if !b.End.Source.IsRead() {
		i |= 16
	}
	return &bucketSuffixes[i]
}

// word returns a word as JSON; the empty one is null.
func word(text string) string {
	if text == "" {
		return "null"
	}
	return strconv.Quote(text)
}

// missing names the ends of a bucket whose registers were not received; it is empty if both
// were.
func missing(start, end bool) string {
	switch {
	case start && end:
		return "both"
	case start:
		return "start"
	case end:
		return "end"
	default:
		return ""
	}
}
