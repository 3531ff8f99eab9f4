package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"meterledger/internal/etcdtest"
)

// runs ends at once: with a flag that has the api do something else than serve, or since it refuses to start.
func (n *nodes) runs(i int, succeeds bool, says string, more []string, flags ...string) {
	n.t.Helper()
	api := exec.CommandContext(n.t.Context(), filepath.Join(binaries, "api"), flags...)
	api.Env = append(os.Environ(), append(n.env(i), more...)...)
	out, err := api.CombinedOutput()
	if (err == nil) != succeeds || !strings.Contains(string(out), says) {
		n.t.Errorf("api %q of node %d: %v\n%s", flags, i, err, out)
	}
}

// stop ends nodes, the first one last, so that nobody leads behind it, and forgets them.
func (n *nodes) stop() {
	n.t.Helper()
	for _, api := range slices.Backward(n.apis) {
		if err := api.Stop(); err != nil {
			n.t.Error(err)
		}
	}
	n.apis = nil
}

// alone are the settings that make a node one without others.
var alone = []string{"CLUSTER=", "CLUSTER_NODE="}

func TestAnApiBecomesAClusterAndAClusterAnApi(t *testing.T) {
	const home = "123-456-789"
	n := startNodes(t, 0)
	n.start(0, alone...)
	n.home(0, home)
	n.send(0, home, "2026-01-01T00:00:00", "1")
	n.stop()

	n.runs(0, false, "no order was founded", nil)
	n.start(0, "CLUSTER_FOUND=once")
	n.start(1)
	n.send(1, home, "2026-01-01T00:30:00", "2")
	n.rows(0, home, 2)
	n.stop()

	n.runs(0, false, "-cluster-leave", alone)
	n.runs(0, true, "start it without -cluster", nil, "-cluster-leave")
	n.runs(0, true, "start it without -cluster", nil, "-cluster-leave")
	n.runs(1, false, "node-0 has left", nil)
	n.start(0, alone...)
	n.send(0, home, "2026-01-01T01:00:00", "3")
	n.rows(0, home, 3)
	n.stop()

	n.start(0, "CLUSTER_FOUND=once")
	n.send(0, home, "2026-01-01T01:30:00", "4")
	n.stop()
	n.etcd = etcdtest.Start(t, etcdtest.Options{Members: 1, Flags: []string{"--initial-cluster-token", "another"}})
	n.runs(0, false, "-cluster-found=again", nil)
	n.start(0, "CLUSTER_FOUND=again")
	n.start(2) // with an empty folder
	n.send(1, home, "2026-01-01T02:00:00", "5")
	n.rows(0, home, 5)
	n.stop()
}
