package store

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"slices"
	"strings"

	"meterledger/internal/meter"
)

// A state is records, one after another in the order of their kinds, numbers and
// texts as in a batch. Meters are counted in the order of their accounts.
//
//	begin      01 | version uint8 | reception uint8
//	accounts   02 | n uint32 | n × (registered at | id | owner name | address)
//	latest     03 | first meter uint32 | n uint32 | n × point
//	day        04 | year uint32, month uint8, day uint8 | archive
//	intent     05 | period | SHA-256 32 bytes
//	month      06 | month | revision uint32 | window from, to uint32 | archive | late uint8 | n uint32 | n × recalled uint64 | n uint32 | n × closing
//	summaries  07 | month | first meter uint32 | n uint32 | n × summary
//	former     08 | month | first meter uint32 | n uint32 | n × (n uint16, n × (until uint32, summary))
//	pending    09 | as summaries, of a month that is being closed
//	former     10 | as the one before, of a month that is being closed
//	chunk      11 | day uint32 | first meter uint32 | blocks in use 4 × uint64 | blocks
//	end        12 | records uint32 | meters uint32 | readings uint64
//
//	closing:   number uint32 | time
//	summary:   count uint16 | first point | last point
//	recalled:  bit m of word w is meter 64 w + m
//	block:     head uint64 | base uint64 | 48 × offset uint16   or, in the wide form,
//	           head uint64 | 48 × coefficient uint64 | 48 × scale uint8
//
// records counts them all, itself included.
const (
	stateBegin = iota + 1
	stateAccounts
	stateLatest
	stateDay
	stateIntent
	stateMonth
	stateSummaries
	stateFormer
	statePending
	statePendingFormer
	stateChunk
	stateEnd

	stateVersion = 1
	// accountsTogether keeps a record of accounts below 2 MiB, however long the
	// names are.
	accountsTogether = 1024
)

// Encode hands out the state record by record. A record is only valid during the call.
func (f *Frozen) Encode(emit func(record []byte) error) error {
	e := &stateEncoder{emit: emit}
	e.books(f)
	readings := e.grid(&f.grid)
	b := binary.BigEndian.AppendUint32(e.begin(stateEnd), e.records+1)
	b = binary.BigEndian.AppendUint32(b, uint32(len(f.accounts)))
	e.put(binary.BigEndian.AppendUint64(b, readings))
	return e.err
}

// Hash returns a hash of all that the store knows. Two stores that hold the same
// have the same hash, however they came to it.
func (s *Store) Hash() [sha256.Size]byte {
	s.mu.RLock()
	defer s.mu.RUnlock()
	hash := sha256.New()
	e := &stateEncoder{emit: func(record []byte) error { _, err := hash.Write(record); return err }}
	e.books(s.share())
	for i := range s.accounts {
		b := binary.BigEndian.AppendUint32(e.buffer[:0], uint32(i))
		for _, p := range s.grid.appendPoints(nil, Index(i), meter.Window{To: math.MaxUint32}) {
			b = appendPoint(b, p)
		}
		e.put(b)
	}
	return [sha256.Size]byte(hash.Sum(nil))
}

func sortedKeys[K comparable, V any](m map[K]V, compare func(a, b K) int) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, compare)
	return keys
}

func flag(set bool) uint8 {
	if set {
		return 1
	}
	return 0
}

// stateEncoder makes one record after another in the same buffer. Once emit has failed
// it does nothing more.
type stateEncoder struct {
	emit    func([]byte) error
	buffer  []byte
	records uint32
	err     error
}

func (e *stateEncoder) begin(kind uint8) []byte { return append(e.buffer[:0], kind) }

func (e *stateEncoder) put(record []byte) {
	e.buffer = record
	e.records++
	if e.err == nil {
		e.err = e.emit(record)
	}
}

// books writes everything but the readings.
func (e *stateEncoder) books(f *Frozen) {
	e.put(append(e.begin(stateBegin), stateVersion, flag(!f.paused)))
	for part := range slices.Chunk(f.accounts, accountsTogether) {
		b := binary.BigEndian.AppendUint32(e.begin(stateAccounts), uint32(len(part)))
		for _, a := range part {
			b = appendAccount(b, a)
		}
		e.put(b)
	}
	encodeColumn(e, f.latest, func(b []byte) []byte { return append(b, stateLatest) }, appendPoint)
	for _, d := range f.days {
		e.put(appendArchive(appendDay(e.begin(stateDay), d.Day), d.Archive))
	}
	for _, period := range sortedKeys(f.intents, strings.Compare) {
		for _, sum := range f.intents[period] {
			e.put(append(appendText(e.begin(stateIntent), period), sum[:]...))
		}
	}
	for i := range f.months {
		e.month(&f.months[i])
	}
	for i := range f.months {
		e.summaries(stateSummaries, f.months[i].Month, f.months[i].summaries)
	}
	for i := range f.months {
		e.former(stateFormer, f.months[i].Month, f.months[i].former)
	}
	pending := sortedKeys(f.pending, meter.Month.Compare)
	for _, name := range pending {
		e.summaries(statePending, name, f.pending[name].summaries)
	}
	for _, name := range pending {
		e.former(statePendingFormer, name, f.pending[name].former)
	}
}

func (e *stateEncoder) month(m *month) {
	b := appendMonthArchive(e.begin(stateMonth), m.MonthArchive)
	b = append(b, flag(m.late))
	b = binary.BigEndian.AppendUint32(b, uint32(len(m.recalled)))
	for _, word := range m.recalled {
		b = binary.BigEndian.AppendUint64(b, word)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(m.closings)))
	for _, c := range m.closings {
		b = binary.BigEndian.AppendUint32(b, c.Number)
		b = binary.BigEndian.AppendUint64(b, uint64(c.At.Unix()))
	}
	e.put(b)
}

func (e *stateEncoder) summaries(kind uint8, name meter.Month, summaries column[Summary]) {
	encodeColumn(e, summaries, func(b []byte) []byte { return appendMonth(append(b, kind), name) }, appendSummary)
}

func (e *stateEncoder) former(kind uint8, name meter.Month, former column[*Former]) {
	encodeColumn(e, former, func(b []byte) []byte { return appendMonth(append(b, kind), name) }, appendFormer)
}

func appendFormer(b []byte, former *Former) []byte {
	all := former.list()
	b = binary.BigEndian.AppendUint16(b, uint16(len(all)))
	for _, f := range all {
		b = binary.BigEndian.AppendUint32(b, f.Until)
		b = appendSummary(b, f.Summary)
	}
	return b
}

// encodeColumn writes a column, a record for each segment that has a value.
func encodeColumn[T comparable](e *stateEncoder, c column[T], begin func([]byte) []byte, add func([]byte, T) []byte) {
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
		b := binary.BigEndian.AppendUint32(begin(e.buffer[:0]), uint32(place*segmentMeters))
		b = binary.BigEndian.AppendUint32(b, uint32(used))
		for _, value := range segment.all[:used] {
			b = add(b, value)
		}
		e.put(b)
	}
}

func (e *stateEncoder) grid(g *grid) (readings uint64) {
	for day, p := range g.pages {
		if p == nil {
			continue
		}
		for place := range p.chunks {
			if c := &p.chunks[place]; c.readings > 0 && e.err == nil {
				e.chunk(g.first+uint32(day), Index(place*chunkMeters), c)
				readings += uint64(c.readings)
			}
		}
	}
	return readings
}

func (e *stateEncoder) chunk(day uint32, first Index, c *chunk) {
	b := binary.BigEndian.AppendUint32(e.begin(stateChunk), day)
	b = binary.BigEndian.AppendUint32(b, uint32(first))
	used := len(b)
	b = append(b, make([]byte, chunkMeters/8)...)
	for i := range c.blocks {
		block := &c.blocks[i]
		if block.mask() == 0 {
			continue
		}
		b[used+i/8] |= 0x80 >> (i % 8)
		if block.isWide() {
			b = block.appendWide(b, &c.wide[block.base])
		} else {
			b = block.append(b)
		}
	}
	e.put(b)
}

const (
	blockBytes     = 8 + 8 + 2*meter.SlotsPerDay
	wideBlockBytes = 8 + 9*meter.SlotsPerDay
)

func (b *block) append(to []byte) []byte {
	at := len(to)
	to = slices.Grow(to, blockBytes)[:at+blockBytes]
	record := (*[blockBytes]byte)(to[at:])
	binary.BigEndian.PutUint64(record[0:], b.head)
	binary.BigEndian.PutUint64(record[8:], uint64(b.base))
	for i, offset := range &b.offsets {
		binary.BigEndian.PutUint16(record[16+2*i:], offset)
	}
	return to
}

func (b *block) appendWide(to []byte, w *wideBlock) []byte {
	to = binary.BigEndian.AppendUint64(to, b.head)
	for _, coefficient := range w.coefficients {
		to = binary.BigEndian.AppendUint64(to, uint64(coefficient))
	}
	return append(to, w.scales[:]...)
}
