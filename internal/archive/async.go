package archive

import (
	"crypto/sha256"
	"hash/crc32"
	"io"
	"runtime"
)

// asyncWriter compresses, hashes and writes on other cores what is made on one. It owns a
// goroutine that hashes and writes the parts in the order of the file, and of a compressed
// file one for each part that makes its frame. They have ended when end returns.
type asyncWriter struct {
	frames      *frameEncoder // nil if nothing is compressed
	full, empty chan *part
	filling     *part         // whose buffer the caller has
	failed      chan struct{} // closed when err is set
	ended       chan struct{}

	err   error
	bytes int64
	sum   [sha256.Size]byte
	crc   uint32 // a quick checksum, to read back by
}

// part is some lines of a file, and of a compressed one the frame that is made of them.
type part struct {
	lines, frame []byte
	isMade       chan struct{} // has an element once the frame is made
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const (
	// plainParts is how many parts of a plain file there are: one being filled, one being
	// written, one between them.
	plainParts = 3
	// encodersMax is how many frames are made at once at the most. Rows are not written fast
	// enough for more.
	encodersMax = 4
)

func startWriter(to io.Writer, compress bool, isAlone func() bool) (*asyncWriter, error) {
	w := &asyncWriter{failed: make(chan struct{}), ended: make(chan struct{})}
	parts, size := plainParts, bufferBytes
	if compress {
		encoders := min(runtime.GOMAXPROCS(0), encodersMax)
		var err error
		if w.frames, err = newFrameEncoder(encoders, isAlone); err != nil {
			return nil, err
		}
		// One is filled meanwhile. More of them would keep the cores busy for longer after
		// the one that fills them has begun to pause, so that readings come in.
		parts, size = encoders+1, frameBytes
	}
	w.full, w.empty = make(chan *part, parts), make(chan *part, parts)
	for range parts {
		w.empty <- &part{lines: make([]byte, 0, size), isMade: make(chan struct{}, 1)}
	}
	go w.run(to)
	return w, nil
}

func (w *asyncWriter) run(to io.Writer) {
	defer close(w.ended)
	hash := sha256.New()
	write := func(bytes []byte) {
		if w.err != nil {
			return
		}
		hash.Write(bytes) // never fails; and comes first, for the bytes are the file's from then on
		w.crc = crc32.Update(w.crc, castagnoli, bytes)
		w.bytes += int64(len(bytes))
		if _, w.err = to.Write(bytes); w.err != nil {
			close(w.failed)
		}
	}
	for p := range w.full {
		if w.frames == nil {
			write(p.lines)
		} else {
			<-p.isMade
			w.frames.add(p)
			write(p.frame)
		}
		w.empty <- p
	}
	if w.frames != nil {
		write(w.frames.index())
	}
	w.sum = [sha256.Size]byte(hash.Sum(nil))
}

// buffer returns an empty buffer, which the caller fills and puts.
func (w *asyncWriter) buffer() []byte {
	w.filling = <-w.empty
	return w.filling.lines[:0]
}

// put hands the buffer on to be written; it must not be empty. The error may be that of an earlier one.
func (w *asyncWriter) put(buffer []byte) error {
	p := w.filling
	p.lines = buffer
	if w.frames != nil {
		go w.frames.encode(p)
	}
	w.full <- p
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
