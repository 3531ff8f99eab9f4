package chain

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// A batch, numbers in big-endian order:
//
//	+--------+----------+--------+----------+--------+--------+----------+---------+
//	| magic  | journal  | length | sequence | header | CRC32C | previous | payload |
//	| "MLJ1" | 16 bytes | uint32 | uint64   | CRC32C |        | 32 bytes | length  |
//	+--------+----------+--------+----------+--------+--------+----------+---------+
//	0        4          20       24         32       36       40         72
//
// journal is the journal's own random id. length counts the payload's bytes, 1 to
// PayloadBytesMax. The header's checksum covers everything before it, so that a header
// can be recognised when the rest of the batch is lost; the other checksum covers
// everything but itself. previous is the SHA-256 of the whole previous batch, and zero
// in the first batch of a journal. The 1 in the magic is the format's version.
const (
	magic            = "MLJ1"
	journalAt        = len(magic)
	lengthAt         = journalAt + len(ID{})
	sequenceAt       = lengthAt + 4
	headerChecksumAt = sequenceAt + 8
	checksumAt       = headerChecksumAt + 4
	previousAt       = checksumAt + 4
	payloadAt        = previousAt + sha256.Size

	// HeaderBytes is the size of a header with its checksum.
	HeaderBytes = checksumAt
	// PayloadBytesMax is the largest payload of one batch.
	PayloadBytesMax = 16 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Encode writes the batch that follows a position into a buffer, over what the buffer
// holds, and returns it, grown if need be.
func Encode(buffer []byte, p Position, payload []byte) []byte {
	b := append(buffer[:0], magic...)
	b = append(b, p.Journal[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(payload)))
	b = binary.BigEndian.AppendUint64(b, p.Sequence+1)
	b = binary.BigEndian.AppendUint32(b, headerChecksum(b))
	b = binary.BigEndian.AppendUint32(b, 0)
	b = append(b, p.Hash[:]...)
	b = append(b, payload...)
	binary.BigEndian.PutUint32(b[checksumAt:], checksum(b))
	return b
}

func headerChecksum(b []byte) uint32 { return crc32.Checksum(b[:headerChecksumAt], castagnoli) }

func checksum(b []byte) uint32 {
	sum := crc32.Update(0, castagnoli, b[:checksumAt])
	return crc32.Update(sum, castagnoli, b[previousAt:])
}

// Decode checks everything that can be checked of one batch alone.
func Decode(b []byte, journal ID, sequence uint64) (previous Hash, payload []byte, err error) {
	switch {
	case len(b) <= payloadAt:
		return Hash{}, nil, fmt.Errorf("batch is only %d bytes long", len(b))
	case string(b[:journalAt]) != magic:
		return Hash{}, nil, fmt.Errorf("batch begins with %q, not %q", b[:journalAt], magic)
	case ID(b[journalAt:lengthAt]) != journal:
		return Hash{}, nil, errors.New("batch is of another journal")
	case uint64(binary.BigEndian.Uint32(b[lengthAt:])) != uint64(len(b)-payloadAt):
		return Hash{}, nil, fmt.Errorf("batch of %d bytes says its length is %d",
			len(b)-payloadAt, binary.BigEndian.Uint32(b[lengthAt:]))
	case binary.BigEndian.Uint64(b[sequenceAt:]) != sequence:
		return Hash{}, nil, fmt.Errorf("batch says its sequence is %d", binary.BigEndian.Uint64(b[sequenceAt:]))
	case binary.BigEndian.Uint32(b[headerChecksumAt:]) != headerChecksum(b), binary.BigEndian.Uint32(b[checksumAt:]) != checksum(b):
		return Hash{}, nil, errors.New("checksum does not fit")
	}
	return Hash(b[previousAt:payloadAt]), b[payloadAt:], nil
}

// SequenceOf returns the sequence that a batch says it has. Nothing else of it is checked.
func SequenceOf(b []byte) (uint64, error) {
	if len(b) < HeaderBytes || string(b[:journalAt]) != magic {
		return 0, fmt.Errorf("%d bytes are no batch", len(b))
	}
	return binary.BigEndian.Uint64(b[sequenceAt:]), nil
}

// HighestIn returns the highest sequence of any batch of a journal whose header is whole
// in b, however damaged the bytes around it are; 0 if there is none.
func HighestIn(b []byte, journal ID) (sequence uint64) {
	sign := append([]byte(magic), journal[:]...)
	for {
		at := bytes.Index(b, sign)
		if at < 0 || len(b)-at < HeaderBytes {
			return sequence
		}
		b = b[at:]
		if binary.BigEndian.Uint32(b[headerChecksumAt:]) == headerChecksum(b) {
			sequence = max(sequence, binary.BigEndian.Uint64(b[sequenceAt:]))
		}
		b = b[1:]
	}
}
