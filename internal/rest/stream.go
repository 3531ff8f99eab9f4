package rest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

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

// streamCSV answers with the rows that write adds, meter by meter.
func (a *api) streamCSV(w http.ResponseWriter, r *http.Request, write func(add func(meter.ID, []meter.Point) error) error) error {
	w.Header().Set("Content-Type", typeCSV+"; charset=utf-8")
	return a.stream(w, r, func(s *stream) error {
		rows := meter.NewRowWriter(a.zone)
		s.chunk = append(s.chunk, meter.RowHeader+"\n"...)
		return write(func(id meter.ID, points []meter.Point) error {
			for _, p := range points {
				s.chunk = rows.Append(s.chunk, id, p)
				if err := s.sendFull(); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// stream answers in chunks. An error before the first chunk is answered as any; one
// behind it breaks the connection, so that nobody takes a part for the whole.
func (a *api) stream(w http.ResponseWriter, r *http.Request, write func(*stream) error) error {
	if w.Header().Get("Cache-Control") == "" {
		w.Header().Set("Cache-Control", httpkit.KeepNothing)
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if r.Method == http.MethodHead {
		return nil
	}
	buffer := chunks.Get().(*[]byte)
	s := &stream{ctx: r.Context(), w: w, chunk: (*buffer)[:0]}
	err := write(s)
	if err == nil {
		err = s.end()
	}
	if errors.Is(err, errCallerGone) {
		a.log.Debug("the caller went away", "path", r.URL.Path, "error", err)
		panic(http.ErrAbortHandler) // which net/http takes for what it is: there is nobody to answer
	}
	*buffer = s.chunk
	chunks.Put(buffer)
	return err
}

// stream sends an answer a chunk at a time, as fast as the caller takes it, in memory
// that does not grow with the answer.
type stream struct {
	ctx   context.Context
	w     http.ResponseWriter
	chunk []byte
}

var chunks = sync.Pool{New: func() any {
	b := make([]byte, 0, chunkBytes+meter.WrittenRowBytesMax)
	return &b
}}

// sendFull sends the chunk if it is full.
func (s *stream) sendFull() error {
	if len(s.chunk) < chunkBytes {
		return nil
	}
	return s.send()
}

// send hands the chunk to the caller. What has been sent cannot be taken back: from
// then on an error breaks the connection.
func (s *stream) send() error {
	if err := s.ctx.Err(); err != nil {
		return errors.Join(errCallerGone, err)
	}
	connection := http.NewResponseController(s.w)
	if err := connection.SetWriteDeadline(time.Now().Add(stalledMax)); err != nil {
		return fmt.Errorf("limiting how long a chunk may take: %w", err)
	}
	_, err := s.w.Write(s.chunk)
	if err == nil {
		err = connection.Flush()
	}
	if err != nil {
		return errors.Join(errCallerGone, err)
	}
	s.chunk = s.chunk[:0]
	return nil
}

// end sends what is left and gives the connection back as it was.
func (s *stream) end() error {
	if err := s.send(); err != nil {
		return err
	}
	if err := http.NewResponseController(s.w).SetWriteDeadline(time.Time{}); err != nil {
		return fmt.Errorf("lifting the limit of the last chunk: %w", err)
	}
	return nil
}
