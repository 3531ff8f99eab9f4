package peer

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/cluster"
	"meterledger/internal/clustertest"
	"meterledger/internal/httpkit"
	"meterledger/internal/journal"
	"meterledger/internal/ledger"
	"meterledger/internal/meter"
)

// TestANodeThatDoesNotLeadWritesThroughTheOneThatDoes with ledgers that reach each other over HTTP.
func TestANodeThatDoesNotLeadWritesThroughTheOneThatDoes(t *testing.T) {
	a, engine := newAuthority(t), clustertest.NewEngine(1)
	first := openLedger(t, a, engine, "a", 1)
	if err := first.Register(t.Context(), "M1", "Tan", "Road"); err != nil {
		t.Fatal(err)
	}
	second := openLedger(t, a, engine, "b", 2)
	if err := second.Register(t.Context(), "M2", "Tan", "Road"); err != nil {
		t.Fatal(err)
	}
	for _, id := range []meter.ID{"M1", "M2"} {
		for _, l := range []*ledger.Ledger{first, second} {
			if err := l.Register(t.Context(), id, "Tan", "Road"); meter.CodeOf(err) != meter.CodeMeterExists {
				t.Errorf("%s registered again: %v", id, err)
			}
		}
	}
}

// foundOrder founds the order of a node's journal.
func foundOrder(t *testing.T, engine cluster.Engine, disk vfs.FS) {
	t.Helper()
	j, err := journal.OpenReadOnly(disk, "data/journal", slog.New(slog.DiscardHandler))
	if err == nil {
		err = errors.Join(engine.Found(t.Context(), cluster.Order{At: j.End()}), j.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// openLedger starts a node that others reach with TLS.
func openLedger(t *testing.T, a *authority, engine *clustertest.Engine, name string, incarnation uint64) *ledger.Ledger {
	t.Helper()
	zone, err := meter.LoadZone("Asia/Singapore")
	if err != nil {
		t.Fatal(err)
	}
	m := a.mutual(name)
	listener, err := httpkit.OpenMutual("127.0.0.1:0", "-cluster-addr", "CLUSTER_ADDR", m)
	if err != nil {
		t.Fatal(err)
	}
	p, disk, client := NewPeers(m), vfs.NewMem(), engine.Client(name)
	if name == "a" {
		foundOrder(t, client, disk)
	}
	l, err := ledger.Open(t.Context(), ledger.Options{
		FS: disk, DataDir: "data", Zone: zone, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Shared: &ledger.Shared{
			Engine: client, Peers: p,
			Self: cluster.Node{Name: name, Incarnation: incarnation, Address: listener.Addr().String()},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	serve(t, listener, l)
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		p.Close()
	})
	return l
}
