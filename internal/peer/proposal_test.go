package peer

import (
	"bytes"
	"encoding/binary"
	"testing"

	"meterledger/internal/cluster"
)

var someProposal = cluster.Proposal{
	To:          cluster.Leader{Node: cluster.Node{Incarnation: 0x2222222222222222}, Term: 0x1111111111111111},
	Incarnation: 0x3333333333333333, Number: 0x4444444444444444, Applied: 0x5555555555555555, Entries: 0x66666666, Payload: []byte("payload"),
}

func TestAProposalIsLaidOutAsItIsDrawn(t *testing.T) {
	b := encodeProposal(someProposal)
	if len(b) != 52+7 || string(b[:4]) != "MLP1" || string(b[52:]) != "payload" {
		t.Fatalf("it is laid out as %x", b)
	}
	for n := range byte(5) {
		if at := 8 + 8*int(n); !bytes.Equal(b[at:at+8], bytes.Repeat([]byte{0x11 * (n + 1)}, 8)) {
			t.Errorf("at byte %d it is laid out as %x", at, b)
		}
	}
	if binary.BigEndian.Uint32(b[48:]) != 0x66666666 {
		t.Errorf("it is laid out as %x", b)
	}
}

func TestEveryFlippedBitOfAProposalIsFound(t *testing.T) {
	whole := encodeProposal(someProposal)
	for bit := range 8 * len(whole) {
		damaged := bytes.Clone(whole)
		damaged[bit/8] ^= 1 << (bit % 8)
		if p, err := decodeProposal(damaged); err == nil {
			t.Errorf("with bit %d of byte %d flipped it is decoded as %+v", bit%8, bit/8, p)
		}
	}
	for length := range whole {
		if p, err := decodeProposal(whole[:length]); err == nil {
			t.Errorf("its first %d bytes of %d are decoded as %+v", length, len(whole), p)
		}
	}
}

func FuzzDecodeProposal(f *testing.F) {
	whole := encodeProposal(someProposal)
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add(whole[:payloadAt])
	f.Add([]byte(magic))
	f.Add([]byte{})
	f.Add(encodeProposal(cluster.Proposal{Payload: make([]byte, cluster.ProposalBytesMax)}))
	f.Add(encodeProposal(cluster.Proposal{Payload: make([]byte, cluster.ProposalBytesMax+1)}))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := decodeProposal(b)
		if err != nil {
			return
		}
		if len(p.Payload) == 0 || len(p.Payload) > cluster.ProposalBytesMax || p.Entries < 0 || !bytes.Equal(encodeProposal(p), b) {
			t.Fatalf("%x is decoded as %+v, which is encoded otherwise", b, p)
		}
	})
}
