package archive

import (
	"crypto/sha256"
	"hash/crc32"
	"io"
)

// asyncWriter hashes and writes on one core what is made on another. It owns a
// goroutine, which end stops.
type asyncWriter struct {
	frames      *frameEncoder // nil if nothing is compressed
	full, empty chan []byte
	failed      chan struct{} // closed when err is set
	ended       chan struct{}

	err   error
	bytes int64
	sum   [sha256.Size]byte
	crc   uint32 // a quick checksum, to read back by
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// asyncBuffers is how many buffers there are: one being filled, one being written,
// one between them.
const asyncBuffers = 3

func startWriter(to io.Writer, compress bool) (*asyncWriter, error) {
	frames, size, err := newFrameEncoder(compress)
	if err != nil {
		return nil, err
	}
	w := &asyncWriter{
		frames: frames,
		full:   make(chan []byte, asyncBuffers), empty: make(chan []byte, asyncBuffers),
		failed: make(chan struct{}), ended: make(chan struct{}),
	}
	for range asyncBuffers {
		w.empty <- make([]byte, 0, size)
	}
	go w.run(to)
	return w, nil
}

func (w *asyncWriter) run(to io.Writer) {
	defer close(w.ended)
	hash := sha256.New()
	write := func(bytes []byte) {
		if w.err != nil || len(bytes) == 0 {
			return
		}
		hash.Write(bytes) // never fails; and comes first, for the bytes are the file's from then on
		w.crc = crc32.Update(w.crc, castagnoli, bytes)
		w.bytes += int64(len(bytes))
		if _, w.err = to.Write(bytes); w.err != nil {
			close(w.failed)
		}
	}
	for buffer := range w.full {
		write(w.frames.encode(buffer))
		w.empty <- buffer[:0]
	}
	write(w.frames.index())
	w.sum = [sha256.Size]byte(hash.Sum(nil))
}

// buffer returns an empty buffer to be filled.
func (w *asyncWriter) buffer() []byte { return <-w.empty }

// put hands a buffer on to be written. The error may be that of an earlier one.
func (w *asyncWriter) put(buffer []byte) error {
	w.full <- buffer
	select {
	case <-w.failed:
		return w.err
	default:
		return nil
	}
}

// end waits until all is written. The sums are known from then on.
func (w *asyncWriter) end() error {
	close(w.full)
	<-w.ended
	return w.err
}
