package e2e

import (
	"bytes"
	"io"
	"os"
	"regexp"
	"runtime"
	"strings"
	"testing"

	month "meterledger/internal/tools/drill/nation"
)

// TestTheMonthOfANationIsMeasured in the two orders, of a nation of few: the figures mean nothing.
func TestTheMonthOfANationIsMeasured(t *testing.T) {
	buildPrograms(t)
	for order, args := range map[string][]string{
		"meter by meter": {"-rows", "1000"}, "half hour by half hour": {"-rows", "1000", "-by-time"},
	} {
		dir := t.TempDir()
		var out bytes.Buffer
		args = append(args, "-bin", binaries, "-dir", dir, "-meters", "100", "-days", "2", "-memory-limit", "256MiB", "-kill")
		if err := month.Run(t.Context(), args, &out, io.Discard); err != nil {
			t.Errorf("%v\n%s", err, out.String())
		}
		for _, want := range []string{
			`(?m)^100 meters, 96 half hours of \d{4}-\d\d: 9,600 readings, ` + order + `, .* limit of 256MiB$`,
			`(?m)^registered: 100 meters in \S+, [1-9]\S*/s$`, `(?m)^ 50 %: .* rows in `, `(?m)^sent: 9,600 rows in \S+, [1-9]\S*/s$`,
			`(?m)^ended with SIGKILL, and ready \S+ after the next start$`, `(?m)^closed: 9,600 rows into [1-9]\S* bytes of zstd in \S+, [1-9]\S*/s$`,
		} {
			if !regexp.MustCompile(want).MatchString(out.String()) {
				t.Errorf("nothing matches %s in:\n%s", want, out.String())
			}
		}
		if n := strings.Count(out.String(), "memory of the api since its start: "); n != 2 && runtime.GOOS == "linux" {
			t.Errorf("its memory is told %d times in:\n%s", n, out.String())
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 1 || left[0].Name() != "nation.log" {
			t.Errorf("it left %v, %v", left, err)
		}
	}
}
