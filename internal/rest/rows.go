package rest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"meterledger/internal/archive"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

const (
	// chunkBytes is how much of an answer is gathered before it is sent: some 700 rows.
	chunkBytes = 32 << 10
	// stalledMax is how long a caller may take nothing of an answer before it is cut off.
	stalledMax = time.Minute
)

// errCallerGone says that the caller hung up, or takes nothing any more.
var errCallerGone = errors.New("the caller took no more of the answer")

// stream answers with rows. An error before the first chunk is answered as any; one
// behind it breaks the connection, so that nobody takes a part for the whole.
func (a *app) stream(w http.ResponseWriter, r *http.Request, write func(*rowWriter) error) error {
	if w.Header().Get("Cache-Control") == "" {
		w.Header().Set("Cache-Control", httpkit.KeepNothing)
	}
	w.Header().Set("Content-Type", typeCSV+"; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if r.Method == http.MethodHead {
		return nil
	}
	out := newRowWriter(w, r, a.zone)
	err := write(out)
	if err == nil {
		err = out.end()
	}
	if errors.Is(err, errCallerGone) {
		a.log.Debug("the caller went away", "path", r.URL.Path, "error", err)
		panic(http.ErrAbortHandler) // which net/http takes for what it is: there is nobody to answer
	}
	return err
}

// rowWriter sends readings as CSV: a chunk at a time, as fast as the caller takes
// them, in memory that does not grow with the answer. No cell of it can be taken for
// a formula by a spreadsheet: ids begin with a letter or a digit, timestamps and
// registers with a digit.
type rowWriter struct {
	ctx    context.Context
	w      http.ResponseWriter
	stamps *meter.Stamps
	room   *[]byte
	chunk  []byte
}

var chunks = sync.Pool{New: func() any {
	b := make([]byte, 0, chunkBytes+csvRowBytesMax)
	return &b
}}

// csvRowBytesMax is more than any row of ours can have.
const csvRowBytesMax = 128

func newRowWriter(w http.ResponseWriter, r *http.Request, zone *meter.Zone) *rowWriter {
	room := chunks.Get().(*[]byte)
	header := append((*room)[:0], archive.Header+"\n"...)
	return &rowWriter{ctx: r.Context(), w: w, stamps: meter.NewStamps(zone), room: room, chunk: header}
}

// rows adds a meter's readings.
func (o *rowWriter) rows(id meter.ID, points []meter.Point) error {
	for _, p := range points {
		o.chunk = append(append(o.chunk, id...), ',')
		o.chunk = append(o.stamps.Append(o.chunk, p.Slot), ',')
		o.chunk = append(p.Register.Append(o.chunk), '\n')
		if len(o.chunk) >= chunkBytes {
			if err := o.send(); err != nil {
				return err
			}
		}
	}
	return nil
}

// send hands the chunk to the caller. What has been sent cannot be taken back: from
// then on an error breaks the connection.
func (o *rowWriter) send() error {
	if err := o.ctx.Err(); err != nil {
		return errors.Join(errCallerGone, err)
	}
	connection := http.NewResponseController(o.w)
	if err := connection.SetWriteDeadline(time.Now().Add(stalledMax)); err != nil {
		return fmt.Errorf("limiting how long a chunk may take: %w", err)
	}
	_, err := o.w.Write(o.chunk)
	if err == nil {
		err = connection.Flush()
	}
	if err != nil {
		return errors.Join(errCallerGone, err)
	}
	o.chunk = o.chunk[:0]
	return nil
}

// end sends what is left and gives the connection back as it was.
func (o *rowWriter) end() error {
	if err := o.send(); err != nil {
		return err
	}
	*o.room = o.chunk
	chunks.Put(o.room)
	if err := http.NewResponseController(o.w).SetWriteDeadline(time.Time{}); err != nil {
		return fmt.Errorf("lifting the limit of the last chunk: %w", err)
	}
	return nil
}
