package archive_test

import (
	"crypto/sha256"
	"errors"
	"io"
	"maps"
	"slices"
	"testing"
	"time"
	_ "time/tzdata" // so that the tests know every zone wherever they run

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"meterledger/internal/archive"
	"meterledger/internal/meter"
)

const path = "Archive"

var (
	november = meter.Month{Year: 2026, Month: time.November}
	name     = archive.Name(november.Period())
)

type tester interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func zone(t tester, name string) *meter.Zone {
	t.Helper()
	z, err := meter.LoadZone(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func singapore(t tester) *meter.Zone { return zone(t, "Asia/Singapore") }

func openFolder(t tester, fs vfs.FS, z *meter.Zone) *archive.Folder {
	t.Helper()
	f, err := archive.OpenFolder(fs, path, z)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func kwh(t tester, text string) meter.Register {
	t.Helper()
	k, err := meter.ParseRegister(text)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return k
}

// readings is the model of an archive: what the meters have, in order of time.
type readings map[meter.ID][]meter.Point

// source hands out a model as a Source. What it returned last it overwrites, as a
// Source may.
type source struct {
	model readings
	ids   []meter.ID
	last  []meter.Point
}

func sourceOf(model readings) *source {
	return &source{model: model, ids: slices.Sorted(maps.Keys(model))}
}

func (s *source) Next() (archive.Rows, error) {
	for i := range s.last {
		s.last[i] = meter.Point{Slot: 0xdead}
	}
	if len(s.ids) == 0 {
		return archive.Rows{}, io.EOF
	}
	id := s.ids[0]
	s.ids, s.last = s.ids[1:], slices.Clone(s.model[id])
	return archive.Rows{Meter: id, Points: s.last}, nil
}

// collect reads a Source to its end.
func collect(t tester, s archive.Source) readings {
	t.Helper()
	model := readings{}
	var last meter.ID
	for {
		rows, err := s.Next()
		if errors.Is(err, io.EOF) {
			return model
		}
		if err != nil {
			t.Fatal(err)
		}
		if rows.Meter <= last {
			t.Fatalf("meter %q comes after %q", rows.Meter, last)
		}
		last = rows.Meter
		model[rows.Meter] = slices.Clone(rows.Points)
	}
}

func write(t tester, f *archive.Folder, name string, model readings) archive.Written {
	t.Helper()
	written, err := f.Write(name, sourceOf(model), steps())
	if err != nil {
		t.Fatal(err)
	}
	return written
}

func equal(a, b readings) bool {
	return maps.EqualFunc(a, b, func(a, b []meter.Point) bool { return slices.Equal(a, b) })
}

// kinIDs differ in what bisection could trip over: they are prefixes of each
// other, and their next characters sort before and after the comma.
var kinIDs = []meter.ID{
	"0", "9", "A", "A-1", "A.1", "A1", "AA", "A_", "A_1", "Aa", "B", "Z", "a", "a-", "aa", "z",
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
	"zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
}

func anyID() *rapid.Generator[meter.ID] {
	random := rapid.Map(rapid.StringMatching(`[A-Za-z0-9][A-Za-z0-9._-]{0,5}`), func(s string) meter.ID { return meter.ID(s) })
	return rapid.OneOf(rapid.SampledFrom(kinIDs), random)
}

// anyPoints draws points in a window, in order of time; a window that they may not fill.
func anyPoints(w meter.Window, most int) *rapid.Generator[[]meter.Point] {
	return rapid.Custom(func(t *rapid.T) []meter.Point {
		slots := rapid.SliceOfNDistinct(rapid.Uint32Range(uint32(w.From), uint32(w.To)), 1, most, rapid.ID).Draw(t, "slots")
		slices.Sort(slots)
		points := make([]meter.Point, len(slots))
		for i, s := range slots {
			coefficient := rapid.Int64Range(0, 999_999_999_999_999_999).Draw(t, "coefficient")
			register, _ := meter.RegisterFromParts(coefficient, rapid.Uint8Range(0, 9).Draw(t, "scale"))
			points[i] = meter.Point{Slot: meter.Slot(s), Register: register}
		}
		return points
	})
}

func anyReadings(w meter.Window, most int) *rapid.Generator[readings] {
	return rapid.Map(rapid.MapOfN(anyID(), anyPoints(w, most), 0, 12),
		func(m map[meter.ID][]meter.Point) readings { return m })
}

func TestAnArchiveAnswersAsItsModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		z := singapore(t)
		w := z.MonthWindow(november)
		f := openFolder(t, vfs.NewMem(), z)
		f.Compress = rapid.Bool().Draw(t, "compress")
		model := anyReadings(w, 8).Draw(t, "model")
		written := write(t, f, name, model)

		r, err := f.Read(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := collect(t, r); !equal(got, model) {
			t.Fatalf("read %v", got)
		}
		if r.SHA256() != written.SHA256 {
			t.Fatalf("the hash is %x, when it was written it was %x", r.SHA256(), written.SHA256)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		rows := 0
		for _, points := range model {
			rows += len(points)
		}
		if written.Rows != uint64(rows) {
			t.Fatalf("%d rows were written, want %d", written.Rows, rows)
		}
		for _, id := range append(kinIDs, slices.Collect(maps.Keys(model))...) {
			wantFound(t, f, id, model[id], w)
			from := rapid.Uint32Range(uint32(w.From)-1, uint32(w.To)+1).Draw(t, "from")
			to := rapid.Uint32Range(uint32(w.From)-1, uint32(w.To)+1).Draw(t, "to")
			wantFound(t, f, id, model[id], meter.Window{From: meter.Slot(from), To: meter.Slot(to)})
		}
	})
}

// wantFound looks for a meter's points within a window.
func wantFound(t tester, f *archive.Folder, id meter.ID, points []meter.Point, w meter.Window) {
	t.Helper()
	before := []meter.Point{{Slot: 1}}
	want := slices.Clone(before)
	for _, p := range points {
		if w.Contains(p.Slot) {
			want = append(want, p)
		}
	}
	got, err := f.FindMeter(name, id, w, before)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("meter %s in %v: found %v, want %v", id, w, got, want)
	}
}

func TestEveryMeterOfALargeArchiveIsFound(t *testing.T) {
	for _, compress := range []bool{false, true} {
		everyMeterOfALargeArchiveIsFound(t, compress)
	}
}

func everyMeterOfALargeArchiveIsFound(t *testing.T, compress bool) {
	z := singapore(t)
	w := z.MonthWindow(november)
	f := openFolder(t, vfs.NewMem(), z)
	f.Compress = compress
	model := readings{}
	for n := range 500 {
		points := make([]meter.Point, 1+n%7*20)
		for i := range points {
			points[i] = meter.Point{Slot: w.From + meter.Slot(i), Register: kwh(t, "999999999.999999999")}
		}
		id := slices.Repeat([]byte{'A' + byte(n%26)}, 1+n/26)
		model[meter.ID(id)] = points
	}
	write(t, f, name, model)
	for id, points := range model {
		wantFound(t, f, id, points, w)
		wantFound(t, f, id+"-", nil, w)
	}
}

func TestAnArchiveIsWrittenAsThePageOfTheContractSays(t *testing.T) {
	z := singapore(t)
	w := z.MonthWindow(november)
	f := openFolder(t, vfs.NewMem(), z)
	write(t, f, name, readings{
		"B": {{Slot: w.From, Register: kwh(t, "7")}},
		"A": {
			{Slot: w.From, Register: kwh(t, "0.30")},
			{Slot: w.From + 1, Register: kwh(t, "1000.000000001")},
			{Slot: w.To, Register: kwh(t, "1001")},
		},
	})
	want := "meter_id,timestamp,reading\n" +
		"A,2026-11-01T00:00:00,0.3\nA,2026-11-01T00:30:00,1000.000000001\nA,2026-12-01T00:00:00,1001\n" +
		"B,2026-11-01T00:00:00,7\n"
	if got := textOf(t, f, name); got != want {
		t.Errorf("the file is %q, want %q", got, want)
	}
}

func textOf(t tester, f *archive.Folder, name string) string {
	t.Helper()
	file, err := f.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	b, err := io.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestADoubledHourSurvivesWritingAndReading(t *testing.T) {
	for _, c := range []struct {
		zone string
		day  meter.Day
	}{
		{"Europe/London", meter.Day{Year: 2026, Month: time.October, Day: 25}},
		{"Australia/Lord_Howe", meter.Day{Year: 2026, Month: time.April, Day: 5}},
		{"America/Sao_Paulo", meter.Day{Year: 2018, Month: time.February, Day: 17}},
	} {
		z := zone(t, c.zone)
		w := z.DayWindow(c.day)
		var points []meter.Point
		for s := w.From; s <= w.To; s++ {
			register, _ := meter.RegisterFromParts(int64(s), 3)
			points = append(points, meter.Point{Slot: s, Register: register})
		}
		f := openFolder(t, vfs.NewMem(), z)
		for _, name := range []string{archive.Name(c.day.Period()), name} { // of the right period and of another
			write(t, f, name, readings{"A": points})
			r, err := f.Read(name)
			if err != nil {
				t.Fatal(err)
			}
			if got := collect(t, r); !equal(got, readings{"A": points}) {
				t.Errorf("%s: read %v", c.zone, got)
			}
		}
		wantFound(t, f, "A", points, w)
	}
}

func TestAFailingSourceLeavesTheOldArchiveAlone(t *testing.T) {
	disk := vfs.NewMem()
	z := singapore(t)
	w := z.MonthWindow(november)
	f := openFolder(t, disk, z)
	model := readings{"A": {{Slot: w.From, Register: kwh(t, "7")}}}
	write(t, f, name, model)
	before := textOf(t, f, name)
	conflict := merge(sourceOf(model), sourceOf(readings{"A": {{Slot: w.From, Register: kwh(t, "8")}}}))
	writing := steps()
	writing.Each = func(archive.Rows) error { t.Error("a row was called written"); return nil }
	_, err := f.Write(name, conflict, writing)
	var e *archive.ConflictError
	if !errors.As(err, &e) {
		t.Fatalf("error %v", err)
	}
	if after := textOf(t, f, name); after != before {
		t.Errorf("the file is %q now", after)
	}
	if names, err := disk.List(path); err != nil || !slices.Equal(names, []string{name}) {
		t.Errorf("the folder holds %v, %v", names, err)
	}
}

func TestEachMeterIsAnnouncedOnceItIsWritten(t *testing.T) {
	z := singapore(t)
	w := z.MonthWindow(november)
	f := openFolder(t, vfs.NewMem(), z)
	model := readings{"A": {{Slot: w.From}}, "B": {{Slot: w.From}, {Slot: w.To}}}
	announced := readings{}
	writing := steps()
	writing.Each = func(rows archive.Rows) error {
		announced[rows.Meter] = slices.Clone(rows.Points)
		return nil
	}
	if _, err := f.Write(name, sourceOf(model), writing); err != nil {
		t.Fatal(err)
	}
	if !equal(announced, model) {
		t.Errorf("announced were %v", announced)
	}
}

// steps lets a file be written.
func steps() archive.Writing {
	return archive.Writing{
		IsAlone: func() bool { return true },
		Each:    func(archive.Rows) error { return nil },
		Reserve: func(int) error { return nil },
		Pace:    func() {},
		Intend:  func(archive.Written) error { return nil },
	}
}

func TestAnIntentThatFailsLeavesTheOldFile(t *testing.T) {
	disk := vfs.NewMem()
	z := singapore(t)
	f := openFolder(t, disk, z)
	put(t, disk, name, good)
	stop := errors.New("stop")
	writing := steps()
	writing.Intend = func(w archive.Written) error {
		if w.Rows != 0 || w.SHA256 != sha256.Sum256([]byte(meter.RowHeader+"\n")) {
			t.Errorf("the intent is to write %d rows", w.Rows)
		}
		return stop
	}
	_, err := f.Write(name, merge(), writing)
	if !errors.Is(err, stop) {
		t.Errorf("error %v", err)
	}
	if sum, err := f.SHA256(name); err != nil || sum != sha256.Sum256([]byte(good)) {
		t.Errorf("the old file is gone: %v", err)
	}
}
