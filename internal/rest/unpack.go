package rest

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"meterledger/internal/meter"
)

const (
	// unpackedBytesMax is how large a compressed body may become. A plain one has no
	// limit, because its sender sends every byte of it.
	unpackedBytesMax = 1 << 30
	// expansionMax is how many times longer a body may become, beyond its first
	// expandedBytesFree. Readings of a year that never change become 100 times longer, JSON with
	// blanks 150 times; a body that says nothing becomes 10,000 times longer.
	expansionMax      = 200
	expandedBytesFree = 1 << 20
	// windowBytesMax limits zstd's memory. RFC 9659 allows senders eight times as much, which is
	// more than many bodies at a time can have.
	windowBytesMax = 1 << 20

	encodings = "gzip, zstd"
)

var (
	errPacked           = errors.New("cannot be unpacked")
	errUnpackedTooLarge = errors.New("unpacked, the body is too large")
	errPackedTooTightly = errors.New("unpacked, the body is too many times longer")
)

// unpacker reads a body and undoes its Content-Encoding, in memory that does not grow with
// the body.
type unpacker struct {
	in    io.Reader
	body  *bodyReader
	name  string // of the encoding
	bytes int    // of a packed body, unpacked so far
	err   error  // after which nothing more is read
	close func()
}

// unpack returns a reader of body without its Content-Encoding. A compressed body that
// becomes larger than bytesMax ends with errUnpackedTooLarge, and one that becomes expansionMax
// times longer with errPackedTooTightly.
func unpack(encoding string, body io.Reader, bytesMax int) (*unpacker, error) {
	u := &unpacker{body: &bodyReader{in: body}, name: strings.ToLower(encoding), close: func() {}}
	var in io.Reader
	var err error
	switch u.name {
	case "", "identity":
		u.in = u.body
		return u, nil
	case "gzip", "x-gzip":
		in, err = gzip.NewReader(u.body)
	case "zstd":
		var decoder *zstd.Decoder
		decoder, err = zstd.NewReader(u.body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(windowBytesMax))
		if err == nil {
			in, u.close = decoder, decoder.Close
		}
	default:
		return nil, meter.Errorf(meter.KindUnsupportedMedia, meter.CodeUnsupportedMedia,
			"a body is taken as it is or with Content-Encoding gzip or zstd")
	}
	if err != nil {
		return nil, bodyError(u.explain(err))
	}
	u.in = http.MaxBytesReader(nil, io.NopCloser(in), int64(bytesMax))
	return u, nil
}

func (u *unpacker) Read(p []byte) (int, error) {
	if u.err != nil {
		return 0, u.err
	}
	n, err := u.in.Read(p)
	u.err = u.explain(err)
	if u.isPacked() {
		if u.bytes += n; u.bytes > expandedBytesFree+expansionMax*u.body.bytes {
			u.err = errPackedTooTightly
		}
	}
	return n, u.err
}

func (u *unpacker) isPacked() bool { return u.in != u.body }

// explain tells damaged data from a body that could not be read.
func (u *unpacker) explain(err error) error {
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil, errors.Is(err, io.EOF):
		return err
	case errors.As(err, &tooLarge):
		return errUnpackedTooLarge
	case u.body.err != nil && !errors.Is(u.body.err, io.EOF):
		return u.body.err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return err
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded): // the second of a body that is one window
		return fmt.Errorf("%w: its window is larger than %d bytes; pack it with a smaller one, such as with zstd --zstd=wlog=20", errPacked, windowBytesMax)
	}
	return fmt.Errorf("%w: it is not sound %s", errPacked, u.name)
}

// bodyReader counts the bytes of a body, and keeps its last error.
type bodyReader struct {
	in    io.Reader
	bytes int
	err   error
}

func (b *bodyReader) Read(p []byte) (n int, err error) {
	n, b.err = b.in.Read(p)
	b.bytes += n
	return n, b.err
}
