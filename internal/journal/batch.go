package journal

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// A batch on disk, numbers in big-endian order:
//
//	+--------+----------+--------+----------+--------+--------+----------+---------+
//	| magic  | journal  | length | sequence | header | CRC32C | previous | payload |
//	| "MLJ1" | 16 bytes | uint32 | uint64   | CRC32C |        | 32 bytes | length  |
//	+--------+----------+--------+----------+--------+--------+----------+---------+
//	0        4          20       24         32       36       40         72
//
// journal is the journal's own random id. length counts the payload's bytes, 1 to
// PayloadBytesMax. The header's checksum covers all before it, so that a header
// can be told where nothing else of the batch is left; the other one covers
// everything but itself. previous is the SHA-256 of the whole previous batch, and
// zero in the first batch that was ever written. The 1 in the magic is the
// format's version.
const (
	magic            = "MLJ1"
	idAt             = 4
	lengthAt         = idAt + idBytes
	sequenceAt       = lengthAt + 4
	headerChecksumAt = sequenceAt + 8
	checksumAt       = headerChecksumAt + 4
	previousAt       = checksumAt + 4
	headerBytes      = previousAt + sha256.Size

	// PayloadBytesMax is the largest payload of one batch.
	PayloadBytesMax = 16 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// hash identifies a batch and, through the hashes before it, all history.
type hash [sha256.Size]byte

func encode(b []byte, journal id, sequence uint64, previous hash, payload []byte) []byte {
	b = append(b[:0], magic...)
	b = append(b, journal[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(payload)))
	b = binary.BigEndian.AppendUint64(b, sequence)
	b = binary.BigEndian.AppendUint32(b, headerChecksum(b))
	b = binary.BigEndian.AppendUint32(b, 0)
	b = append(b, previous[:]...)
	b = append(b, payload...)
	binary.BigEndian.PutUint32(b[checksumAt:], checksum(b))
	return b
}

func headerChecksum(b []byte) uint32 { return crc32.Checksum(b[:headerChecksumAt], castagnoli) }

func checksum(b []byte) uint32 {
	sum := crc32.Update(0, castagnoli, b[:checksumAt])
	return crc32.Update(sum, castagnoli, b[previousAt:])
}

// decode checks everything that can be checked of one batch alone.
func decode(b []byte, journal id, sequence uint64) (previous hash, payload []byte, err error) {
	switch {
	case len(b) <= headerBytes:
		return hash{}, nil, fmt.Errorf("batch is only %d bytes long", len(b))
	case string(b[:idAt]) != magic:
		return hash{}, nil, fmt.Errorf("batch begins with %q, not %q", b[:idAt], magic)
	case id(b[idAt:lengthAt]) != journal:
		return hash{}, nil, errors.New("batch is of another journal")
	case uint64(binary.BigEndian.Uint32(b[lengthAt:])) != uint64(len(b)-headerBytes):
		return hash{}, nil, fmt.Errorf("batch of %d bytes says its length is %d",
			len(b)-headerBytes, binary.BigEndian.Uint32(b[lengthAt:]))
	case binary.BigEndian.Uint64(b[sequenceAt:]) != sequence:
		return hash{}, nil, fmt.Errorf("batch says its sequence is %d", binary.BigEndian.Uint64(b[sequenceAt:]))
	case binary.BigEndian.Uint32(b[headerChecksumAt:]) != headerChecksum(b), binary.BigEndian.Uint32(b[checksumAt:]) != checksum(b):
		return hash{}, nil, errors.New("checksum does not fit")
	}
	return hash(b[previousAt:headerBytes]), b[headerBytes:], nil
}
