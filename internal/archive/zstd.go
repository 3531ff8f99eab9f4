package archive

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"sort"
	"sync"

	"github.com/klauspost/compress/zstd"

	"meterledger/internal/meter"
)

// A compressed archive is a sequence of zstd frames of whole lines, which any reader of
// zstd takes for the CSV. A skippable frame, which readers pass over, follows with an
// index:
//
//	+-------------+---------------+-----------------------+--------------+------------+
//	| 5D 2A 4D 18 | length uint32 | an entry for each     | n of entries | "MLINDEX1" |
//	|             |               | frame, 77 bytes       | uint64       |            |
//	+-------------+---------------+-----------------------+--------------+------------+
//
//	entry: offset of the frame uint64 | length of the meter's id uint8 | id, filled up to 64 bytes | CRC32C
//
// The meter is that of the frame's first row. The checksum covers the frame's number,
// from 0, as uint64 and the entry before it. The first four bytes and the length
// are little-endian, as zstd has them; the other numbers are big-endian.
const (
	frameBytes     = 512 << 10 // of text in a frame
	entryBytes     = 8 + 1 + meter.IDLengthMax + 4
	entrySumAt     = entryBytes - 4
	skippableBytes = 8
	skippableMagic = 0x184D2A5D
	footerBytes    = 8 + len(indexMagic)
	indexMagic     = "MLINDEX1"
	frameBytesMax  = 2 * frameBytes // of a frame, however badly it compresses
	windowBytesMax = 128 << 20      // of a file from outside: what the zstd tool takes without being asked

	// encodedWindowBytes is how far back in its frame a row repeats others: a week of rows. What
	// is farther away repeats no more of it, and takes longer to find and more bytes to name.
	encodedWindowBytes = 16 << 10
)

// frameEncoder makes the frames and the index of one file.
type frameEncoder struct {
	encoder *zstd.Encoder
	isAlone func() bool // nil is never
	single  sync.Mutex  // held while a frame is made and others want the cores
	entries []byte
	offset  uint64
}

// newFrameEncoder returns one that makes so many frames at once while it is alone.
func newFrameEncoder(encoders int, isAlone func() bool) (*frameEncoder, error) {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(encodedWindowBytes),
		zstd.WithLowerEncoderMem(true), zstd.WithEncoderConcurrency(encoders))
	return &frameEncoder{encoder: encoder, isAlone: isAlone}, err
}

// encode makes the frame of a part. It is called for many parts at once: a frame is made of
// its lines alone, whichever was made before.
func (f *frameEncoder) encode(p *part) {
	if f.isAlone == nil || !f.isAlone() {
		f.single.Lock()
		defer f.single.Unlock()
	}
	p.frame = f.encoder.EncodeAll(p.lines, p.frame[:0])
	p.isMade <- struct{}{}
}

// add adds the frame of a part to the index. The parts come in the order of the file.
func (f *frameEncoder) add(p *part) {
	first := p.lines
	if f.offset == 0 {
		first = first[len(meter.RowHeader)+1:]
	}
	id, _, _ := bytes.Cut(first, []byte{','})
	var entry [entryBytes]byte
	binary.BigEndian.PutUint64(entry[:], f.offset)
	entry[8] = uint8(copy(entry[9:entrySumAt], id))
	binary.BigEndian.PutUint32(entry[entrySumAt:], entrySum(len(f.entries)/entryBytes, &entry))
	f.entries = append(f.entries, entry[:]...)
	f.offset += uint64(len(p.frame))
}

func entrySum(n int, entry *[entryBytes]byte) uint32 {
	sum := crc32.Update(0, castagnoli, binary.BigEndian.AppendUint64(nil, uint64(n)))
	return crc32.Update(sum, castagnoli, entry[:entrySumAt])
}

// index returns what follows the frames.
func (f *frameEncoder) index() []byte {
	b := binary.LittleEndian.AppendUint32(nil, skippableMagic)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(f.entries)+footerBytes))
	b = append(b, f.entries...)
	b = binary.BigEndian.AppendUint64(b, uint64(len(f.entries)/entryBytes))
	return append(b, indexMagic...)
}

// frameDecoder decodes single frames; it may be used by many at once.
var frameDecoder = sync.OnceValues(func() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(frameBytesMax))
})

// frameIndex is the end of a compressed file.
type frameIndex struct {
	file io.ReaderAt
	n    int   // of frames
	from int64 // offset of the skippable frame
}

var (
	errNoIndex = errors.New("it has no index after its frames")
	errIndex   = errors.New("its index is damaged")
)

// Searchable returns nil if FindMeter finds the rows of each meter of a file whose rows are in
// this program's form: a compressed one needs an index that is right.
func (f *Folder) Searchable(name string) error {
	file, err := f.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	if !file.isCompressed {
		return nil
	}
	index, err := readIndex(file)
	if err == nil {
		err = index.check()
	}
	return Damaged(name, err)
}

func readIndex(file *File) (*frameIndex, error) {
	footer := make([]byte, footerBytes)
	if file.Size < int64(footerBytes) {
		return nil, errNoIndex
	}
	if _, err := file.ReadAt(footer, file.Size-int64(footerBytes)); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint64(footer)
	if string(footer[8:]) != indexMagic || n > uint64(file.Size)/entryBytes {
		return nil, errNoIndex
	}
	from := file.Size - int64(footerBytes) - int64(n)*entryBytes - skippableBytes
	if from < 0 {
		return nil, errNoIndex
	}
	return &frameIndex{file: file, n: int(n), from: from}, nil
}

// entry returns the offset of a frame, and the meter of its first row.
func (x *frameIndex) entry(n int) (offset int64, id []byte, err error) {
	var entry [entryBytes]byte
	if _, err := x.file.ReadAt(entry[:], x.from+skippableBytes+int64(n)*entryBytes); err != nil {
		return 0, nil, err
	}
	if binary.BigEndian.Uint32(entry[entrySumAt:]) != entrySum(n, &entry) || entry[8] > meter.IDLengthMax {
		return 0, nil, errIndex
	}
	return int64(binary.BigEndian.Uint64(entry[:])), entry[9:][:entry[8]], nil
}

// before returns the last frame that begins before a meter, or the first.
func (x *frameIndex) before(id meter.ID) (n int, err error) {
	var failure error
	place := sort.Search(x.n, func(n int) bool {
		_, first, err := x.entry(n)
		failure = errors.Join(failure, err)
		return err != nil || string(first) >= string(id)
	})
	return max(place-1, 0), failure
}

// frame reads a frame, compressed, into buffer.
func (x *frameIndex) frame(n int, buffer []byte) ([]byte, error) {
	offset, _, err := x.entry(n)
	end := x.from
	if err == nil && n+1 < x.n {
		end, _, err = x.entry(n + 1)
	}
	if err != nil {
		return nil, err
	}
	if offset < 0 || end < offset || end-offset > frameBytesMax {
		return nil, errIndex
	}
	buffer = append(buffer[:0], make([]byte, end-offset)...)
	_, err = x.file.ReadAt(buffer, offset)
	return buffer, err
}

// check compares each frame's first row with the index.
func (x *frameIndex) check() error {
	decoder, err := frameDecoder()
	if err != nil {
		return err
	}
	if x.n == 0 {
		return errNoIndex
	}
	var frame, text []byte
	for n := range x.n {
		offset, id, err := x.entry(n)
		if err != nil || n == 0 && offset != 0 {
			return errors.Join(errIndex, err)
		}
		if frame, err = x.frame(n, frame); err != nil {
			return err
		}
		if text, err = decoder.DecodeAll(frame, text[:0]); err != nil {
			return err
		}
		lines := text
		if n == 0 {
			lines = bytes.TrimPrefix(text, []byte(meter.RowHeader+"\n"))
		}
		if first, _, _ := bytes.Cut(lines, []byte{','}); !bytes.Equal(first, id) || !bytes.HasSuffix(text, []byte{'\n'}) {
			return errIndex
		}
	}
	return nil
}
