package rest

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

const (
	// chunkBytes is how much of an answer is sent at once: some 700 rows.
	chunkBytes = 32 << 10
	// streamBytesMin is how fast a caller must take a stream, in bytes a second, and stalledMax
	// how far it may fall behind that. The time between chunks, in which we work, does not count.
	streamBytesMin = 32 << 10
	stalledMax     = 10 * time.Second
)

// errCallerGone says that the caller hung up, or stopped receiving.
var errCallerGone = errors.New("the caller took no more of the answer")

// rowStream sends rows as CSV.
type rowStream struct {
	stream
	rows meter.RowWriter
}

// streamCSV answers with the rows that write adds.
func (a *app) streamCSV(w http.ResponseWriter, r *http.Request, write func(*rowStream) error) error {
	w.Header().Set("Content-Type", typeCSV+"; charset=utf-8")
	s := &rowStream{stream: a.newStream(w, r), rows: meter.NewRowWriter(a.zone)}
	if r.Method == http.MethodHead {
		return nil
	}
	s.chunk = append(s.chunk, meter.RowHeader+"\n"...)
	return s.end(write(s))
}

// add adds a meter's readings.
func (s *rowStream) add(id meter.ID, points []meter.Point) error {
	for _, p := range points {
		s.chunk = s.rows.Append(s.chunk, id, p)
		if len(s.chunk) >= chunkBytes {
			if err := s.send(); err != nil {
				return err
			}
		}
	}
	return nil
}

// stream sends an answer in chunks, as fast as the caller takes them, in memory that does
// not grow with the answer. An error before the first chunk becomes the answer; a later one
// breaks the connection, so that nobody takes a part for the whole.
type stream struct {
	w        http.ResponseWriter
	r        *http.Request
	log      *slog.Logger
	buffer   *[]byte
	chunk    []byte
	begun    bool          // a chunk was sent
	isPlaced bool          // the answer says a position
	late     time.Duration // by how much the caller is behind
}

func (a *app) newStream(w http.ResponseWriter, r *http.Request) stream {
	if w.Header().Get("Cache-Control") == "" {
		w.Header().Set("Cache-Control", httpkit.KeepNothing)
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	buffer := chunks.Get().(*[]byte)
	return stream{w: w, r: r, log: a.log, buffer: buffer, chunk: (*buffer)[:0], isPlaced: a.isShared}
}

var chunks = sync.Pool{New: func() any {
	b := make([]byte, 0, chunkBytes+meter.WrittenRowBytesMax)
	return &b
}}

// send sends the chunk.
func (s *stream) send() error {
	if err := s.r.Context().Err(); err != nil {
		return errors.Join(errCallerGone, err)
	}
	if !s.begun && s.isPlaced && s.w.Header().Get("Content-Length") == "" { // more is read than is sent now
		sayBehind(s.w)
	}
	connection, sent := http.NewResponseController(s.w), time.Now()
	due := time.Duration(len(s.chunk)) * time.Second / streamBytesMin
	if err := connection.SetWriteDeadline(sent.Add(stalledMax + due - s.late)); err != nil {
		return fmt.Errorf("limiting how long a chunk may take: %w", err)
	}
	_, err := s.w.Write(s.chunk)
	if err == nil {
		err = connection.Flush()
	}
	if err != nil {
		return errors.Join(errCallerGone, err)
	}
	s.late = max(0, s.late+time.Since(sent)-due)
	s.chunk, s.begun = s.chunk[:0], true
	return nil
}

// end sends the last chunk, unless err is set, and restores the connection. An answer of one
// chunk goes out with its length.
func (s *stream) end(err error) error {
	if err == nil {
		if !s.begun {
			s.w.Header().Set("Content-Length", strconv.Itoa(len(s.chunk)))
		}
		err = s.send()
	}
	if errors.Is(err, errCallerGone) {
		s.log.Debug("the caller went away", "path", httpkit.LoggedPath(s.r), "error", err)
		panic(http.ErrAbortHandler) // nobody is left to answer
	}
	if err != nil {
		return err
	}
	*s.buffer = s.chunk
	chunks.Put(s.buffer)
	if err := http.NewResponseController(s.w).SetWriteDeadline(time.Time{}); err != nil {
		return fmt.Errorf("lifting the limit of the last chunk: %w", err)
	}
	return nil
}
