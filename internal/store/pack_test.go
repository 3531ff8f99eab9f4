package store

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"meterledger/internal/meter"
)

// anyReadings draws readings near each other or not, of meters 0 to 9.
func anyReadings(t *rapid.T, n int) []Reading {
	meters := rapid.SampledFrom([]Index{1, 10}).Draw(t, "meters")
	slots := rapid.SampledFrom([]meter.Slot{1, 3, 100, 70_000}).Draw(t, "slots")
	digits := rapid.SampledFrom([]int64{1, 10, 70_000, 999_999_999_999_999_999}).Draw(t, "digits")
	scales := rapid.SampledFrom([]uint8{1, 4, 10}).Draw(t, "scales")
	readings := make([]Reading, n)
	for i := range readings {
		register, ok := meter.RegisterFromParts(rapid.Int64Range(0, digits).Draw(t, "coefficient"), rapid.Uint8Range(0, scales-1).Draw(t, "scale"))
		if !ok {
			t.Fatal("a register that is none was drawn")
		}
		readings[i] = Reading{
			Index(rapid.Uint32Range(0, uint32(meters)-1).Draw(t, "meter")),
			960_000 + meter.Slot(rapid.Uint32Range(0, uint32(slots)).Draw(t, "slot")), register,
		}
	}
	return readings
}

// meterByMeter makes readings such as a file has that was written meter by meter: nearly all rise with time.
func meterByMeter(t *rapid.T, readings []Reading) {
	slices.SortStableFunc(readings, func(a, b Reading) int {
		return cmp.Or(cmp.Compare(a.Meter, b.Meter), cmp.Compare(a.Slot, b.Slot))
	})
	if rapid.Bool().Draw(t, "registers rise") {
		registers := make([]meter.Register, len(readings))
		for i := range readings {
			registers[i] = readings[i].Register
		}
		slices.SortFunc(registers, meter.Register.Cmp)
		for i := range readings {
			readings[i].Register = registers[i]
		}
	}
}

// tenMeters is a store with meters 0 to 9.
func tenMeters(t fataler) *Store {
	s := New()
	var batch []byte
	for i := range 10 {
		batch = AppendAccount(batch, meter.Account{ID: meter.ID(fmt.Sprintf("M%d", i)), OwnerName: "Tan", Address: "Road"})
	}
	mustApply(t, s, batch)
	return s
}

func TestARunIsJudgedAsItsReadingsOneByOne(t *testing.T) {
	packs, runs := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		together, single := tenMeters(t), tenMeters(t)
		if rapid.Bool().Draw(t, "newest level") {
			mustApply(t, together, AppendLevel(nil, LevelNewest))
			mustApply(t, single, AppendLevel(nil, LevelNewest))
		}
		if rapid.Bool().Draw(t, "dense") {
			together.grid.always, single.grid.always = 1, 1
		}
		for range rapid.IntRange(1, 3).Draw(t, "batches") {
			readings := anyReadings(t, rapid.SampledFrom([]int{0, 1, 7, 8, 63, 64, 65, 200}).Draw(t, "readings"))
			if rapid.Bool().Draw(t, "meter by meter") {
				meterByMeter(t, readings)
			}
			before := together.Freeze()
			hash := single.Hash()
			batch := AppendReadings(nil, readings, false)
			if len(batch) > 0 && kind(batch[0]) == kindPack {
				packs++
			}
			if len(batch) > len(readings)*(ReadingBytesMax-1) {
				t.Fatalf("%d readings take %d bytes", len(readings), len(batch))
			}
			var entries []byte
			for _, r := range readings {
				entries = AppendReading(entries, r)
			}
			if len(readings) > 1 && together.isCalm(false) && together.onward(readings) > 1 {
				runs++
			}
			var judged []PlacedVerdict // one by one
			for place, r := range readings {
				if v := single.Judge(r, false); v.Outcome != Accepted {
					judged = append(judged, PlacedVerdict{place, v})
				}
			}
			if many := together.JudgeMany(readings, false, nil); !slices.Equal(many, judged) {
				t.Fatalf("together they are judged %v, and one by one %v", many, judged)
			}
			got, want := mustApply(t, together, batch), mustApply(t, single, entries)
			if diff := gocmp.Diff(want, got, gocmp.AllowUnexported(meter.Register{})); diff != "" {
				t.Fatalf("verdicts (-single +pack):\n%s", diff)
			}
			if together.Hash() != single.Hash() {
				t.Fatal("the states differ")
			}
			wantReadBack(t, before, hash)
			before.Thaw()
		}
	})
	if packs == 0 || runs == 0 {
		t.Errorf("%d packs were written and %d runs recorded at once: nothing was compared", packs, runs)
	}
}

func TestAHomesReadingInARunTakesSevenBytes(t *testing.T) {
	var readings []Reading
	for i := range 1024 {
		register, _ := meter.RegisterFromParts(int64(i)*61_283, 3)
		readings = append(readings, Reading{Index(i * 1500), meter.Slot(1_000_000 + i/500), register})
	}
	if got, limit := len(AppendReadings(nil, readings, false)), 1024*8+packHeaderBytes; got > limit {
		t.Errorf("%d bytes, want at most %d", got, limit)
	}
}

func TestReadingsThatNoScaleHoldsAreWrittenOneByOne(t *testing.T) {
	large, _ := meter.RegisterFromParts(999_999_999_999_999_999, 0)
	fine, _ := meter.RegisterFromParts(1, 9)
	readings := slices.Repeat([]Reading{{0, 960_000, fine}, {1, 960_000, large}}, packReadingsMin)
	if batch := AppendReadings(nil, readings, false); kind(batch[0]) != kindReading || len(batch) != len(readings)*(ReadingBytesMax-1) {
		t.Errorf("%d bytes of kind %d", len(batch), batch[0])
	}
}

func TestARunThatIsNoneIsRefused(t *testing.T) {
	readings := make([]Reading, packReadingsMin)
	for i := range readings {
		readings[i] = Reading{Index(i), meter.Slot(960_000 + i), meter.Register{}}
	}
	good := AppendReadings(nil, readings, false)
	changed := func(at int, to ...byte) []byte {
		return append(append(slices.Clone(good[:at]), to...), good[at+len(to):]...)
	}
	for name, batch := range map[string][]byte{
		"cut off":                        good[:len(good)-1],
		"in the header":                  good[:packHeaderBytes-1],
		"of nothing":                     changed(1, 0, 0),
		"of more than there is":          changed(1, 0xff, 0xff),
		"of a meter that is not there":   changed(3, 0, 0, 0, 9),
		"of a meter beyond all":          changed(3, 0xff, 0xff, 0xff, 0xff),
		"of a register that is too long": changed(11, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
		"of a scale that is too fine":    changed(19, 10),
		"with distances that are none":   changed(20, 9),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := tenMeters(t).Apply(batch, Verdicts{}); err == nil {
				t.Error("it was taken")
			}
		})
	}
}

func FuzzRun(f *testing.F) {
	f.Add(AppendReadings(nil, slices.Repeat([]Reading{{9, math.MaxUint16, meter.Register{}}, {0, 0, meter.Register{}}}, packReadingsMin), false)[1:])
	f.Fuzz(func(t *testing.T, pack []byte) {
		d := &decoder{rest: pack}
		r, distances := d.decodePack()
		if d.err != nil || r.n > 1000 {
			return
		}
		readings := make([]Reading, r.n)
		if err := r.decode(readings, distances); err != nil {
			return
		}
		decoded := AppendReadings(nil, readings, false)
		if len(decoded) == 0 || kind(decoded[0]) != kindPack {
			return
		}
		d = &decoder{rest: decoded[1:]}
		r, distances = d.decodePack()
		twice := make([]Reading, r.n)
		if err := r.decode(twice, distances); err != nil || !slices.Equal(readings, twice) {
			t.Fatalf("%v is read back as %v, %v", readings, twice, err)
		}
	})
}
