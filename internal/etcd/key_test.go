package etcd_test

import (
	"context"
	"strings"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"meterledger/internal/chain"
	"meterledger/internal/cluster"
	"meterledger/internal/etcd"
	"meterledger/internal/etcdtest"
)

// What other versions of the program, and operators with etcdctl, find in the etcd.
func TestTheKeysOfAnOrderAreThoseThatAreDrawn(t *testing.T) {
	running := etcdtest.Start(t, etcdtest.Options{Members: 1, Flags: quick})
	e := open(t, "north", running.Endpoints()...)
	other := newAppender(t, open(t, "nort", running.Endpoints()...), 8)
	a := newAppender(t, e, 8)
	if err := a.add(); err != nil {
		t.Fatal(err)
	}
	if err := e.Say(t.Context(), cluster.Status{Node: nodeA, Applied: a.end, Copied: 8, First: 3, Level: 2, Witness: 1, Digest: 1<<63 + 7}); err != nil {
		t.Fatal(err)
	}
	all, err := running.Client(running.Endpoints()...).Get(t.Context(), "/meterledger/north/", clientv3.WithPrefix())
	if err != nil {
		t.Fatal(err)
	}
	position := func(p chain.Position) string {
		return string(p.Journal[:]) + "\x00\x00\x00\x00\x00\x00\x00" + string(rune(p.Sequence)) + string(p.Hash[:])
	}
	want := map[string]string{
		"head":                               position(a.end),
		"j/\x00\x00\x00\x00\x00\x00\x00\x08": string(a.added[8]),
		"leader":                             `{"Name":"a","Incarnation":10,"Address":"10.0.0.1:8100"}`,
		"names/a":                            "\x00\x00\x00\x00\x00\x00\x00\x0a",
	}
	for _, kv := range all.Kvs {
		key := strings.TrimPrefix(string(kv.Key), "/meterledger/north/")
		switch value, known := want[key]; {
		case key == "order":
			if got := string(kv.Value); !strings.HasPrefix(got, `{"At":{"Journal":[1,2,3,`) || !strings.HasSuffix(got, `},"Zone":"","Compressed":false,"Again":false}`) {
				t.Errorf("%s is %s", key, got)
			}
		case key == "nodes/a":
			if got := string(kv.Value); !strings.HasPrefix(got, `{"Name":"a","Incarnation":10,"Address":"10.0.0.1:8100","Applied":{"Journal":`) ||
				!strings.HasSuffix(got, `"Copied":8,"First":3,"Pinned":0,"Level":2,"Witness":1,"Digest":9223372036854775815,"Clock":0,"Room":0}`) {
				t.Errorf("%s is %s", key, got)
			}
		case !known || value != string(kv.Value):
			t.Errorf("%q is %q", key, kv.Value)
		}
		if key == "leader" && uint64(kv.ModRevision) != a.term {
			t.Errorf("the term is %d, and the ModRevision of the leader %d", a.term, kv.ModRevision)
		}
	}
	if len(all.Kvs) != 6 {
		t.Errorf("there are %d keys", len(all.Kvs))
	}
	if err := e.Halt(t.Context(), 9); err != nil {
		t.Fatal(err)
	}
	if err := other.add(); err != nil {
		t.Errorf("another order of the same etcd is halted too: %v", err)
	}
}

func TestAnEtcdSaysWhichItIsAndHowFar(t *testing.T) {
	first, second := etcdtest.Start(t, etcdtest.Options{Members: 1, Flags: quick}), etcdtest.Start(t, etcdtest.Options{Members: 1, Flags: append([]string{"--initial-cluster-token", "another"}, quick...)})
	e, other := open(t, "north", first.Endpoints()...), open(t, "north", second.Endpoints()...)
	id, before, err := e.Identity(t.Context())
	if err != nil || id == 0 {
		t.Fatalf("the etcd is %x: %v", id, err)
	}
	a := newAppender(t, e, 8)
	if err := a.add(); err != nil {
		t.Fatal(err)
	}
	first.Members[0].Kill()
	first.Members[0].Restart()
	type answer struct {
		cluster.EngineID
		cluster.Revision
	}
	identity := func(e *etcd.Engine) answer {
		return again(t, func(ctx context.Context) (answer, error) {
			id, revision, err := e.Identity(ctx)
			return answer{id, revision}, err
		})
	}
	if now := identity(e); now.EngineID != id || now.Revision <= before {
		t.Errorf("the etcd was %x at %d, and is %x at %d", id, before, now.EngineID, now.Revision)
	}
	if now := identity(other); now.EngineID == id {
		t.Error("another etcd has the same id")
	}
}

func TestOptionsThatMakeNoSenseAreRefused(t *testing.T) {
	for _, o := range []etcd.Options{
		{Cluster: "", Endpoints: []string{"127.0.0.1:2379"}},
		{Cluster: "a/b", Endpoints: []string{"127.0.0.1:2379"}},
		{Cluster: "a"},
		{Cluster: "a", Endpoints: []string{"http://127.0.0.1:2379"}},
	} {
		if _, err := etcd.Open(o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}
