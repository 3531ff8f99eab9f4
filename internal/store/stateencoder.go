package store

import (
	"crypto/sha256"
	"encoding/binary"
	"math"

	"meterledger/internal/meter"
)

// recordBytes is the size from which on what is left of a list goes into another record.
const recordBytes = 64 << 10

// Encode hands out the state record by record. A record is only valid during the call.
func (f *FrozenState) Encode(emit func(record []byte) error) error {
	e := &stateEncoder{emit: emit}
	e.state(&f.state)
	return e.err
}

// Hash returns a hash of all that the store knows. Two stores that hold the same
// have the same hash, however they came to it.
func (s *Store) Hash() [sha256.Size]byte {
	s.mu.RLock()
	defer s.mu.RUnlock()
	hash := sha256.New()
	e := &stateEncoder{emit: func(record []byte) error { _, err := hash.Write(record); return err }}
	shared := s.share()
	shared.grid = grid{} // its form depends on the order of the readings
	shared.rankArrivals()
	e.state(&shared)
	for i := range s.accounts {
		b := binary.BigEndian.AppendUint32(e.buffer[:0], uint32(i))
		for _, p := range s.grid.appendPoints(nil, Index(i), meter.Window{To: math.MaxUint32}) {
			b = appendPoint(b, p)
		}
		e.put(b)
	}
	return [sha256.Size]byte(hash.Sum(nil))
}

// stateEncoder makes one record after another in the same buffer. Once emit has failed
// it does nothing more.
type stateEncoder struct {
	emit     func([]byte) error
	buffer   []byte
	writing  record // the sort of the records that are being written
	records  uint32
	readings uint64 // in the chunks so far
	err      error
}

func (e *stateEncoder) state(s *state) {
	for _, r := range records {
		if r.encode != nil && e.err == nil {
			e.writing = r
			r.encode(e, s)
		}
	}
}

func (e *stateEncoder) begin() []byte { return append(e.buffer[:0], e.writing.kind, e.writing.version) }

func (e *stateEncoder) put(record []byte) {
	e.buffer = record
	e.records++
	if e.err == nil {
		e.err = e.emit(record)
	}
}

// head writes what stands in a record before its items, of which first is the first.
type head func(b []byte, first int) []byte

func noHead(b []byte, _ int) []byte { return b }

func monthHead(m meter.Month) head { return func(b []byte, _ int) []byte { return appendMonth(b, m) } }

// encodeList writes the number of items and the items, in as many records as they need.
func encodeList[T any](e *stateEncoder, items []T, head head, add func([]byte, T) []byte) {
	for i := 0; i < len(items); {
		b := head(e.begin(), i)
		count, first := len(b), i
		b = append(b, 0, 0, 0, 0)
		for ; i < len(items) && len(b) < recordBytes; i++ {
			b = add(b, items[i])
		}
		binary.BigEndian.PutUint32(b[count:], uint32(i-first))
		e.put(b)
	}
}

// encodeColumn writes a column, in a record for each segment that has a value:
//
//	head | first meter uint32 | n uint32 | n × value
func encodeColumn[T comparable](e *stateEncoder, c column[T], head head, add func([]byte, T) []byte) {
	for place, segment := range c {
		if segment == nil {
			continue
		}
		var zero T
		used := segmentMeters
		for used > 0 && segment.all[used-1] == zero {
			used--
		}
		if used == 0 {
			continue
		}
		b := binary.BigEndian.AppendUint32(head(e.begin(), 0), uint32(place*segmentMeters))
		b = binary.BigEndian.AppendUint32(b, uint32(used))
		for _, value := range segment.all[:used] {
			b = add(b, value)
		}
		e.put(b)
	}
}
