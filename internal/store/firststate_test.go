package store

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// firstState is a history that the last program to write states of the first version
// has applied: its entries with their outcomes, the state that it has written down on
// the way, and the bills that it has answered with at the state and at the end.
type firstState struct {
	before, behind []judgedEntry
	records        [][]byte
	bills          [2]string
}

type judgedEntry struct {
	bytes    []byte
	outcomes string
}

func readFirstState(t testing.TB, name string) (f firstState) {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		what, text, _ := strings.Cut(lines.Text(), " ")
		digits, outcomes, _ := strings.Cut(text, " ")
		switch what {
		case "entry":
			into := &f.before
			if len(f.records) > 0 {
				into = &f.behind
			}
			*into = append(*into, judgedEntry{unhex(t, digits), outcomes})
		case "record":
			f.records = append(f.records, unhex(t, digits))
		case "bill":
			f.bills[min(len(f.behind), 1)] += lines.Text() + "\n"
		}
	}
	if err := lines.Err(); err != nil || len(f.records) == 0 || len(f.behind) == 0 {
		t.Fatalf("%s: %d records and %d entries behind them, %v", name, len(f.records), len(f.behind), err)
	}
	return f
}

func unhex(t testing.TB, digits string) []byte {
	t.Helper()
	b, err := hex.DecodeString(digits)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// allBills are all bills of a store, in the words of a firstState.
func allBills(s *Store) string {
	var b strings.Builder
	figures := func(f Figures) string {
		return fmt.Sprint(f.Readings, " ", f.Start.Slot, " ", f.Start.Register, " ", f.End.Slot, " ", f.End.Register)
	}
	meters, _ := s.Counts()
	for i := range Index(meters) {
		for _, m := range s.Months() {
			bill, _, ok := s.Bill(i, m.Month)
			if !ok {
				continue
			}
			fmt.Fprint(&b, "bill ", i, " ", m.Month, " ", bill.Revision, " ", figures(bill.Figures))
			if bill.Previous != nil {
				fmt.Fprint(&b, " was ", figures(*bill.Previous), " until ", bill.RevisedAt.Unix())
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

// wantFirstState applies entries, and compares what comes of them with what came then.
func wantFirstState(t *testing.T, s *Store, entries []judgedEntry, want string) {
	t.Helper()
	for n, e := range entries {
		got := ""
		for _, outcome := range apply(t, s, e.bytes) {
			got += fmt.Sprint(outcome, ",")
		}
		if got != e.outcomes {
			t.Errorf("entry %d % x: %s, and %s then", n, e.bytes, got, e.outcomes)
		}
	}
	if got := allBills(s); got != want {
		t.Errorf("the bills are\n%s, and then\n%s", got, want)
	}
}

// TestAStateOfTheFirstVersionIsReadAsItWasMeant reads what was written before records had
// versions, and bills were facts. It goes on as it would have gone on then.
func TestAStateOfTheFirstVersionIsReadAsItWasMeant(t *testing.T) {
	files, err := filepath.Glob("testdata/state1/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no states: %v", err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			f := readFirstState(t, name)
			restored, err := decodeState(f.records)
			if err != nil {
				t.Fatal(err)
			}
			s := New()
			wantFirstState(t, s, f.before, f.bills[0])
			wantFirstState(t, restored, nil, f.bills[0])
			if restored.Hash() != s.Hash() {
				t.Error("the entries come to another state than the one that was written down")
			}
			wantFirstState(t, restored, f.behind, f.bills[1])
			wantFirstState(t, s, f.behind, f.bills[1])
			if restored.Hash() != s.Hash() {
				t.Error("the state goes on differently")
			}
			if thawed(t, restored).Hash() != s.Hash() {
				t.Error("what was the first version is not written down as it is")
			}
		})
	}
}

func TestAStateOfTheFirstVersionThatIsNoneIsRefused(t *testing.T) {
	f := readFirstState(t, "testdata/state1/pending.txt")
	unclosed := appendMonthArchive([]byte{6}, MonthArchive{Month: september, Window: windowOf(september)})
	unclosed = append(unclosed, make([]byte, 1+4+4)...) // not late, nothing recalled, no closings
	if _, err := decodeState([][]byte{{1, 1, 1}, unclosed}); err == nil {
		t.Error("a month that was never closed was taken")
	}
	former := binary.BigEndian.AppendUint64(appendMonth([]byte{8, 1}, september), 0)
	newest := encodeState(t, fullStore(t, 1).Freeze())
	place := slices.IndexFunc(newest, func(record []byte) bool { return record[0] == 15 })
	if _, err := decodeState(slices.Insert(newest, place, former)); err == nil {
		t.Error("former summaries in a state of a later version were taken")
	}
	for i, record := range f.records {
		if _, err := decodeState(slices.Delete(slices.Clone(f.records), i, i+1)); err == nil {
			t.Errorf("without record %d it was taken", i)
		}
		for cut := range record {
			changed := slices.Clone(f.records)
			changed[i] = record[:cut]
			if _, err := decodeState(changed); err == nil {
				t.Errorf("with %d of %d bytes of record %d it was taken", cut, len(record), i)
			}
		}
	}
}
