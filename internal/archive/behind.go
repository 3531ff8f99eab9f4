package archive

import (
	"crypto/sha256"
	"hash/crc32"
	"io"
)

// behind hashes and writes on one core what is made on another. It owns a
// goroutine, which end stops.
type behind struct {
	frames      *frames // nil where nothing is compressed
	full, empty chan []byte
	failed      chan struct{} // closed when err is set
	ended       chan struct{}

	err   error
	bytes int64
	sum   [sha256.Size]byte
	crc   uint32 // a quick checksum, to read back by
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// behindBuffers is how many buffers there are: one being filled, one being written,
// one between them.
const behindBuffers = 3

func startBehind(to io.Writer, compress bool) (*behind, error) {
	frames, size, err := newFrames(compress)
	if err != nil {
		return nil, err
	}
	b := &behind{
		frames: frames,
		full:   make(chan []byte, behindBuffers), empty: make(chan []byte, behindBuffers),
		failed: make(chan struct{}), ended: make(chan struct{}),
	}
	for range behindBuffers {
		b.empty <- make([]byte, 0, size)
	}
	go b.run(to)
	return b, nil
}

func (b *behind) run(to io.Writer) {
	defer close(b.ended)
	hash := sha256.New()
	write := func(bytes []byte) {
		if b.err != nil || len(bytes) == 0 {
			return
		}
		hash.Write(bytes) // never fails; and comes first, for the bytes are the file's from then on
		b.crc = crc32.Update(b.crc, castagnoli, bytes)
		b.bytes += int64(len(bytes))
		if _, b.err = to.Write(bytes); b.err != nil {
			close(b.failed)
		}
	}
	for buffer := range b.full {
		write(b.frames.encode(buffer))
		b.empty <- buffer[:0]
	}
	write(b.frames.index())
	b.sum = [sha256.Size]byte(hash.Sum(nil))
}

// buffer returns an empty buffer to be filled.
func (b *behind) buffer() []byte { return <-b.empty }

// put hands a buffer on to be written. The error may be that of an earlier one.
func (b *behind) put(buffer []byte) error {
	b.full <- buffer
	select {
	case <-b.failed:
		return b.err
	default:
		return nil
	}
}

// end waits until all is written. The sums are known from then on.
func (b *behind) end() error {
	close(b.full)
	<-b.ended
	return b.err
}
