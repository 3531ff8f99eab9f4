package store

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"meterledger/internal/meter"
)

func encodeState(t fataler, f *FrozenState) (records [][]byte) {
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
	if err := d.Decode(records); err != nil {
		return nil, err
	}
	return d.Store()
}

func mustApply(t fataler, s *Store, batch []byte) (all []Verdict) {
	verdicts, err := s.Apply(batch, Verdicts{})
	if err != nil {
		t.Fatalf("applying: %v", err)
	}
	for _, v := range verdicts.From(0) {
		all = append(all, v)
	}
	return all
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
		{"a time of writing", AppendWriting(nil, account.RegisteredAt, false)},
		{"a term", AppendTerm(nil, otherTerm, account.RegisteredAt)},
		{"a witness", AppendWitness(nil, 0, 0)},
		{"an intent", AppendIntent(nil, september.Period(), [32]byte{1})},
		{"a day", AppendDay(nil, DayArchive{meter.Day{Year: 2024, Month: 9, Day: 1}, Archive{WrittenAt: account.RegisteredAt}, 0})},
		{"summaries", AppendSummaries(nil, meter.Month{Year: 2024, Month: 9}, []SummaryOf{{0, Summary{Count: 1}}})},
		{"a closed month", AppendClose(nil, MonthArchive{Month: meter.Month{Year: 2024, Month: 9}, Window: meter.Window{From: 960_000, To: 960_100}, Revision: 1})},
		{"a recall", AppendRecall(nil, meter.Month{Year: 2024, Month: 9}, 1, 0, nil)},
		{"a late reading", AppendReading(nil, reading(960_012, 1000))},
		{"a correction to what it was", AppendCorrection(nil, &Correction{0, Note{At: account.RegisteredAt, Reason: "none"}, []Edit{{Slot: 960_012, Before: reading(0, 1000).Register, After: reading(0, 1000).Register}}})},
	} {
		apply(t, s, step.batch)
		note(step.what, s)
	}
}

func TestAStateThatIsNoneIsRefused(t *testing.T) {
	s, _ := closedStore(t)
	apply(t, s, AppendReading(nil, reading(960_200, 5000)))
	wide, _ := meter.RegisterFromParts(1_234_567_890_123, 9)
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
	states := [][][]byte{
		encodeState(t, fullStore(t, 3).Freeze()),
		readFirstState(t, "testdata/state1/pending.txt").records,
		readFirstState(t, "testdata/state1/closed.txt").records,
	}
	rapid.Check(t, func(t *rapid.T) {
		whole := rapid.SampledFrom(states).Draw(t, "state")
		changed := slices.Clone(whole)
		i := rapid.IntRange(0, len(whole)-1).Draw(t, "record")
		record := bytes.Clone(changed[i])
		for range rapid.IntRange(1, 4).Draw(t, "changes") {
			record[rapid.IntRange(0, len(record)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
		}
		changed[i] = record
		if rapid.IntRange(0, 3).Draw(t, "also") == 0 { // of another place, or another version of a state
			other := rapid.SampledFrom(states).Draw(t, "other")
			changed = slices.Insert(changed, rapid.IntRange(1, len(changed)).Draw(t, "place"), rapid.SampledFrom(other).Draw(t, "record"))
		}
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
