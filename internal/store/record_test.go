package store

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"meterledger/internal/meter"
)

// fullStore has something of every sort of record, and of most sorts more than fits into
// one record of it.
func fullStore(t *testing.T, meters int) *Store {
	t.Helper()
	s := New()
	s.grid.always = uint8(min(170, meters))
	for _, outcome := range apply(t, s, fullBatch(meters)) {
		if outcome != Accepted {
			t.Fatalf("an entry came to %d", outcome)
		}
	}
	return s
}

// fullBatch makes a full store of an empty one.
func fullBatch(meters int) []byte {
	b := AppendWriting(AppendLevel(nil, LevelHolds), account.RegisteredAt, false)
	b = AppendTerm(b, Term{Alone.Number, 7, "a.example"}, account.RegisteredAt) // of all that follows
	b = AppendWitness(AppendContents(b, []Origin{{7, 1, 5}}), 0, 0)
	for i := range meters {
		b = AppendAccount(b, meter.Account{
			ID: meter.ID(fmt.Sprint("M", i)), OwnerName: strings.Repeat("ß", 50), Address: strings.Repeat("a long road ", 20), RegisteredAt: account.RegisteredAt,
		})
	}
	october := september.Add(1)
	var part []SummaryOf
	var issued, revised []BillOf
	for i := range Index(meters) {
		first, last := reading(closedFrom, 1000+int64(i)), reading(closedFrom+5, 2000+int64(i))
		from, to := meter.Point{Slot: first.Slot, Register: first.Register}, meter.Point{Slot: last.Slot, Register: last.Register}
		part = append(part, SummaryOf{i, Summary{Count: 2, Sum: SumOf([]meter.Point{from, to}), First: from, Last: to}})
		issued = append(issued, BillOf{september, i, Figures{Readings: 2, Start: from, End: from}})
		revised = append(revised, BillOf{october, i, Figures{Readings: 3, Start: from, End: to}})
	}
	h := Hold{holdOf(1).ID, meter.Window{From: closedFrom, To: windowOf(october).To}}
	b = AppendHold(b, h)
	for _, m := range []meter.Month{september, october} {
		b = AppendSummed(AppendUnder(b, h.ID), m, part)
		b = AppendBills(AppendUnder(b, h.ID), m, account.RegisteredAt, issued)
		b = AppendClose(AppendUnder(b, h.ID), MonthArchive{Month: m, Window: windowOf(m), Revision: 1, Archive: Archive{SHA256: [32]byte{byte(m.Month)}, WrittenAt: account.RegisteredAt}})
	}
	for n := range meters {
		day := meter.Day{Year: 2000 + n/28, Month: september.Month, Day: n%28 + 1}
		b = AppendDay(AppendUnder(b, h.ID), DayArchive{day, Archive{Rows: uint64(n), WrittenAt: account.RegisteredAt}, uint64(n)})
		b = AppendIntent(AppendUnder(b, h.ID), september.Add(n/100).Period(), [32]byte{byte(n), byte(n >> 8)})
	}
	b = AppendIntent(AppendUnder(b, h.ID), meter.Period{}, [32]byte{1})
	b = AppendFree(b, h.ID)
	for i := range Index(meters) {
		b = AppendRecall(b, september, 1, i, nil)
	}
	wide, _ := meter.RegisterFromParts(999_999_999_999_999_999, 9)
	for i := range Index(meters) {
		b = AppendReading(b, Reading{i, closedFrom + 200, reading(0, 50_000).Register})
		b = AppendReading(b, Reading{i, closedFrom + 201, wide})
		if i%5 == 0 { // a day that is not dense
			b = AppendReading(b, Reading{i, closedFrom + 300, wide})
		}
	}
	for i := range Index(meters) {
		b = AppendCorrection(b, &Correction{i, Note{account.RegisteredAt, "Ann", "a wrong dial was read"}, []Edit{
			{Slot: closedFrom + 200, Before: reading(0, 50_000).Register, After: reading(0, 50_001).Register},
			{Slot: closedFrom + 201, Before: wide, IsWithdrawn: true},
		}})
		kWh := reading(0, 10).Register
		b = AppendLimits(b, i, meter.Limits{MaxKW: meter.Power(kWh)})
		b = AppendExchange(b, i, meter.Change{At: meter.Slot(closedFrom + 400).Instant(), Kind: meter.Exchange, Old: wide, New: kWh, Serial: "S7", By: "Lim", EnteredAt: account.RegisteredAt}, false)
		b = AppendRefusals(b, uint32(meters)*2, []Refusal{{Reading: Reading{i, closedFrom + 202, reading(0, 40_000).Register}}, {Reading: Reading{i, closedFrom + 200, wide}, IsConflict: true}})
	}
	b = AppendHold(b, holdOf(2))
	b = AppendSummaries(AppendUnder(b, holdOf(2).ID), september, part)
	b = AppendBills(AppendUnder(b, holdOf(2).ID), september, account.RegisteredAt, append(issued, revised...))
	b = append(b, fullCredentials(meters)...)
	for i := range Index(meters) {
		b = AppendOwner(b, i, 1000, "Lim", strings.Repeat("another road ", 3))
		b = AppendResolution(b, Resolution{i, meter.RuleSpike, closedFrom, meter.AsItIs, account.RegisteredAt, "a kiln that is fired on Mondays", "Lim"})
	}
	return AppendReception(b, false)
}

// fullCredentials issues, uses and revokes credentials.
func fullCredentials(meters int) (b []byte) {
	for n := range meters {
		c := testCredential(n)
		if c.Role == meter.RoleHousehold {
			c.Scope, c.Label, c.By = meter.Scope{From: 1000, Until: 2000}, "Block 7", "Ann"
		}
		b = AppendCredential(b, c, []Index{Index(n), Index(meters - 1)})
		if n%3 > 0 {
			b = AppendUsed(b, meter.Day{Year: 2026, Month: 11, Day: 1 + n%30}, []string{c.ID})
		}
		if n%5 > 1 {
			b = AppendRevoked(b, c.ID, account.RegisteredAt)
		}
	}
	return b
}

func TestEveryRecordIsWrittenInItsNewestVersionAndReadBack(t *testing.T) {
	s := fullStore(t, 3000)
	frozen := s.Freeze()
	defer frozen.Thaw()
	whole := encodeState(t, frozen)
	restored, err := decodeState(whole)
	if err != nil {
		t.Fatal(err)
	}
	if restored.Hash() != s.Hash() {
		t.Error("the state that was read back is another one")
	}
	seen := make(map[uint8]int)
	for _, written := range whole {
		seen[written[0]]++
		place := slices.IndexFunc(records, func(r record) bool { return r.kind == written[0] })
		if place < 0 || written[1] != records[place].version {
			t.Fatalf("a record of kind %d has version %d", written[0], written[1])
		}
	}
	for _, r := range records {
		if (seen[r.kind] > 0) != (r.encode != nil) {
			t.Errorf("%d records of kind %d were written", seen[r.kind], r.kind)
		}
	}
}

func TestARecordOfALaterVersionIsRefusedAndSaysSo(t *testing.T) {
	frozen := fullStore(t, 10).Freeze()
	defer frozen.Thaw()
	whole := encodeState(t, frozen)
	for _, r := range records {
		if r.encode == nil {
			continue
		}
		place := slices.IndexFunc(whole, func(record []byte) bool { return record[0] == r.kind })
		for _, version := range []uint8{r.version + 1, 255} {
			changed := slices.Clone(whole)
			changed[place] = bytes.Clone(whole[place])
			changed[place][1] = version
			want := fmt.Sprintf("a record of kind %d has version %d, this program knows version %d: a newer version wrote it", r.kind, version, r.version)
			if _, err := decodeState(changed); !errors.Is(err, ErrNewer) || err.Error() != want {
				t.Errorf("error %v, want %s", err, want)
			}
		}
	}
	none := slices.Clone(whole)
	none[1] = bytes.Clone(whole[1])
	none[1][1] = 0
	if _, err := decodeState(none); err == nil || errors.Is(err, ErrNewer) {
		t.Errorf("a record without a version: %v", err)
	}
	later := slices.Clone(whole)
	later[0] = bytes.Clone(whole[0])
	later[0][3] = byte(LevelNewest) + 1
	if _, err := decodeState(later); err == nil || !strings.Contains(err.Error(), "level 5 is not known to this version") {
		t.Errorf("a later level: %v", err)
	}
	if _, err := decodeState(append(slices.Clone(whole[:1]), []byte{99, 1})); err == nil || !strings.Contains(err.Error(), "kind 99 is not known to this version") {
		t.Errorf("a later kind: %v", err)
	}
}

// accountBytesMax is what an account takes that REST lets in, and more.
const accountBytesMax = 1 << 10

func TestNoRecordIsLongerThanItsLimit(t *testing.T) {
	frozen := fullStore(t, 3000).Freeze()
	defer frozen.Thaw()
	lists, longest := make(map[uint8]int), make(map[uint8]int)
	for _, record := range encodeState(t, frozen) {
		lists[record[0]]++
		longest[record[0]] = max(longest[record[0]], len(record))
		limit := recordBytes + accountBytesMax
		if record[0] == 11 {
			limit = 64 + chunkMeters*wideBlockBytes
		}
		if len(record) > limit {
			t.Errorf("a record of kind %d is %d bytes long", record[0], len(record))
		}
	}
	// What is one record each has a size that does not grow; arrivals are divided by segments,
	// and the set of recalled meters has a test of its own.
	fixed := map[uint8]int{1: 8, 17: 16, 27: 64, 13: 64, 18: 16, 19: 16 + 8*segmentMeters, 6: 128, 12: 32}
	for _, r := range records {
		limit, isFixed := fixed[r.kind]
		if r.encode != nil && r.kind != 14 && !isFixed && lists[r.kind] < 2 {
			t.Errorf("%d records of kind %d were written, so nothing was divided", lists[r.kind], r.kind)
		}
		if isFixed && longest[r.kind] > limit {
			t.Errorf("a record of kind %d is %d bytes long", r.kind, longest[r.kind])
		}
	}
}

// TestNoRecordGrowsWithTheTimesThatAMonthIsClosed closes a month again and again, each time
// with a late reading more of each meter and bills that it revises.
func TestNoRecordGrowsWithTheTimesThatAMonthIsClosed(t *testing.T) {
	const meters, times = 1024, 530
	s := New()
	b := AppendLevel(nil, LevelHolds)
	for i := range meters {
		b = AppendAccount(b, meter.Account{ID: meter.ID(fmt.Sprint("M", i)), OwnerName: "Tan", Address: "Road"})
	}
	apply(t, s, b)
	for n := range times {
		id := holdOf(uint64(n + 1)).ID
		from, to := meter.Point{Slot: closedFrom, Register: reading(0, 1).Register}, meter.Point{Slot: closedFrom + 5, Register: reading(0, int64(n+2)).Register}
		var part []SummaryOf
		var bills []BillOf
		for i := range Index(meters) {
			part = append(part, SummaryOf{i, Summary{Count: uint16(n + 2), Sum: uint32(n), First: from, Last: to}})
			bills = append(bills, BillOf{september, i, Figures{Readings: uint16(n + 2), Start: from, End: to}})
		}
		b = AppendHold(b[:0], Hold{id, windowOf(september)})
		b = AppendIntent(AppendUnder(b, id), september.Period(), [32]byte{byte(n), byte(n >> 8)})
		b = AppendSummed(AppendUnder(b, id), september, part)
		b = AppendBills(AppendUnder(b, id), september, account.RegisteredAt, bills)
		b = AppendClose(AppendUnder(b, id), MonthArchive{Month: september, Window: windowOf(september), Revision: uint32(n + 1)})
		apply(t, s, AppendFree(b, id))
	}
	if m := s.months[0]; m.Revision != times {
		t.Fatalf("the month was closed %d times", m.Revision)
	}
	frozen := s.Freeze()
	defer frozen.Thaw()
	size := 0
	for _, record := range encodeState(t, frozen) {
		size += len(record)
		if len(record) > recordBytes+accountBytesMax {
			t.Errorf("a record of kind %d is %d bytes long", record[0], len(record))
		}
	}
	if size > 1<<20 {
		t.Errorf("the state of %d meters takes %d bytes", meters, size)
	}
}

// TestAWideSetOfRecalledMetersIsDivided needs more meters than can be registered in a
// test: 64 of them are one word.
func TestAWideSetOfRecalledMetersIsDivided(t *testing.T) {
	s, _ := closedStore(t)
	words := make(indexSet, recordBytes/8*3)
	r := rand.New(rand.NewPCG(1, 1))
	for i := range words {
		words[i] = r.Uint64()
	}
	s.months[0].recalled = words
	frozen := s.Freeze()
	defer frozen.Thaw()
	d := StateDecoder{decoder: decoder{s: New()}}
	d.s.accounts = make([]meter.Account, 64*len(words))
	d.s.setMonth(&month{MonthArchive: s.months[0].MonthArchive})
	n := 0
	for _, record := range encodeState(t, frozen) {
		if record[0] == 14 {
			n++
			d.rest = record[2:]
			decodeRecalled(&d)
			if len(record) > recordBytes+8 || d.err != nil || len(d.rest) > 0 {
				t.Fatalf("record of %d bytes: %v, %d left", len(record), d.err, len(d.rest))
			}
		}
	}
	if !slices.Equal(d.s.months[0].recalled, words) || n < 3 {
		t.Errorf("%d records hold %d of %d words", n, len(d.s.months[0].recalled), len(words))
	}
}
