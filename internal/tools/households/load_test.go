package households

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"
)

// facts is one row of the table in data/README.md.
type facts struct {
	ID, Rows, LastRow, Missing, ZeroRows, LongestZeroRun, Max, Sum string

	Gaps []string
}

var gapPattern = regexp.MustCompile(`\d\d-\d\d \d\d:\d\d\+\d+`)

func documented(t *testing.T) []facts {
	t.Helper()
	b, err := os.ReadFile("data/README.md")
	if err != nil {
		t.Fatal(err)
	}
	var table []facts
	for line := range strings.Lines(string(b)) {
		if !strings.HasPrefix(line, "| MAC") {
			continue
		}
		c := strings.Split(strings.ReplaceAll(line, " | ", "|"), "|")
		c[1] = strings.TrimSpace(c[1])
		table = append(table, facts{c[1], c[2], c[3], c[4], c[5], c[6], c[7], c[8], gapPattern.FindAllString(c[9], -1)})
	}
	return table
}

func measured(h Household) facts {
	var missing, zeros, run, longest int
	var sum, most decimal.Decimal
	for _, i := range h.Intervals {
		sum, most = sum.Add(i.Energy), decimal.Max(most, i.Energy)
		if !i.Energy.IsZero() {
			run = 0
			continue
		}
		zeros, run = zeros+1, run+1
		longest = max(longest, run)
	}
	var gaps []string
	for _, g := range h.Gaps() {
		missing += g.HalfHours
		gaps = append(gaps, stamp(g.First-1)+"+"+strconv.Itoa(g.HalfHours))
	}
	last := h.Intervals[len(h.Intervals)-1].End
	return facts{
		h.ID, grouped(len(h.Intervals)), stamp(last), strconv.Itoa(missing),
		grouped(zeros), strconv.Itoa(longest), most.String(), sum.String(), gaps,
	}
}

func stamp(end int) string { return origin.Add(time.Duration(end) * halfHour).Format("01-02 15:04") }

func grouped(n int) string {
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return strconv.Itoa(n/1000) + "," + strconv.Itoa(1000 + n%1000)[1:]
}

func TestSampleIsWhatItsReadmeSays(t *testing.T) {
	homes, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	var got []facts
	rows := 0
	for _, h := range homes {
		rows += len(h.Intervals)
		got = append(got, measured(h))
		if first := h.Intervals[0].End; first != 0 {
			t.Errorf("%s begins at half hour %d, not at 0", h.ID, first)
		}
	}
	if rows != 50737 || len(homes) != 12 {
		t.Errorf("%d rows of %d households, not 50737 of 12", rows, len(homes))
	}
	if diff := cmp.Diff(documented(t), got); diff != "" {
		t.Errorf("the table in data/README.md and the file differ (-table +file):\n%s", diff)
	}
}

func TestEnergyIsTakenExactlyAsWritten(t *testing.T) {
	homes, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	want := []Interval{
		{0, decimal.RequireFromString("3.1559999")},
		{1, decimal.RequireFromString("3.085")},
		{2, decimal.RequireFromString("3.1689999")},
	}
	if diff := cmp.Diff(want, homes[0].Intervals[:3]); diff != "" {
		t.Errorf("MAC000003 begins otherwise (-want +got):\n%s", diff)
	}
}

func TestBadRowIsAnErrorThatNamesItsLine(t *testing.T) {
	const good = sampleHeader + "\nMAC000003,2013-03-01 00:30:00, 3.085 \n"
	cases := map[string]struct{ text, want string }{
		"no header":           {"MAC000003,2013-03-01 00:30:00, 3.085 \n", "line 1: the header"},
		"nothing at all":      {"", "line 1: the header"},
		"a field too few":     {good + "MAC000003,2013-03-01 01:00:00\n", "line 3: wrong number of fields"},
		"text for energy":     {good + "MAC000003,2013-03-01 01:00:00,Null\n", `line 3: reading the energy "Null"`},
		"negative energy":     {good + "MAC000003,2013-03-01 01:00:00,-1\n", "line 3: the energy -1 is negative"},
		"off the grid":        {good + "MAC000003,2013-03-01 01:10:00, 1 \n", "line 3: stamp 2013-03-01 01:10:00"},
		"before the sample":   {good + "MAC000004,2013-02-28 23:30:00, 1 \n", "line 3: stamp 2013-02-28 23:30:00"},
		"no stamp":            {good + "MAC000003,yesterday, 1 \n", "line 3: reading a stamp"},
		"twice the same time": {good + "MAC000003,2013-03-01 00:30:00, 1 \n", "line 3: 2013-03-01 00:30:00 does not come after"},
		"out of order":        {good + "MAC000002,2013-03-01 01:00:00, 1 \n", "line 3: household MAC000002 comes after MAC000003"},
		"not a meter id":      {good + "Z/4,2013-03-01 01:00:00, 1 \n", `line 3: household "Z/4"`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := read(strings.NewReader(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v, want one with %q", err, c.want)
			}
		})
	}
}
