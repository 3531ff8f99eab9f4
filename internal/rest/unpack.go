package rest

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

const (
	// unpackedBytesMax is how long a packed body may become. A plain one has no limit,
	// because its sender has to send every byte of it.
	unpackedBytesMax = 1 << 30
	// windowBytesMax is how far back zstd may refer: what RFC 9659 has every
	// decoder of HTTP bodies be ready for.
	windowBytesMax = 8 << 20

	encodings = "gzip, zstd"
)

var (
	errPacked           = errors.New("cannot be unpacked")
	errUnpackedTooLarge = errors.New("unpacked, the body is too large")
)

// unpacked is a body as it was before it was packed. It is unpacked as it is read,
// so a small body that becomes a large one needs no more memory than any other.
type unpacked struct {
	in     io.Reader
	body   *noted
	left   int // bytes; below zero for any number
	name   string
	closer func()
}

// unpack returns the body that a Content-Encoding was made of. It becomes an error
// beyond bytesMax.
func unpack(encoding string, body io.Reader, bytesMax int) (*unpacked, error) {
	u := &unpacked{body: &noted{in: body}, left: bytesMax, name: strings.ToLower(encoding), closer: func() {}}
	var err error
	switch u.name {
	case "", "identity":
		u.in, u.left = u.body, -1
	case "gzip", "x-gzip":
		u.in, err = gzip.NewReader(u.body)
	case "zstd":
		var in *zstd.Decoder
		in, err = zstd.NewReader(u.body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(windowBytesMax))
		if err == nil {
			u.in, u.closer = in, in.Close
		}
	default:
		return nil, unsupported("a body is taken as it is or with Content-Encoding gzip or zstd")
	}
	if err != nil {
		return nil, unreadable(u.explain(err))
	}
	return u, nil
}

func (u *unpacked) Read(p []byte) (int, error) {
	if u.left == 0 {
		return u.end()
	}
	if u.left > 0 {
		p = p[:min(len(p), u.left)]
	}
	n, err := u.in.Read(p)
	if u.left > 0 {
		u.left -= n
	}
	return n, u.explain(err)
}

// end makes sure that a body of exactly the limit has ended.
func (u *unpacked) end() (int, error) {
	var more [1]byte
	for {
		n, err := u.in.Read(more[:])
		if n > 0 {
			return 0, errUnpackedTooLarge
		}
		if err != nil {
			return 0, u.explain(err)
		}
	}
}

// explain tells data that is damaged from a body that could not be read.
func (u *unpacked) explain(err error) error {
	switch {
	case err == nil, errors.Is(err, io.EOF):
		return err
	case u.body.err != nil && !errors.Is(u.body.err, io.EOF):
		return u.body.err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return err
	}
	return fmt.Errorf("%w: it is not sound %s", errPacked, u.name)
}

func (u *unpacked) close() { u.closer() }

// noted is a reader that remembers how it ended.
type noted struct {
	in  io.Reader
	err error
}

func (n *noted) Read(p []byte) (count int, err error) {
	count, err = n.in.Read(p)
	n.err = err
	return count, err
}
