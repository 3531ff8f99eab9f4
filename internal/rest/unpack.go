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
	// windowBytesMax limits zstd's memory: RFC 9659 requires this much of decoders of
	// HTTP bodies.
	windowBytesMax = 8 << 20

	encodings = "gzip, zstd"
)

var (
	errPacked           = errors.New("cannot be unpacked")
	errUnpackedTooLarge = errors.New("unpacked, the body is too large")
)

// unpacker reads a body and undoes its Content-Encoding, in memory that does not grow with
// the body.
type unpacker struct {
	in    io.Reader
	body  *bodyReader
	name  string // of the encoding
	err   error  // after which nothing more is read
	close func()
}

// unpackRequest is unpack for the body of a request. If that fails, the answer names the
// encodings that are taken.
func unpackRequest(w http.ResponseWriter, r *http.Request) (*unpacker, error) {
	body, err := unpack(r.Header.Get("Content-Encoding"), r.Body, unpackedBytesMax)
	if err != nil {
		w.Header().Set("Accept-Encoding", encodings)
	}
	return body, err
}

// unpack returns a reader of body without its Content-Encoding. A compressed body that
// becomes larger than bytesMax ends with errUnpackedTooLarge.
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
	return n, u.err
}

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
	}
	return fmt.Errorf("%w: it is not sound %s", errPacked, u.name)
}

// bodyReader keeps the last error of a body.
type bodyReader struct {
	in  io.Reader
	err error
}

func (b *bodyReader) Read(p []byte) (n int, err error) {
	n, b.err = b.in.Read(p)
	return n, b.err
}
