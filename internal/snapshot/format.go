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

// reader reads what a writer wrote.
type reader struct {
	r       io.Reader
	records uint64
	offset  int64 // of the next record
	buffer  []byte
}

func (r *reader) header() (chain.Position, error) {
	var b [headerBytes]byte
	if _, err := io.ReadFull(r.r, b[:]); err != nil {
		return chain.Position{}, cutOff(err)
	}
	r.offset = headerBytes
	return decodePosition(b[:])
}

// record returns the next record, valid until the next call, and none at the end.
func (r *reader) record() ([]byte, error) {
	var frame [frameBytes]byte
	if _, err := io.ReadFull(r.r, frame[:]); err != nil {
		return nil, cutOff(err)
	}
	length := binary.BigEndian.Uint32(frame[:])
	if length > RecordBytesMax {
		return nil, fmt.Errorf("a record says that it has %d bytes", length)
	}
	if int(length) > cap(r.buffer) {
		r.buffer = make([]byte, length)
	}
	payload := r.buffer[:length]
	if _, err := io.ReadFull(r.r, payload); err != nil {
		return nil, cutOff(err)
	}
	if binary.BigEndian.Uint32(frame[4:]) != checksum(r.records, frame[:4], payload) {
		return nil, errChecksum
	}
	if length > 0 {
		r.records++
		r.offset += frameBytes + int64(length)
		return payload, nil
	}
	if _, err := io.ReadFull(r.r, frame[:1]); err == nil {
		return nil, errors.New("it goes on after its end")
	} else if !errors.Is(err, io.EOF) {
		return nil, err
	}
	return nil, nil
}

func cutOff(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errCutOff
	}
	return err
}
