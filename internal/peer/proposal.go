package peer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"meterledger/internal/cluster"
)

// The body of POST /propose, numbers in big-endian order:
//
//	+--------+--------+--------+-------------+-------------+--------+---------+---------+---------+
//	| magic  | CRC32C | term   | incarnation | incarnation | number | applied | entries | payload |
//	| "MLP1" | uint32 | uint64 | of leader   | of proposer | uint64 | uint64  | uint32  |         |
//	|        |        |        | uint64      | uint64      |        |         |         |         |
//	+--------+--------+--------+-------------+-------------+--------+---------+---------+---------+
//	0        4        8        16            24            32       40        48        52
//
// They are the fields of cluster.Proposal. The payload has 1 to cluster.ProposalBytesMax bytes. The checksum covers
// everything behind itself. The 1 in the magic is the format's version.
const (
	magic            = "MLP1"
	checksumAt       = len(magic)
	termAt           = checksumAt + 4
	leaderAt         = termAt + 8
	incarnationAt    = leaderAt + 8
	numberAt         = incarnationAt + 8
	appliedAt        = numberAt + 8
	entriesAt        = appliedAt + 8
	payloadAt        = entriesAt + 4
	proposalBytesMax = payloadAt + cluster.ProposalBytesMax
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func encodeProposal(p cluster.Proposal) []byte {
	b := append(make([]byte, 0, payloadAt+len(p.Payload)), magic...)
	b = binary.BigEndian.AppendUint32(b, 0)
	for _, number := range []uint64{p.To.Term, p.To.Incarnation, p.Incarnation, p.Number, p.Applied} {
		b = binary.BigEndian.AppendUint64(b, number)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(p.Entries))
	b = append(b, p.Payload...)
	binary.BigEndian.PutUint32(b[checksumAt:], crc32.Checksum(b[termAt:], castagnoli))
	return b
}

// decodeProposal returns a proposal without the leader's name and address. The payload is a part of b.
func decodeProposal(b []byte) (p cluster.Proposal, err error) {
	switch {
	case len(b) <= payloadAt || len(b) > proposalBytesMax:
		return p, fmt.Errorf("%d bytes are no proposal", len(b))
	case string(b[:checksumAt]) != magic:
		return p, fmt.Errorf("a proposal begins with %q, not %q", b[:checksumAt], magic)
	case binary.BigEndian.Uint32(b[checksumAt:]) != crc32.Checksum(b[termAt:], castagnoli):
		return p, errors.New("the proposal was damaged: its checksum does not fit")
	}
	p.To.Term, p.To.Incarnation = binary.BigEndian.Uint64(b[termAt:]), binary.BigEndian.Uint64(b[leaderAt:])
	p.Incarnation, p.Number = binary.BigEndian.Uint64(b[incarnationAt:]), binary.BigEndian.Uint64(b[numberAt:])
	p.Applied, p.Entries = binary.BigEndian.Uint64(b[appliedAt:]), int(binary.BigEndian.Uint32(b[entriesAt:]))
	p.Payload = b[payloadAt:]
	return p, nil
}
