package archive_test

import (
	"errors"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/archive"
	"meterledger/internal/meter"
)

// put writes a file into the archive folder as somebody else would.
func put(t tester, fs vfs.FS, name, text string) {
	t.Helper()
	file, err := fs.Create(fs.PathJoin(path, name), "test")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}

const good = meter.RowHeader + "\nA,2026-11-01T00:00:00,1\nA,2026-11-01T00:30:00,2\nB,2026-11-01T00:00:00,3\n"

// readAll reads a file to its end.
func readAll(f *archive.Folder) (rows int, err error) {
	r, err := f.Read(name)
	if err != nil {
		return 0, err
	}
	for {
		next, err := r.Next()
		if errors.Is(err, io.EOF) {
			return rows, r.Close()
		}
		if err != nil {
			return rows, errors.Join(err, r.Close())
		}
		rows += len(next.Points)
	}
}

func TestAFileThatIsNotAsItWasWrittenIsRefusedAtTheRow(t *testing.T) {
	h := meter.RowHeader + "\n"
	for _, c := range []struct {
		name, text string
		row        uint64
	}{
		{"empty file", "", 0},
		{"no header", good[len(h):], 0},
		{"another header", "meter,timestamp,reading\n", 0},
		{"header cut off", strings.TrimSuffix(h, "\n"), 0},
		{"byte order mark", "\ufeff" + good, 0},
		{"header of another system", strings.ReplaceAll(good, "\n", "\r\n"), 0},
		{"meters out of order", h + "B,2026-11-01T00:00:00,1\nA,2026-11-01T00:00:00,1\n", 2},
		{"upper and lower case out of order", h + "a,2026-11-01T00:00:00,1\nB,2026-11-01T00:00:00,1\n", 2},
		{"times out of order", h + "A,2026-11-01T00:30:00,1\nA,2026-11-01T00:00:00,1\n", 2},
		{"a row twice", good + "B,2026-11-01T00:00:00,3\n", 4},
		{"a meter in two places", good + "A,2026-11-01T01:00:00,3\n", 4},
		{"last line cut off", strings.TrimSuffix(good, "\n"), 3},
		{"last line cut off in its time", good[:len(good)-8], 3},
		{"rows of another system", h + "A,2026-11-01T00:00:00,1\r\n", 1},
		{"an empty line", good + "\n", 4},
		{"an empty line first", h + "\n" + good[len(h):], 1},
		{"two fields", good + "C,2026-11-01T00:00:00\n", 4},
		{"one field", good + "C\n", 4},
		{"four fields", good + "C,2026-11-01T00:00:00,1,2\n", 4},
		{"a quoted field", good + "\"C\",2026-11-01T00:00:00,1\n", 4},
		{"no meter", good + ",2026-11-01T00:00:00,1\n", 4},
		{"no meter first", h + ",2026-11-01T00:00:00,1\n" + good[len(h):], 1},
		{"a bad meter", good + "C D,2026-11-01T00:00:00,1\n", 4},
		{"no time", good + "C,,1\n", 4},
		{"a bad time", good + "C,2026-11-31T00:00:00,1\n", 4},
		{"a time off the grid", good + "C,2026-11-01T00:10:00,1\n", 4},
		{"no reading", good + "C,2026-11-01T00:00:00,\n", 4},
		{"a bad reading", good + "C,2026-11-01T00:00:00,-1\n", 4},
		{"a bad reading first", h + "C,2026-11-01T00:00:00,x\n", 1},
		{"zeros after a crash", good + strings.Repeat("\x00", 4096), 4},
		{"zeros for a line", good + strings.Repeat("\x00", 4096) + "\n", 4},
		{"a line without an end", good + strings.Repeat("A", 2<<20), 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			disk := vfs.NewMem()
			z := singapore(t)
			f := openFolder(t, disk, z)
			put(t, disk, name, c.text)
			rows, err := readAll(f)
			var e *archive.RowError
			if !errors.As(err, &e) {
				t.Fatalf("read %d rows, error %v", rows, err)
			}
			if e.File != name || e.Row != c.row {
				t.Errorf("the error names %s, row %d (%v); want row %d", e.File, e.Row, err, c.row)
			}
		})
	}
}

func TestAnArchiveWithoutRowsIsRead(t *testing.T) {
	disk := vfs.NewMem()
	z := singapore(t)
	f := openFolder(t, disk, z)
	put(t, disk, name, meter.RowHeader+"\n")
	if rows, err := readAll(f); rows != 0 || err != nil {
		t.Errorf("read %d rows, error %v", rows, err)
	}
	wantFound(t, f, "A", nil, z.MonthWindow(november))
}

func TestAMissingArchiveIsKnownAsSuch(t *testing.T) {
	z := singapore(t)
	f := openFolder(t, vfs.NewMem(), z)
	w := z.MonthWindow(november)
	if r, err := f.Read(name); r != nil || !errors.Is(err, archive.ErrMissing) {
		t.Errorf("read %v, error %v", r, err)
	}
	if points, err := f.FindMeter(name, "A", w, nil); !errors.Is(err, archive.ErrMissing) || !strings.Contains(err.Error(), name) {
		t.Errorf("found %v, error %v", points, err)
	}
	if file, err := f.Open(name); !errors.Is(err, archive.ErrMissing) || !strings.Contains(err.Error(), name) || file != nil {
		t.Errorf("opened %v, error %v", file, err)
	}
}

func TestARowThatCannotBeReadIsNotAnAnswer(t *testing.T) {
	for text, bad := range map[string]string{
		"a bad time":               "A,2026-11-31T00:00:00,1\n",
		"a bad reading":            "A,2026-11-01T00:00:00,x\n",
		"two fields":               "A,2026-11-01T00:00:00\n",
		"one field":                "A\n",
		"a last line that is torn": "A,2026-11-01T00:00:00,1",
	} {
		disk := vfs.NewMem()
		z := singapore(t)
		f := openFolder(t, disk, z)
		put(t, disk, name, meter.RowHeader+"\n"+bad)
		if points, err := f.FindMeter(name, "A", z.MonthWindow(november), nil); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: found %v, error %v", text, points, err)
		}
	}
}

func TestFilesAreListedMonthsFirstInOrderOfTime(t *testing.T) {
	disk := vfs.NewMem()
	f := openFolder(t, disk, singapore(t))
	for _, name := range []string{
		"daily_2026-11-02.csv", "monthly_2026-10.csv", "daily_2025-12-31.csv", "monthly_2025-12.csv", "daily_2026-11-01.csv",
		"daily_2026-11-03.csv.tmp", "monthly_2026-09.csv.bak", "README.md", ".gitkeep", "index", "hourly_2026-11-01.csv", "2026-11-01.csv",
	} {
		put(t, disk, name, meter.RowHeader+"\n")
	}
	want := []string{"monthly_2025-12.csv", "monthly_2026-10.csv", "daily_2025-12-31.csv", "daily_2026-11-01.csv", "daily_2026-11-02.csv"}
	if names, err := f.Files(); err != nil || !slices.Equal(names, want) {
		t.Errorf("the files are %v, %v; want %v", names, err, want)
	}
}

func TestTheFolderIsMadeWhereItIsMissing(t *testing.T) {
	place := t.TempDir() + "/deep/Archive"
	if _, err := archive.OpenFolder(vfs.Default, place, singapore(t)); err != nil {
		t.Fatal(err)
	}
	if stat, err := os.Stat(place); err != nil || !stat.IsDir() {
		t.Errorf("%v, %v", stat, err)
	}
}

func TestMonthsAndDaysHaveTheNamesOfTheContract(t *testing.T) {
	got := map[string]bool{archive.Name(november.Period()): true, archive.Name(meter.Day{Year: 2026, Month: 3, Day: 7}.Period()): true}
	if want := map[string]bool{"monthly_2026-11.csv": true, "daily_2026-03-07.csv": true}; !maps.Equal(got, want) {
		t.Errorf("the names are %v", got)
	}
}

func TestANameIsThatOfAPeriodOnlyIfItIsWrittenAsThePeriodsOwn(t *testing.T) {
	for name, want := range map[string]string{
		"monthly_2026-11.csv": "2026-11", "monthly_2026-11.csv.zst": "2026-11", "daily_2026-03-07.csv": "2026-03-07",
		"daily_2026-11.csv": "", "monthly_2026-11-01.csv": "", "monthly_2026-11": "", "monthly_2026-11.json": "", "monthly_2026-11_copy.csv": "",
		"2026-11.csv": "", "daily_monthly_2026-11.csv": "", "monthly_2026-13.csv": "",
	} {
		if p, ok := archive.PeriodOf(name); ok != (want != "") || ok && p.String() != want {
			t.Errorf("%s is the file of %v, %v", name, p, ok)
		}
	}
}
