package store

import (
	"bytes"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"meterledger/internal/meter"
)

// slabbed has dense days of some hundred meters, some of them in the wide form, and returns them as records with the place
// of the first chunk and of what follows the last.
func slabbed(t *testing.T) (s *Store, whole [][]byte, first, end int) {
	s = New()
	batch := AppendLevel(nil, LevelNewest)
	const meters = 5*chunkMeters + 100
	for i := range meters {
		batch = AppendAccount(batch, meter.Account{ID: meter.ID(fmt.Sprint(i)), RegisteredAt: account.RegisteredAt})
	}
	for slot := range meter.Slot(3 * meter.SlotsPerDay) {
		for i := range Index(meters) {
			coefficient, scale := int64(slot)*250+int64(i), uint8(3)
			if (i+Index(slot))%101 == 0 {
				coefficient, scale = coefficient*1_000_000+int64(i), 9
			}
			register, _ := meter.RegisterFromParts(coefficient, scale)
			batch = AppendReading(batch, Reading{i, 48*20_000 + slot, register})
		}
	}
	apply(t, s, batch)
	frozen := s.Freeze()
	whole = encodeState(t, frozen)
	frozen.Thaw()
	isChunk := func(record []byte) bool { return record[0] == 11 }
	first = slices.IndexFunc(whole, isChunk)
	for end = first; isChunk(whole[end]); end++ {
	}
	if end-first < 12 {
		t.Fatalf("there are only %d dense days", end-first)
	}
	return s, whole, first, end
}

func TestAStateIsReadBackTheSameOnAnyNumberOfProcessors(t *testing.T) {
	s, whole, _, _ := slabbed(t)
	want := s.Footprint()
	for _, processors := range []int{1, 2, 7} {
		before := runtime.GOMAXPROCS(processors)
		back, err := decodeState(whole)
		runtime.GOMAXPROCS(before)
		if err != nil {
			t.Fatal(err)
		}
		if got := back.Footprint(); got.Sum() > want.Sum() || got.Dense != back.denseBytes() {
			t.Errorf("%d processors: it takes %+v, and its tiles %d bytes; it was %+v", processors, got, back.denseBytes(), want)
		}
		frozen := back.Freeze()
		if again := encodeState(t, frozen); !reflect.DeepEqual(again, whole) || back.Hash() != s.Hash() {
			t.Errorf("%d processors: it is another one", processors)
		}
		frozen.Thaw()
		for i := range s.grid.lanes {
			if got, want := back.grid.lanes[i].tiles[0].met, s.grid.lanes[i].tiles[0].met; got != want {
				t.Errorf("%d processors: meters %x have met, not %x", processors, got, want)
			}
		}
	}
}

// denseBytes adds up what the slabs take.
func (s *Store) denseBytes() (sum int64) {
	for _, l := range s.grid.lanes {
		for i := range l.tiles {
			sum += l.tiles[i].bytes().dense
		}
	}
	return sum
}

// TestTheFirstOfSeveralDamagedChunksIsNamed damages what is found at once behind what is found while slabs are decoded.
func TestTheFirstOfSeveralDamagedChunksIsNamed(t *testing.T) {
	_, whole, first, end := slabbed(t)
	longer := func(place int) []byte { return append(bytes.Clone(whole[place]), 0) }
	for place := first; place < end-1; place++ {
		for what, damage := range map[string]func([][]byte){
			"the next one too long":   func(b [][]byte) { b[place+1] = longer(place + 1) },
			"the last one too long":   func(b [][]byte) { b[end-1] = longer(end - 1) },
			"the next one cut":        func(b [][]byte) { b[place+1] = b[place+1][:20] },
			"the next one of no kind": func(b [][]byte) { b[place+1] = []byte{99, 1} },
			"what follows missing":    func(b [][]byte) { b[end] = b[end][:3] },
		} {
			changed := slices.Clone(whole)
			changed[place] = longer(place)
			damage(changed)
			if _, err := decodeState(changed); err == nil || !strings.HasPrefix(err.Error(), fmt.Sprintf("record %d is 1 bytes", place+1)) {
				t.Errorf("record %d too long, %s: error %v", place+1, what, err)
			}
		}
	}
}
