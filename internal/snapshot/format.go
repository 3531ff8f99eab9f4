package snapshot

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"meterledger/internal/chain"
)

// A snapshot on disk, numbers in big-endian order:
//
//	+--------+----------+----------+----------+--------+
//	| magic  | journal  | sequence | hash of  | CRC32C |
//	| "MLS1" | 16 bytes | uint64   | the last |        |
//	|        |          |          | batch 32 |        |
//	+--------+----------+----------+----------+--------+
//	0        4          20         28         60       64
//
//	then records, numbered from 0:
//
//	+--------+--------+---------+
//	| length | CRC32C | payload |
//	| uint32 |        | length  |
//	+--------+--------+---------+
//	0        4        8
//
// The header's checksum covers all before it. A record's covers its number as
// uint64, its length and its payload. The last record has no payload, and nothing
// follows it. The 1 in the magic is the format's version.
const (
	magic            = "MLS1"
	headerBytes      = 64
	headerChecksumAt = headerBytes - 4
	frameBytes       = 8

	// RecordBytesMax is the largest payload of a record.
	RecordBytesMax = 16 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func encodePosition(p chain.Position) []byte {
	b := append(make([]byte, 0, headerBytes), magic...)
	b = append(b, p.Journal[:]...)
	b = binary.BigEndian.AppendUint64(b, p.Sequence)
	b = append(b, p.Hash[:]...)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func decodePosition(b []byte) (chain.Position, error) {
	if string(b[:len(magic)]) != magic {
		return chain.Position{}, fmt.Errorf("it begins with %q, not %q", b[:len(magic)], magic)
	}
	if binary.BigEndian.Uint32(b[headerChecksumAt:]) != crc32.Checksum(b[:headerChecksumAt], castagnoli) {
		return chain.Position{}, errChecksum
	}
	return chain.Position{
		Journal: chain.ID(b[4:20]), Sequence: binary.BigEndian.Uint64(b[20:28]), Hash: chain.Hash(b[28:headerChecksumAt]),
	}, nil
}

var (
	errChecksum = errors.New("checksum does not fit")
	errCutOff   = errors.New("it is cut off")
)

func checksum(number uint64, length, payload []byte) uint32 {
	sum := crc32.Update(0, castagnoli, binary.BigEndian.AppendUint64(nil, number))
	return crc32.Update(crc32.Update(sum, castagnoli, length), castagnoli, payload)
}

// writer writes records.
type writer struct {
	w       io.Writer
	records uint64
	bytes   int64
}

func (w *writer) all(p chain.Position, encode func(emit func(record []byte) error) error) error {
	w.bytes += headerBytes
	if _, err := w.w.Write(encodePosition(p)); err != nil {
		return err
	}
	if err := encode(w.record); err != nil {
		return err
	}
	return w.record(nil)
}

// record writes a record; one without payload ends the snapshot.
func (w *writer) record(payload []byte) error {
	if len(payload) > RecordBytesMax {
		return fmt.Errorf("BUG: record %d of the snapshot has %d bytes, and no reader takes more than %d", w.records, len(payload), RecordBytesMax)
	}
	var frame [frameBytes]byte
	binary.BigEndian.PutUint32(frame[:], uint32(len(payload)))
	binary.BigEndian.PutUint32(frame[4:], checksum(w.records, frame[:4], payload))
	w.records++
	w.bytes += frameBytes + int64(len(payload))
	if _, err := w.w.Write(frame[:]); err != nil {
		return err
	}
	_, err := w.w.Write(payload)
	return err
}

// reader reads what a writer wrote. It hands out its own bytes: a record is valid until the next is read
// that does not lie in the buffer as a whole.
type reader struct {
	r       io.Reader
	buffer  []byte // a longer one takes its place if a record needs that
	window  []byte // of it: what was read and not handed out
	records uint64
	offset  int64 // of the next record
}

// have makes the window n bytes long, or longer.
func (r *reader) have(n int) error {
	if n <= len(r.window) {
		return nil
	}
	buffer := r.buffer
	if n > len(buffer) {
		buffer = make([]byte, n)
	}
	r.moveTo(buffer)
	left := len(r.window)
	more, err := io.ReadAtLeast(r.r, r.buffer[left:], n-left)
	r.window = r.buffer[:left+more]
	return cutOff(err)
}

// moveTo makes another buffer take the place of the present one, if the window fits into it.
func (r *reader) moveTo(buffer []byte) {
	if len(r.window) > len(buffer) {
		buffer = make([]byte, len(r.window))
	}
	r.buffer, r.window = buffer, buffer[:copy(buffer, r.window)]
}

func (r *reader) header() (chain.Position, error) {
	if err := r.have(headerBytes); err != nil {
		return chain.Position{}, err
	}
	header := r.window[:headerBytes]
	r.window, r.offset = r.window[headerBytes:], headerBytes
	return decodePosition(header)
}

// hasRecord reports whether the next record lies in the window as a whole.
func (r *reader) hasRecord() bool {
	return len(r.window) >= frameBytes && uint64(len(r.window)) >= frameBytes+uint64(binary.BigEndian.Uint32(r.window))
}

// record returns the next record, and none at the end.
func (r *reader) record() ([]byte, error) {
	if err := r.have(frameBytes); err != nil {
		return nil, err
	}
	length := binary.BigEndian.Uint32(r.window)
	if length > RecordBytesMax {
		return nil, fmt.Errorf("a record says that it has %d bytes", length)
	}
	size := frameBytes + int(length)
	if err := r.have(size); err != nil {
		return nil, err
	}
	frame, payload := r.window[:frameBytes], r.window[frameBytes:size]
	if binary.BigEndian.Uint32(frame[4:]) != checksum(r.records, frame[:4], payload) {
		return nil, errChecksum
	}
	r.window = r.window[size:]
	if length == 0 {
		return nil, r.ends()
	}
	r.records++
	r.offset += int64(size)
	return payload, nil
}

// ends makes sure that nothing follows.
func (r *reader) ends() error {
	n, err := len(r.window), error(nil)
	if n == 0 {
		n, err = io.ReadFull(r.r, make([]byte, 1))
	}
	switch {
	case n > 0:
		return errors.New("it goes on after its end")
	case errors.Is(err, io.EOF):
		return nil
	}
	return err
}

func cutOff(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errCutOff
	}
	return err
}
