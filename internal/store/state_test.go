package store

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"meterledger/internal/meter"
)

func encodeState(t fataler, f *Frozen) (records [][]byte) {
	err := f.Encode(func(record []byte) error {
		records = append(records, bytes.Clone(record))
		return nil
	})
	if err != nil {
		t.Fatalf("encoding: %v", err)
	}
	return records
}

type fataler interface{ Fatalf(string, ...any) }

func decodeState(records [][]byte) (*Store, error) {
	d := NewStateDecoder()
	for _, record := range records {
		if err := d.Decode(record); err != nil {
			return nil, err
		}
	}
	return d.Store()
}

// historian draws batches that make sense together: accounts, readings that rise
// or do not, closed months, late readings, and the rest.
type historian struct{ accounts, revision int }

const closedFrom, closedTo = 48 * 20_000, 48 * 20_002

var september = meter.Month{Year: 2024, Month: 9}

func (h *historian) batch(t *rapid.T, s *Store) []byte {
	var b []byte
	for range rapid.IntRange(1, 8).Draw(t, "entries") {
		i := Index(rapid.SampledFrom([]int{0, 1, 255, 256, 700}).Draw(t, "meter"))
		slot := meter.Slot(rapid.IntRange(closedFrom-48, closedTo+100).Draw(t, "slot"))
		kind := rapid.SampledFrom([]string{"account", "reading", "reading", "reading", "run", "close", "recall", "reception", "day", "intent", "summaries"}).Draw(t, "kind")
		switch {
		case kind == "account" || h.accounts == 0:
			for range rapid.SampledFrom([]int{1, 300, 1100}).Draw(t, "accounts") {
				b = AppendAccount(b, meter.Account{ID: meter.ID(fmt.Sprint("M", h.accounts)), OwnerName: "Tan", Address: "Road", RegisteredAt: account.RegisteredAt})
				h.accounts++
			}
		case int(i) >= h.accounts:
		case kind == "reading":
			b = AppendReading(b, Reading{i, slot, drawRegister(t)})
		case kind == "run":
			var readings []Reading
			for range runReadingsMin {
				readings = append(readings, Reading{i, slot, drawRegister(t)})
				slot++
			}
			b = AppendReadings(b, readings, false)
		case kind == "recall":
			b = AppendRecall(b, september, uint32(h.revision), i, nil)
		case kind == "reception":
			b = AppendReception(b, rapid.Bool().Draw(t, "on"))
		case kind == "day":
			b = AppendDay(b, meter.Day{Year: 2024, Month: 9, Day: int(i%28 + 1)}, Archive{Rows: uint64(i), WrittenAt: account.RegisteredAt})
		case kind == "intent":
			b = AppendIntent(b, "2024-09", [32]byte{byte(i)})
		case kind == "summaries", kind == "close":
			if points := s.grid.appendPoints(nil, i, meter.Window{From: closedFrom, To: closedTo}); len(points) > 0 {
				b = AppendSummaries(b, september, []SummaryOf{{i, Summary{uint16(len(points)), points[0], points[len(points)-1]}}})
			}
			if kind == "close" {
				h.revision++
				b = AppendClose(b, MonthArchive{
					Month: september, Window: meter.Window{From: closedFrom, To: closedTo}, Revision: uint32(h.revision),
					Archive: Archive{WrittenAt: account.RegisteredAt},
				})
			}
		}
	}
	return b
}

func mustApply(t fataler, s *Store, batch []byte) []Verdict {
	verdicts, err := s.Apply(batch, nil)
	if err != nil {
		t.Fatalf("applying: %v", err)
	}
	return verdicts
}

// TestAStateIsWrittenDownAsItWasFrozenAndGoesOnTheSame writes the frozen state down
// after the store has gone on.
func TestAStateIsWrittenDownAsItWasFrozenAndGoesOnTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h historian
		s := New()
		for range rapid.IntRange(1, 3).Draw(t, "snapshots") {
			for range rapid.IntRange(0, 12).Draw(t, "before") {
				mustApply(t, s, h.batch(t, s))
			}
			before := s.Hash()
			frozen := s.Freeze()
			var after [][]byte
			var verdicts [][]Verdict
			for range rapid.IntRange(0, 12).Draw(t, "after") {
				after = append(after, h.batch(t, s))
				verdicts = append(verdicts, mustApply(t, s, after[len(after)-1]))
			}
			restored, err := decodeState(encodeState(t, frozen))
			frozen.Thaw()
			if err != nil {
				t.Fatalf("decoding: %v", err)
			}
			if restored.Hash() != before {
				t.Fatalf("the state is not the one that was frozen")
			}
			for i, batch := range after {
				if got := mustApply(t, restored, batch); !slices.Equal(got, verdicts[i]) {
					t.Fatalf("batch %d: %v, and %v before", i, got, verdicts[i])
				}
			}
			if restored.Hash() != s.Hash() {
				t.Fatalf("the restored store went on differently")
			}
		}
	})
}

func TestHashTellsStatesApart(t *testing.T) {
	seen := make(map[[32]byte]string)
	note := func(what string, s *Store) {
		if other, taken := seen[s.Hash()]; taken {
			t.Errorf("%s has the hash of %s", what, other)
		}
		seen[s.Hash()] = what
	}
	s := New()
	note("nothing", s)
	for _, step := range []struct {
		what  string
		batch []byte
	}{
		{"an account", AppendAccount(nil, account)},
		{"a reading", AppendReading(nil, reading(960_010, 1000))},
		{"a second", AppendReading(nil, reading(960_011, 1000))},
		{"shut down", AppendReception(nil, false)},
		{"an intent", AppendIntent(nil, "2024-09", [32]byte{1})},
		{"a day", AppendDay(nil, meter.Day{Year: 2024, Month: 9, Day: 1}, Archive{WrittenAt: account.RegisteredAt})},
		{"summaries", AppendSummaries(nil, meter.Month{Year: 2024, Month: 9}, []SummaryOf{{0, Summary{Count: 1}}})},
		{"a closed month", AppendClose(nil, MonthArchive{Month: meter.Month{Year: 2024, Month: 9}, Window: meter.Window{From: 960_000, To: 960_100}, Revision: 1})},
		{"a recall", AppendRecall(nil, meter.Month{Year: 2024, Month: 9}, 1, 0, nil)},
		{"a late reading", AppendReading(nil, reading(960_012, 1000))},
	} {
		apply(t, s, step.batch)
		note(step.what, s)
	}
}

func TestAStateThatIsNoneIsRefused(t *testing.T) {
	s, _ := closedStore(t)
	apply(t, s, AppendReading(nil, reading(960_200, 5000)))
	wide, _ := meter.KWhFromParts(1_234_567_890_123, 9)
	apply(t, s, AppendReading(nil, Reading{0, 960_201, wide}))
	whole := encodeState(t, s.Freeze())
	if _, err := decodeState(whole); err != nil {
		t.Fatal(err)
	}
	for i, record := range whole {
		without := slices.Delete(slices.Clone(whole), i, i+1)
		if _, err := decodeState(without); err == nil {
			t.Errorf("without record %d of %d it was taken", i, len(whole))
		}
		if len(record) == 0 {
			t.Errorf("record %d is empty", i)
		}
		for cut := range record {
			changed := slices.Clone(whole)
			changed[i] = record[:cut]
			if _, err := decodeState(changed); err == nil {
				t.Errorf("with %d of %d bytes of record %d it was taken", cut, len(record), i)
			}
		}
		changed := slices.Clone(whole)
		changed[i] = append(bytes.Clone(record), 0)
		if _, err := decodeState(changed); err == nil {
			t.Errorf("with a byte more in record %d it was taken", i)
		}
	}
	again := append(slices.Clone(whole), whole[len(whole)-1])
	if _, err := decodeState(again); err == nil {
		t.Error("with two ends it was taken")
	}
}

// TestNoBytesCrashTheStateDecoder hands it records that begin well.
func TestNoBytesCrashTheStateDecoder(t *testing.T) {
	s, _ := closedStore(t)
	apply(t, s, AppendReading(nil, reading(960_200, 5000)))
	whole := encodeState(t, s.Freeze())
	rapid.Check(t, func(t *rapid.T) {
		changed := slices.Clone(whole)
		i := rapid.IntRange(0, len(whole)-1).Draw(t, "record")
		record := bytes.Clone(changed[i])
		for range rapid.IntRange(1, 4).Draw(t, "changes") {
			record[rapid.IntRange(0, len(record)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
		}
		changed[i] = record
		restored, err := decodeState(changed)
		if err == nil {
			restored.Hash()
		}
	})
}

func TestAFreezeThatFailsToBeWrittenSaysSo(t *testing.T) {
	s, _ := closedStore(t)
	full := errors.New("no space")
	frozen := s.Freeze()
	if err := frozen.Encode(func([]byte) error { return full }); !errors.Is(err, full) {
		t.Errorf("error %v", err)
	}
	frozen.Thaw()
	s.Freeze().Thaw() // it can be frozen again
}
