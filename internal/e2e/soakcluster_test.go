package e2e

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"meterledger/internal/etcdtest"
	"meterledger/internal/tools/drill/cluster"
)

func TestNodesKeepTheirPromisesWhateverBefallsThem(t *testing.T) {
	etcd := etcdtest.Tool(t, "etcd")
	buildPrograms(t)
	dir := filepath.Join(t.TempDir(), "runs")
	var out bytes.Buffer
	args := []string{
		"-bin", binaries, "-etcd", etcd, "-dir", dir, "-cycles", "2", "-seed", "5", "-only", "kill-both-leaders,leader-alone",
	}
	if err := cluster.Run(t.Context(), args, &out, io.Discard); err != nil {
		t.Errorf("%v\n%s", err, out.String())
	}
	for _, want := range []string{
		`(?m)^seed 5: `, `(?m)^kill-both-leaders +1$`, `(?m)^leader-alone +1$`, `(?m)^readings acknowledged +[1-9]`, `(?m)^ +[1-9][0-9]* rows in 8 files`,
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
