package e2e

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"meterledger/internal/tools/drill/kill"
)

func TestTheAPIKeepsItsPromisesWhenItIsKilled(t *testing.T) {
	buildPrograms(t)
	dir := filepath.Join(t.TempDir(), "runs")
	var out bytes.Buffer
	args := []string{"-bin", binaries, "-dir", dir, "-cycles", "3", "-keep", "2", "-load", "300ms", "-seed", "5", "-api-args", "-log-level debug"}
	if err := kill.Run(t.Context(), args, &out, io.Discard); err != nil {
		t.Errorf("%v\n%s", err, out.String())
	}
	for _, want := range []string{
		`(?m)^seed 5: `, `(?m)^ +3  SIG`, `(?m)^readings acknowledged +[1-9]`, `(?m)^rows compared in archives +[1-9][0-9]* in 16 files$`,
		`(?m)^lost +0$`, `(?m)^altered +0$`, `(?m)^invented +0$`, `(?m)^doubled +0$`, `(?m)^misbehaved +0$`,
	} {
		if !regexp.MustCompile(want).MatchString(out.String()) {
			t.Errorf("nothing matches %s in:\n%s", want, out.String())
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("it left %v, %v", left, err)
	}
}
