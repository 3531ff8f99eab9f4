package store

import "encoding/binary"

// In an order that several nodes share, a batch begins with the list of the proposals that it
// is made of, and their entries follow in that order. So each node finds its own ones by the
// bytes alone, and knows which verdicts are on them. The list has no effect, and a verdict of
// its own.
//
//	contents  14 | n uint32 | n × (incarnation uint64 | number uint64 | entries uint32)
//
// It takes 5 bytes and 20 for each proposal.

// Origin says where some entries of a batch come from.
type Origin struct {
	Incarnation uint64 // of the process that proposed them
	Number      uint64 // of the proposal, among those of the process
	Entries     uint32 // how many verdicts are on them
}

// AppendContents adds the list of proposals that a batch is made of.
func AppendContents(b []byte, origins []Origin) []byte {
	b = binary.BigEndian.AppendUint32(append(b, byte(kindContents)), uint32(len(origins)))
	for _, o := range origins {
		b = binary.BigEndian.AppendUint64(b, o.Incarnation)
		b = binary.BigEndian.AppendUint64(b, o.Number)
		b = binary.BigEndian.AppendUint32(b, o.Entries)
	}
	return b
}

// ReadContents reads the list that a batch begins with, and returns the entries behind it. It
// is false if the batch does not begin with one.
func ReadContents(payload []byte) (origins []Origin, rest []byte, ok bool) {
	d := decoder{rest: payload}
	if kind(d.uint8()) != kindContents {
		return nil, nil, false
	}
	for range d.items {
		origins = append(origins, d.origin())
	}
	return origins, d.rest, d.err == nil
}

func (d *decoder) origin() Origin { return Origin{d.uint64(), d.uint64(), d.uint32()} }

// contents is the list, read over.
type contents struct{}

func (d *decoder) contents() contents {
	for range d.items {
		d.origin()
	}
	return contents{}
}

func (contents) effect(*Store) Verdict { return Verdict{Outcome: Accepted} }
