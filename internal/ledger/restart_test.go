package ledger

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/cluster"
	"meterledger/internal/clustertest"
	"meterledger/internal/faulttest"
)

func TestANodeThatWasKilledLeadsAgainAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine, network := clustertest.NewEngine(1), clustertest.NewNetwork(1)
		disk := vfs.NewCrashableMem()
		before := openMember(t, disk, engine, network, "a")
		if err := before.Register(t.Context(), "M", "Tan", "Road"); err != nil {
			t.Fatal(err)
		}
		before.engine.Close()
		killed := faulttest.Killed(disk)
		began := time.Now()
		again := openMember(t, killed, engine, network, "a")
		if err := again.Register(t.Context(), "M2", "Tan", "Road"); err != nil || time.Since(began) > time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		time.Sleep(5 * cluster.SayTime)
		if err := again.Failure(); err != nil {
			t.Errorf("the name of the process before is held against it: %v", err)
		}
		for _, m := range []member{before, again} {
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}
