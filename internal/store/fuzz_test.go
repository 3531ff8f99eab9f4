package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"meterledger/internal/meter"
)

// fuzzBytesMax keeps an input small enough to be tried often.
const fuzzBytesMax = 64 << 10

// FuzzApply applies any bytes to a state that has something of everything. They must not
// panic, come to the same in another store, be applied if they passed the check, leave a state that was frozen before as it
// was, and leave one that can be written down and read back.
func FuzzApply(f *testing.F) {
	before := fullBatch(3)
	f.Add([]byte{})
	for _, batch := range [][]byte{before, AppendReception(nil, true), AppendFree(nil, holdOf(2).ID)} {
		f.Add(batch)
	}
	for _, e := range seedHistory(f) {
		f.Add(e)
	}
	f.Fuzz(func(t *testing.T, batch []byte) {
		if len(batch) > fuzzBytesMax {
			return
		}
		for _, prefix := range [][]byte{nil, before} {
			one, other := New(), New()
			mustApply(t, one, prefix)
			mustApply(t, other, prefix)
			hash, frozen := one.Hash(), one.Freeze()
			entries, refused := one.Check(batch, true)
			verdicts, err := one.Apply(batch, Verdicts{})
			again, errAgain := other.Apply(batch, Verdicts{})
			if fmt.Sprint(err) != fmt.Sprint(errAgain) || !reflect.DeepEqual(verdicts, again) || one.Hash() != other.Hash() {
				t.Fatalf("applied twice: %v, %v and %v, %v", verdicts, err, again, errAgain)
			}
			if refused == nil && (err != nil || entries != verdicts.Len()) {
				t.Fatalf("%d entries passed the check, and %d were applied: %v", entries, verdicts.Len(), err)
			}
			wantReadBack(t, frozen, hash)
			frozen.Thaw()
			if err == nil {
				now := one.Freeze()
				wantReadBack(t, now, one.Hash())
				now.Thaw()
			}
		}
	})
}

func wantReadBack(t rapid.TB, frozen *FrozenState, want [32]byte) {
	t.Helper()
	restored, err := decodeState(encodeState(t, frozen))
	if err != nil {
		t.Fatalf("a state that was written down cannot be read: %v", err)
	}
	if restored.Hash() != want {
		t.Fatal("a state that was written down is read back as another one")
	}
}

// seedHistory is some histories, each as one batch, as the tests of interleavings draw them.
func seedHistory(f *testing.F) (batches [][]byte) {
	f.Helper()
	draw := rapid.Custom(func(t *rapid.T) []byte {
		h, entries := newHistorian(t, make(map[string]int))
		var batch []byte
		for _, e := range entries[:min(len(entries), 4)] {
			h.add(t, e)
			batch = append(batch, e.bytes...)
		}
		h.accounts = min(h.accounts, 4)
		for range 60 {
			e := h.next()
			h.add(t, e)
			batch = append(batch, e.bytes...)
		}
		return batch
	})
	for seed := range 8 {
		batches = append(batches, draw.Example(seed))
	}
	return batches
}

// FuzzStateRecords reads any bytes as the records of a state, each after its length. What
// is taken for a state must be one: it is read through, written down and read back.
func FuzzStateRecords(f *testing.F) {
	s := New()
	mustApply(f, s, fullBatch(3))
	frozen := s.Freeze()
	whole := encodeState(f, frozen)
	frozen.Thaw()
	f.Add(framed(whole))
	for _, record := range whole[1:] {
		f.Add(framed([][]byte{whole[0], whole[1], record}))
	}
	first := readFirstState(f, "testdata/state1/pending.txt")
	f.Add(framed(first.records))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > fuzzBytesMax {
			return
		}
		d := NewStateDecoder()
		if err := d.Decode(unframed(b)); err != nil {
			return
		}
		if err := d.Decode([][]byte{endOf(d)}); err != nil {
			return
		}
		s, err := d.Store()
		if err != nil {
			t.Fatal(err)
		}
		again := s.Freeze()
		defer again.Thaw()
		wantReadBack(t, again, s.Hash())
	})
}

// endOf makes the last record of a state, which no chance would hit.
func endOf(d *StateDecoder) []byte {
	b := []byte{12}
	if d.versioned {
		b = append(b, 1)
	}
	b = binary.BigEndian.AppendUint32(b, d.records+1)
	b = binary.BigEndian.AppendUint32(b, uint32(len(d.s.accounts)))
	return binary.BigEndian.AppendUint64(b, d.s.readings)
}

func framed(records [][]byte) (b []byte) {
	for _, record := range records {
		if record[0] != 12 {
			b = append(binary.BigEndian.AppendUint16(b, uint16(len(record))), record...)
		}
	}
	return b
}

func unframed(b []byte) (records [][]byte) {
	for len(b) >= 2 {
		n := min(int(binary.BigEndian.Uint16(b)), len(b)-2)
		records = append(records, bytes.Clone(b[2:2+n]))
		b = b[2+n:]
	}
	return records
}

// TestAReadingOfAnyYearIsReadBack restores what a timestamp can name: such rows may stand
// in an archive, and a state that holds one must be one that the next start can read.
func TestAReadingOfAnyYearIsReadBack(t *testing.T) {
	zone, err := meter.LoadZone("Asia/Singapore")
	if err != nil {
		t.Fatal(err)
	}
	last, err := zone.ParseSlot("timestamp", "9999-12-31T23:30:00")
	if err != nil {
		t.Fatal(err)
	}
	s := New()
	mustApply(t, s, AppendReading(AppendAccount(nil, account), Reading{0, last, meter.Register{}}))
	frozen := s.Freeze()
	defer frozen.Thaw()
	wantReadBack(t, frozen, s.Hash())
}

// TestASlotBeyondAllTimeIsRefused keeps one entry from claiming memory for every day until its own.
func TestASlotBeyondAllTimeIsRefused(t *testing.T) {
	many := slices.Repeat([]Reading{{0, 1 << 31, meter.Register{}}}, packReadingsMin)
	for name, entry := range map[string][]byte{
		"a reading": AppendReading(nil, many[0]),
		"a pack":    AppendReadings(nil, many, false),
	} {
		s := New()
		mustApply(t, s, AppendAccount(nil, account))
		if _, err := s.Apply(entry, Verdicts{}); err == nil || len(s.grid.lanes) > 0 {
			t.Errorf("%s: error %v, and the grid has %d lanes", name, err, len(s.grid.lanes))
		}
	}
}

// TestABlockWhoseEarlierRegisterIsOutsideTheLimitsIsRefused makes a block whose last register
// is within them: registers rise, so it is the largest in any block that the store makes.
func TestABlockWhoseEarlierRegisterIsOutsideTheLimitsIsRefused(t *testing.T) {
	b := block{head: 0b11, base: 999_999_999_999_999_999}
	for offset, want := range map[uint16]bool{0: true, 1: false} {
		b.offsets[0] = offset
		d := &decoder{}
		if b.check(d); (d.err == nil) != want {
			t.Errorf("offset %d: error %v", offset, d.err)
		}
	}
}
