package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meterledger/api"
	"meterledger/api/apitest"
	"meterledger/internal/etcdtest"
	"meterledger/internal/meter"
	"meterledger/internal/tools/suite/programs"
)

// nodes are apis of one cluster, with one etcd and one archive folder.
type nodes struct {
	*suite // to ask them
	apis   []*programs.Program
	folder string
	etcd   *etcdtest.Etcd
}

// startNodes founds a cluster and has more nodes join it.
func startNodes(t *testing.T, count int, more ...string) *nodes {
	t.Helper()
	etcd := etcdtest.Start(t, etcdtest.Options{Members: 1})
	buildPrograms(t)
	n := &nodes{
		suite:  &suite{t: t, zone: zoneOf(t), client: &http.Client{Transport: apitest.NewTransport(t, http.DefaultTransport), Timeout: time.Minute}},
		folder: t.TempDir(), etcd: etcd,
	}
	for i := range count {
		n.start(i, append(more, "CLUSTER_FOUND="+map[bool]string{true: "once"}[i == 0])...)
	}
	return n
}

// env has the settings of a node, whose folders are empty at first.
func (n *nodes) env(i int) []string {
	return append(settings(filepath.Join(n.folder, fmt.Sprint("data", i)), filepath.Join(n.folder, "Archive")),
		"CLUSTER="+strings.Join(n.etcd.Endpoints(), ","), fmt.Sprint("CLUSTER_NODE=node-", i), "CLUSTER_ADDR=127.0.0.1:0")
}

func (n *nodes) start(i int, more ...string) {
	n.t.Helper()
	api, err := programs.StartProgram(n.t.Context(), programs.Config{BinDir: binaries, Env: append(n.env(i), more...), Out: n.t.Output()}, programs.API)
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() {
		if err := api.Kill(); err != nil {
			n.t.Error(err)
		}
	})
	n.apis = append(n.apis, api)
}

// home registers a meter at one node.
func (n *nodes) home(node int, id string) {
	n.t.Helper()
	var answer struct{ Message string }
	n.call(http.MethodPost, n.apis[node].URL, "/register_account", url.Values{"owner_name": {"Ada"}, "address": {"1 Road"}, "meter_id": {id}}, http.StatusOK, &answer)
}

// send sends a reading to one node.
func (n *nodes) send(node int, id, timestamp, reading string) {
	n.t.Helper()
	var answer struct{ Success bool }
	n.call(http.MethodPost, n.apis[node].URL, "/receive_meter_reading", url.Values{"meter_id": {id}, "timestamp": {timestamp}, "reading": {reading}}, http.StatusOK, &answer)
	if !answer.Success {
		n.t.Errorf("a reading at node %d: %+v", node, answer)
	}
}

// rows returns the readings of a meter at one node, once it has as many.
func (n *nodes) rows(node int, id string, count int) string {
	n.t.Helper()
	for {
		rows, err := fetchRows(n.client, n.apis[node].URL, meter.ID(id), "2026-01-01", "2026-01-02")
		if err != nil {
			n.t.Fatal(err)
		}
		if len(rows) >= count {
			return fmt.Sprint(rows)
		}
	}
}

// standing returns how a node stands among others, once it knows who leads and of all nodes.
func (n *nodes) standing(node int) *api.Cluster {
	n.t.Helper()
	for {
		var answer api.Standing
		n.call(http.MethodGet, n.apis[node].URL, "/cluster", nil, http.StatusOK, &answer)
		if s := answer.Cluster; s.Leader != nil && len(s.Nodes) == len(n.apis) {
			return s
		}
	}
}

// awaitReadiness asks a node until it says that it takes readings, or why not.
func (n *nodes) awaitReadiness(node int, reason meter.Reason) {
	n.t.Helper()
	for {
		answer, err := n.client.Get(n.apis[node].URL + "/readyz?for=readings")
		if err != nil {
			n.t.Fatal(err)
		}
		var problem struct{ Reason meter.Reason }
		err = json.NewDecoder(answer.Body).Decode(&problem)
		answer.Body.Close()
		if err != nil {
			n.t.Fatal(err)
		}
		if problem.Reason == reason {
			return
		}
	}
}

func TestWithoutAnEtcdQuestionsAreAnsweredAndReadingsAreTakenAgainOnceItIsBack(t *testing.T) {
	n := startNodes(t, 2)
	n.home(1, "123-456-789")
	n.send(1, "123-456-789", "2026-01-01T00:00:00", "1")
	n.rows(0, "123-456-789", 1)
	n.etcd.Members[0].Kill()
	for node := range n.apis {
		n.awaitReadiness(node, meter.ReasonNoQuorum)
		n.rows(node, "123-456-789", 1)
		var refused api.Problem
		n.call(http.MethodPost, n.apis[node].URL, "/receive_meter_reading", url.Values{"meter_id": {"123-456-789"}, "timestamp": {"2026-01-01T00:30:00"}, "reading": {"2"}}, http.StatusServiceUnavailable, &refused)
		var standing api.Standing
		n.call(http.MethodGet, n.apis[node].URL, "/cluster", nil, http.StatusOK, &standing)
		if refused.Code != "not_ready" || standing.Cluster.IsConfirmed {
			t.Errorf("node %d refuses with %+v and stands so: %+v", node, refused, standing.Cluster)
		}
	}
	n.etcd.Members[0].Restart()
	for node := range n.apis {
		n.awaitReadiness(node, "")
		n.send(node, "123-456-789", "2026-01-01T00:30:00", "2")
	}
	for _, api := range n.apis {
		if err := api.Stop(); err != nil {
			t.Error(err)
		}
	}
}

func TestAnyNodeOfAClusterTakesReadingsAndAllShowThem(t *testing.T) {
	n := startNodes(t, 3)
	n.home(1, "123-456-789")
	var body bytes.Buffer
	for half := range 48 {
		stamp := fmt.Sprintf("2026-01-01T%02d:%02d:00", half/2, half%2*30)
		if half < 12 {
			n.send(half%3, "123-456-789", stamp, fmt.Sprint(half))
			continue
		}
		fmt.Fprintf(&body, "{\"meter_id\":\"123-456-789\",\"timestamp\":%q,\"reading\":%d}\n", stamp, half)
	}
	n.suite.Suite = &programs.Suite{API: n.apis[2]}
	var answer struct{ Accepted int }
	n.post("/receive_meter_readings", "application/x-ndjson", body.Bytes(), &answer)
	if answer.Accepted != 36 {
		t.Errorf("the bulk: %+v", answer)
	}
	want := n.rows(2, "123-456-789", 48)
	for node := range n.apis {
		if got := n.rows(node, "123-456-789", 48); got != want {
			t.Errorf("node %d has %s, node 2 has %s", node, got, want)
		}
	}
	leader := n.standing(0).Leader
	for node := range n.apis {
		if s := n.standing(node); s.Leader == nil || *s.Leader != *leader || s.Node != fmt.Sprint("node-", node) || len(s.Nodes) != 3 || !s.IsConfirmed {
			t.Errorf("node %d stands so: %+v", node, s)
		}
	}
	for _, api := range n.apis { // each leaves to those that are left, the last one to nobody
		if err := api.Stop(); err != nil {
			t.Error(err)
		}
	}
}
