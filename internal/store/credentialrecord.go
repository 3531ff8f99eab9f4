package store

import "encoding/binary"

// encodeCredentials writes all credentials in the order in which they were issued:
//
//	credentials  25 | version | n uint32 | n × (credential, as in the entry | revoked at uint64 | packed day of the last use uint32)
func encodeCredentials(e *stateEncoder, s *state) {
	part := make([]Index, 0, credentialsTogether)
	for n := Index(0); n < s.credentials.count; {
		part = part[:0]
		for ; n < s.credentials.count && len(part) < cap(part); n++ {
			part = append(part, n)
		}
		encodeList(e, part, noHead, s.credentials.append)
	}
}

func (c *credentials) append(b []byte, n Index) []byte {
	kept := c.all.at(n)
	b = binary.BigEndian.AppendUint64(appendCredential(b, kept), uint64(kept.revokedAt))
	return binary.BigEndian.AppendUint32(b, c.used.at(n))
}

func decodeCredentials(d *StateDecoder) {
	for range d.items {
		c := d.credential()
		c.revokedAt = int64(d.uint64())
		day := d.uint32()
		if d.err != nil {
			return
		}
		n := d.s.credentials.count
		d.s.keepCredential(c)
		if day > 0 {
			d.s.useCredential(n, day)
		}
	}
}
