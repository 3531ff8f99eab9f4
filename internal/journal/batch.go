package journal

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// A batch on disk, numbers in big-endian order:
//
//	+--------+---------+----------+--------+------------------+---------+
//	| magic  | length  | sequence | CRC32C | hash of previous | payload |
//	| "MLJ1" | uint32  | uint64   | uint32 | 32 bytes         | length  |
//	+--------+---------+----------+--------+------------------+---------+
//	0        4         8          16       20                 52
//
// length counts the payload's bytes, 1 to PayloadBytesMax. The checksum covers
// everything but itself. The hash is SHA-256 over the whole previous batch, and
// zero in the first batch that was ever written. The 1 in the magic is the
// format's version.
const (
	magic       = "MLJ1"
	lengthAt    = 4
	sequenceAt  = 8
	checksumAt  = 16
	previousAt  = 20
	headerBytes = previousAt + sha256.Size

	// PayloadBytesMax is the largest payload of one batch.
	PayloadBytesMax = 16 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// hash identifies a batch and, through the hashes before it, all history.
type hash [sha256.Size]byte

func encode(b []byte, sequence uint64, previous hash, payload []byte) []byte {
	b = append(b[:0], magic...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(payload)))
	b = binary.BigEndian.AppendUint64(b, sequence)
	b = binary.BigEndian.AppendUint32(b, 0)
	b = append(b, previous[:]...)
	b = append(b, payload...)
	binary.BigEndian.PutUint32(b[checksumAt:], checksum(b))
	return b
}

func checksum(b []byte) uint32 {
	sum := crc32.Update(0, castagnoli, b[:checksumAt])
	return crc32.Update(sum, castagnoli, b[previousAt:])
}

// decode checks everything that can be checked of one batch alone.
func decode(b []byte, sequence uint64) (previous hash, payload []byte, err error) {
	switch {
	case len(b) <= headerBytes:
		return hash{}, nil, fmt.Errorf("batch is only %d bytes long", len(b))
	case string(b[:lengthAt]) != magic:
		return hash{}, nil, fmt.Errorf("batch begins with %q, not %q", b[:lengthAt], magic)
	case uint64(binary.BigEndian.Uint32(b[lengthAt:])) != uint64(len(b)-headerBytes):
		return hash{}, nil, fmt.Errorf("batch of %d bytes says its length is %d",
			len(b)-headerBytes, binary.BigEndian.Uint32(b[lengthAt:]))
	case binary.BigEndian.Uint64(b[sequenceAt:]) != sequence:
		return hash{}, nil, fmt.Errorf("batch says its sequence is %d", binary.BigEndian.Uint64(b[sequenceAt:]))
	case binary.BigEndian.Uint32(b[checksumAt:]) != checksum(b):
		return hash{}, nil, fmt.Errorf("checksum does not fit")
	}
	return hash(b[previousAt:headerBytes]), b[headerBytes:], nil
}
