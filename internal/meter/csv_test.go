package meter_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"meterledger/internal/meter"
)

// good is a file as the archives have it.
const good = meter.RowHeader + "\nA,2026-11-01T00:00:00,1\nA,2026-11-01T00:30:00,2\nB,2026-11-01T00:00:00,3\n"

// rowsOf reads a text to its end and writes down each row, or its error code.
func rowsOf(t testing.TB, text string) (rows []string, err error) {
	t.Helper()
	z := loadZone(t, "Asia/Singapore")
	in, err := meter.NewCSVReader(strings.NewReader(text), z)
	if err != nil {
		return nil, err
	}
	for {
		r, err := in.Next()
		switch {
		case errors.Is(err, io.EOF):
			return rows, nil
		case errors.Is(err, meter.ErrRowSyntax):
			rows = append(rows, fmt.Sprintf("%d: syntax", in.Row()))
		case err != nil:
			rows = append(rows, fmt.Sprintf("%d: %s", in.Row(), meter.CodeOf(err)))
		default:
			rows = append(rows, fmt.Sprintf("%d: %s %s %v", in.Row(), r.Meter, z.Stamp(r.Slot), r.Register))
		}
	}
}

func TestForeignRowsAreTakenHoweverTheyAreWritten(t *testing.T) {
	const line = "A,2026-11-01T00:00:00,1.5"
	for name, text := range map[string]string{
		"plain":                        meter.RowHeader + "\n" + line + "\n",
		"without a last line break":    meter.RowHeader + "\n" + line,
		"with a byte order mark":       "\ufeff" + meter.RowHeader + "\n" + line + "\n",
		"of another system":            meter.RowHeader + "\r\n" + line + "\r\n",
		"quoted":                       "\"meter_id\",\"timestamp\",\"reading\"\n\"A\",\"2026-11-01T00:00:00\",\"1.5\"\n",
		"with a mark and quotes":       "\ufeff\"meter_id\",timestamp,reading\n\"A\",2026-11-01T00:00:00,1.5\n",
		"with blanks around":           " meter_id , timestamp,reading \n A ,\t2026-11-01T00:00:00\t, 1.5 \n",
		"with blanks inside quotes":    meter.RowHeader + "\n\" A \",\" 2026-11-01T00:00:00 \",\" 1.5 \"\n",
		"with empty lines":             "\n" + meter.RowHeader + "\n\n" + line + "\n\n",
		"with the original's blank":    meter.RowHeader + "\nA,2026-11-01 00:00:00,1.5\n",
		"with another way to write it": meter.RowHeader + "\nA,2026-10-31T16:00Z,15e-1\n",
	} {
		t.Run(name, func(t *testing.T) {
			rows, err := rowsOf(t, text)
			if err != nil || len(rows) != 1 || rows[0] != "1: A 2026-11-01T00:00:00 1.5" {
				t.Errorf("read %q, %v", rows, err)
			}
		})
	}
}

func TestAQuoteMayFollowABlank(t *testing.T) {
	rows, err := rowsOf(t, meter.RowHeader+"\n\"A\", \"2026-11-01T00:00:00\", \"1.5\"\n")
	if err != nil || len(rows) != 1 || rows[0] != "1: A 2026-11-01T00:00:00 1.5" {
		t.Errorf("read %q, %v", rows, err)
	}
}

func TestATextWithoutTheHeaderIsRefused(t *testing.T) {
	for _, text := range []string{
		"", "\n", "\ufeff", "\xef\xbb", "A,2026-11-01T00:00:00,1.5\n", "meter_id,timestamp\n", "meter_id,timestamp,reading,more\n",
		"timestamp,meter_id,reading\n", "Meter_ID,timestamp,reading\n", "meter_id;timestamp;reading\n", "\"meter_id,timestamp,reading\n",
		"mete\"r_id,timestamp,reading\n", "\x00", "[]", "{\"meter_id\":\"A\"}", "\ufeff\ufeff" + meter.RowHeader + "\n",
	} {
		if rows, err := rowsOf(t, text); !errors.Is(err, meter.ErrRowSyntax) {
			t.Errorf("%q: read %q, error %v", text, rows, err)
		}
	}
}

func TestReadingGoesOnAfterABadRow(t *testing.T) {
	text := meter.RowHeader + `
A,2026-11-01T00:00:00,1
too,few
A,2026-11-01T00:30:00,2
far,too,many,fields
A,2026-11-01T01:00:00,3
A B,2026-11-01T01:30:00,4
A,2026-11-01T01:40:00,4
A,2026-11-01T01:30:00,-4
,,
A,2026-11-01T01:30:00,4
a"b,2026-11-01T01:30:00,4
A,2026-11-01T02:00:00,5
"A"x,2026-11-01T02:00:00,5
A,2026-11-01T02:30:00,6
`
	want := []string{
		"1: A 2026-11-01T00:00:00 1",
		"2: syntax",
		"3: A 2026-11-01T00:30:00 2",
		"4: syntax",
		"5: A 2026-11-01T01:00:00 3",
		"6: invalid_parameter",
		"7: invalid_timestamp",
		"8: invalid_reading",
		"9: invalid_parameter",
		"10: A 2026-11-01T01:30:00 4",
		"11: syntax",
		"12: A 2026-11-01T02:00:00 5",
		"13: syntax",
		"14: A 2026-11-01T02:30:00 6",
	}
	rows, err := rowsOf(t, text)
	if err != nil || strings.Join(rows, "\n") != strings.Join(want, "\n") {
		t.Errorf("%v, read\n%s\nwant\n%s", err, strings.Join(rows, "\n"), strings.Join(want, "\n"))
	}
}

// TestAQuoteThatIsNotClosedSpoilsItsOwnLineOnly: the rows after it would be taken for the
// rest of its value, and be lost in silence.
func TestAQuoteThatIsNotClosedSpoilsItsOwnLineOnly(t *testing.T) {
	rows, err := rowsOf(t, meter.RowHeader+"\n\"A,2026-11-01T00:00:00,1\nA,2026-11-01T00:30:00,2\n\"B\",2026-11-01T00:00:00,3\nA,\"2026-11-01\nT01:00:00\",4\n")
	want := []string{"1: syntax", "2: A 2026-11-01T00:30:00 2", "3: B 2026-11-01T00:00:00 3", "4: syntax", "5: syntax"}
	if err != nil || strings.Join(rows, "\n") != strings.Join(want, "\n") {
		t.Errorf("%v, read\n%s\nwant\n%s", err, strings.Join(rows, "\n"), strings.Join(want, "\n"))
	}
}

func TestAReadErrorIsNotTheEndOfTheFile(t *testing.T) {
	reason := errors.New("connection reset")
	z := loadZone(t, "Asia/Singapore")
	if _, err := meter.NewCSVReader(iotest.ErrReader(reason), z); !errors.Is(err, reason) {
		t.Errorf("in the header: error %v", err)
	}
	in, err := meter.NewCSVReader(io.MultiReader(strings.NewReader(good), iotest.ErrReader(reason)), z)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := in.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := in.Next(); !errors.Is(err, reason) {
		t.Errorf("in a row: error %v", err)
	}
}

func FuzzCSVReader(f *testing.F) {
	for _, seed := range []string{
		good, "", meter.RowHeader, "\ufeff" + good, strings.ReplaceAll(good, "\n", "\r\n"), meter.RowHeader + "\n\"A\",\"2026-11-01T00:00:00\",\"1\"",
		meter.RowHeader + "\na,b\n" + good[len(meter.RowHeader)+1:], meter.RowHeader + "\n\"", meter.RowHeader + "\nA,\"2026\n-11\",1\n", good + "\x00\xff,\"\r",
	} {
		f.Add(seed)
	}
	z := loadZone(f, "Asia/Singapore")
	f.Fuzz(func(t *testing.T, text string) {
		in, err := meter.NewCSVReader(strings.NewReader(text), z)
		if err != nil {
			if !errors.Is(err, meter.ErrRowSyntax) {
				t.Fatalf("error %v", err)
			}
			return
		}
		for n := 1; ; n++ {
			r, err := in.Next()
			if errors.Is(err, io.EOF) {
				return
			}
			if in.Row() != n {
				t.Fatalf("row %d is called %d", n, in.Row())
			}
			if n > len(text) {
				t.Fatal("more rows than bytes")
			}
			var e *meter.Error
			if err != nil && !errors.Is(err, meter.ErrRowSyntax) && !errors.As(err, &e) {
				t.Fatalf("row %d: error %v", n, err)
			}
			if err == nil {
				if again, err := meter.ParseRow(z, string(r.Meter), z.Stamp(r.Slot), r.Register.String()); err != nil || again.Meter != meter.ID(r.Meter) || again.Slot != r.Slot || again.Register != r.Register {
					t.Fatalf("row %d: %v is read back as %v, %v", n, r, again, err)
				}
			}
		}
	})
}
