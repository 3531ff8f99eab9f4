package etcd_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"meterledger/internal/clustertest"
	"meterledger/internal/etcd"
	"meterledger/internal/etcdtest"
)

// quick leaves fsync out: no test here cuts the power. On a busy machine members wait longer for each other, as
// long as a lease of LeaseTime allows.
var quick = []string{"--unsafe-no-fsync", "--election-timeout", "2000"}

var orders atomic.Int64

// newOrder is the name of an order of its own.
func newOrder() string { return fmt.Sprintf("order-%d", orders.Add(1)) }

func open(t testing.TB, order string, endpoints ...string) *etcd.Engine {
	t.Helper()
	e, err := etcd.Open(etcd.Options{Endpoints: endpoints, Cluster: order})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

func keepsEverySentence(t *testing.T, members int) {
	running := etcdtest.Start(t, etcdtest.Options{Members: members, Flags: quick})
	sideBySide := func(t *testing.T, test func(*testing.T)) {
		t.Parallel()
		test(t)
	}
	clustertest.TestEngine(t, sideBySide, func(t *testing.T) clustertest.Subject {
		order := newOrder()
		between := newProxy(t, running.Members[0].Endpoint)
		others := running.Endpoints()[members/2:] // of three, B asks those that A does not
		return clustertest.Subject{A: open(t, order, between.address()), B: open(t, order, others...), Lose: between.lose}
	})
}

func TestAnEtcdOfOneMemberKeepsEverySentence(t *testing.T) { keepsEverySentence(t, 1) }

func TestAnEtcdOfThreeMembersKeepsEverySentence(t *testing.T) { keepsEverySentence(t, 3) }
