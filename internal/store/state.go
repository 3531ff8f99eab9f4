package store

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"

	"meterledger/internal/meter"
)

// A state is written down as records, in the order of the table records. Meters are
// counted in the order of their accounts. A record stands for itself: its kind, its
// version, and then what the file of its fact draws.
//
//	begin  01 | version 2 | reception uint8 | level uint8
//	end    12 | version | records uint32 | meters uint32 | readings uint64
//
// records counts them all, itself included. In the first version of a state, whose
// begin ends after reception, no other record has a version.
const (
	stateVersioned = 2 // the version of begin from which on records have versions

	// recordBytes is from which size on what is left of a list goes into another record.
	recordBytes = 64 << 10
)

func encodeBegin(e *stateEncoder, s *state) {
	e.put(append(appendFlag(e.begin(1), !s.shut), byte(s.level)))
}

func readBegin(r *stateReader, version uint8) {
	r.versioned = version >= stateVersioned
	r.s.shut = !r.flag()
	if r.versioned {
		r.s.level = Level(r.uint8())
	}
	if r.s.level > LevelNewest {
		r.fail(fmt.Errorf("level %d is not known to this version", r.s.level))
	}
}

func encodeEnd(e *stateEncoder, s *state) {
	b := binary.BigEndian.AppendUint32(e.begin(12), e.records+1)
	b = binary.BigEndian.AppendUint32(b, uint32(len(s.accounts)))
	e.put(binary.BigEndian.AppendUint64(b, e.readings))
}

func readEnd(r *stateReader, _ uint8) {
	records, meters, readings := r.uint32(), r.uint32(), r.uint64()
	if r.err == nil && (records != r.records || meters != uint32(len(r.s.accounts)) || readings != r.s.readings) {
		r.fail(fmt.Errorf("%d records, %d meters and %d readings are there, not %d, %d and %d",
			r.records, len(r.s.accounts), r.s.readings, records, meters, readings))
	}
	if len(r.former) > 0 && r.err == nil {
		r.issueFormer()
	}
	r.ended = r.err == nil
}

// Encode hands out the state record by record. A record is only valid during the call.
func (f *FrozenState) Encode(emit func(record []byte) error) error {
	e := &stateEncoder{emit: emit}
	for _, r := range records {
		e.write(r, &f.state)
	}
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
	for _, r := range records {
		e.write(r, &shared)
	}
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
	version  uint8 // of the records that are being written
	records  uint32
	readings uint64 // in the chunks so far
	err      error
}

func (e *stateEncoder) write(r record, s *state) {
	if r.encode != nil && e.err == nil {
		e.version = r.version
		r.encode(e, s)
	}
}

func (e *stateEncoder) begin(kind uint8) []byte { return append(e.buffer[:0], kind, e.version) }

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

// list writes items, how many they are in front of them, in as many records as they need.
func (e *stateEncoder) list(kind uint8, n int, head head, item func(b []byte, i int) []byte) {
	for i := 0; i < n; {
		b := head(e.begin(kind), i)
		count, first := len(b), i
		b = append(b, 0, 0, 0, 0)
		for ; i < n && len(b) < recordBytes; i++ {
			b = item(b, i)
		}
		binary.BigEndian.PutUint32(b[count:], uint32(i-first))
		e.put(b)
	}
}

// encodeColumn writes a column, in a record for each segment that has a value:
//
//	head | first meter uint32 | n uint32 | n × value
func encodeColumn[T comparable](e *stateEncoder, c column[T], kind uint8, head head, add func([]byte, T) []byte) {
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
		b := binary.BigEndian.AppendUint32(head(e.begin(kind), 0), uint32(place*segmentMeters))
		b = binary.BigEndian.AppendUint32(b, uint32(used))
		for _, value := range segment.all[:used] {
			b = add(b, value)
		}
		e.put(b)
	}
}
