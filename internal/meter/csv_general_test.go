package meter_test

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"meterledger/internal/meter"
)

// generalRows reads a text line by line through encoding/csv and the general parsers alone
// and writes each row down, or its error: what CSVReader has to agree with.
func generalRows(z *meter.Zone, text string) []string {
	var header []string
	rows := []string{}
	for line := range strings.SplitAfterSeq(strings.TrimPrefix(text, "\ufeff"), "\n") {
		in := csv.NewReader(strings.NewReader(line))
		in.TrimLeadingSpace, in.FieldsPerRecord = true, 3
		record, err := in.Read()
		for i := range record {
			record[i] = strings.Trim(record[i], " \t")
		}
		var syntax *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
		case header == nil:
			if header = record; err != nil || !slices.Equal(header, strings.Split(meter.RowHeader, ",")) {
				return []string{"header"}
			}
		case errors.As(err, &syntax):
			rows = append(rows, fmt.Sprintf("%v: %v", meter.ErrRowSyntax, syntax.Err))
		case err != nil:
			panic(err) // a string cannot fail otherwise
		default:
			rows = append(rows, written(meter.ParseRow(z, record[0], record[1], record[2])))
		}
	}
	if header == nil {
		return []string{"header"}
	}
	return rows
}

func written(r meter.Reading, err error) string {
	if err != nil {
		return fmt.Sprintf("%s: %v", meter.CodeOf(err), err)
	}
	return fmt.Sprintf("%s %d %v", r.Meter, r.Slot, r.Register)
}

// rowsFrom writes down what CSVReader reads.
func rowsFrom(t interface{ Fatalf(string, ...any) }, z *meter.Zone, in io.Reader) []string {
	c, err := meter.NewCSVReader(in, z)
	if errors.Is(err, meter.ErrRowSyntax) {
		return []string{"header"}
	}
	if err != nil {
		t.Fatalf("header: %v", err)
	}
	var block [3]meter.Row
	for rows := []string{}; ; {
		for _, row := range block[:c.AtHand(block[:])] {
			rows = append(rows, written(meter.Reading{Meter: meter.ID(row.Meter), Slot: row.Slot, Register: row.Register}, nil))
		}
		if c.Row() != len(rows) {
			t.Fatalf("%d rows were at hand, and the last is called %d", len(rows), c.Row())
		}
		next, err := c.Next()
		if errors.Is(err, io.EOF) {
			return rows
		}
		if errors.Is(err, meter.ErrRowSyntax) {
			rows = append(rows, err.Error())
		} else {
			rows = append(rows, written(meter.Reading{Meter: meter.ID(next.Meter), Slot: next.Slot, Register: next.Register}, err))
		}
		if c.Row() != len(rows) {
			t.Fatalf("row %d is called %d", len(rows), c.Row())
		}
	}
}

// checkRows compares both, the text coming whole, byte by byte, and with its last
// bytes together with its end, and once more with much behind it.
func checkRows(t interface{ Fatalf(string, ...any) }, z *meter.Zone, text string) {
	checkText(t, z, text)
	checkText(t, z, text+"\n"+strings.Repeat("Z,2026-11-01T00:00:00,1.5\n", 8))
}

func checkText(t interface{ Fatalf(string, ...any) }, z *meter.Zone, text string) {
	want := generalRows(z, text)
	for name, in := range map[string]io.Reader{
		"whole":        strings.NewReader(text),
		"byte by byte": iotest.OneByteReader(strings.NewReader(text)),
		"with its end": iotest.DataErrReader(strings.NewReader(text)),
	} {
		if got := rowsFrom(t, z, in); !slices.Equal(got, want) {
			t.Fatalf("%q, %s:\n got %q\nwant %q", text, name, got, want)
		}
	}
}

// anyCSV draws lines that are mostly plain rows, and texts that stand where they do
// harm.
func anyCSV() *rapid.Generator[string] {
	piece := rapid.SampledFrom([]string{
		"A,2026-11-01T00:00:00,1.5\n", "A,2026-11-01T00:00:00,1.5\n", "B-2,2026-11-01 23:30:00,0.0\r\n", "A,2026-11-01T00:30:00,7",
		"\"A\",\"2026-11-01T00:00:00\",\"1.5\"\n", " A ,\t2026-11-01T00:00:00 , 2 \n", "A,\"2026-11-01\nT\",1\n", "A,2026-11-01T00:10:00,1\n",
		"A,2026-11-01T01:00:00,-1\n", "too,few\n", "far,too,many,fields\n", "\n", "\r\n", "\r", "\"", ",", " ", "\u00a0", "\ufeff", "\x00", "\xff", "a\"b",
		"A,2026-11-01T00:00:00,1.5\r\r\n", "A,2026-11-01T24:00:00,1e1\n", "A,2026-11-01T00:30:00,12345678.12345678\n", "A,2026-11-01T00:30:00,123456789\n",
		"A,2026-11-01T00:30:00,1.123456789\n", "A,2026-11-01T00:30:00,0071.250\n", "A,2026-11-01T00:30:00,1.\n", "A,2026-11-01T00:30:00,.5\n", "A,2026-11-01T00:30:00,1:2\n",
		"A,2026-11-01T00:30:00,1.5.5\n", "A,2026-11-01X00:30:00,1.5\n", "A,2026-11-01T00:30:001.5\n", "A,2026-11-01T00:30:00;1.5\n", "-A,2026-11-01T00:30:00,1.5\n", ",2026-11-01T00:30:00,1.5\n",
	})
	return rapid.Custom(func(t *rapid.T) string {
		header := rapid.SampledFrom([]string{meter.RowHeader + "\n", meter.RowHeader + "\n", meter.RowHeader + "\r\n", "\ufeff" + meter.RowHeader + "\n", ""}).Draw(t, "header")
		return header + strings.Join(rapid.SliceOfN(piece, 0, 12).Draw(t, "pieces"), "")
	})
}

func TestRowsAreThoseOfTheGeneralReaderHoweverTheTextArrives(t *testing.T) {
	z := loadZone(t, "Asia/Singapore")
	rapid.Check(t, func(t *rapid.T) { checkRows(t, z, anyCSV().Draw(t, "text")) })
}

func FuzzRowsAreThoseOfTheGeneralReader(f *testing.F) {
	f.Add(good)
	files, err := filepath.Glob("../node/testdata/format1/Archive/*.csv")
	if err != nil || len(files) == 0 {
		f.Fatalf("no archives to begin with: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	for i := range 100 {
		f.Add(anyCSV().Example(i))
	}
	z := loadZone(f, "Asia/Singapore")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) <= meter.RowBytesMax {
			checkRows(t, z, text)
		}
	})
}

func TestARowThatIsTooLongIsRefusedAndTheNextIsRead(t *testing.T) {
	z := loadZone(t, "Asia/Singapore")
	long := strings.Repeat("x", meter.RowBytesMax)
	for name, line := range map[string]string{
		"plain":             long + ",2026-11-01T00:00:00,1\n",
		"longer than reads": strings.Repeat(long, 20) + "\n",
		"quoted":            "\"" + long + "\",2026-11-01T00:00:00,1\n",
	} {
		t.Run(name, func(t *testing.T) {
			c, err := meter.NewCSVReader(strings.NewReader(meter.RowHeader+"\n"+line+"A,2026-11-01T00:00:00,1.5\n"), z)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Next(); !errors.Is(err, meter.ErrRowTooLong) {
				t.Fatalf("error %v", err)
			}
			if next, err := c.Next(); err != nil || string(next.Meter) != "A" || c.Row() != 2 {
				t.Errorf("the next row is %d, %s: %v", c.Row(), next.Meter, err)
			}
		})
	}
	if _, err := meter.NewCSVReader(strings.NewReader(long+long), z); !errors.Is(err, meter.ErrRowTooLong) {
		t.Errorf("in the header: error %v", err)
	}
}

func TestPlainTextIsReadWithoutAllocatingARow(t *testing.T) {
	z := loadZone(t, "Asia/Singapore")
	const rows = 10_000
	text := meter.RowHeader + "\n" + strings.Repeat("SG-1000007,2026-11-01T00:30:00,61234.567\n", rows)
	allocated := testing.AllocsPerRun(3, func() {
		if n := readRows(t, z, text); n != rows {
			t.Fatalf("%d rows", n)
		}
	})
	if allocated > 100 {
		t.Errorf("%v allocations for %d rows", allocated, rows)
	}
}

func readRows(t testing.TB, z *meter.Zone, text string) (rows int) {
	t.Helper()
	c, err := meter.NewCSVReader(strings.NewReader(text), z)
	if err != nil {
		t.Fatal(err)
	}
	var block [1024]meter.Row
	for {
		if n := c.AtHand(block[:]); n > 0 {
			rows += n
			continue
		}
		rows++
		if _, err := c.Next(); errors.Is(err, io.EOF) {
			return rows - 1
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func BenchmarkCSVReader(b *testing.B) {
	z := loadZone(b, "Asia/Singapore")
	const rows = 100_000
	text := meter.RowHeader + "\n" + strings.Repeat("SG-1000007,2026-11-01T00:30:00,61234.567\n", rows)
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		readRows(b, z, text)
	}
	b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
}
