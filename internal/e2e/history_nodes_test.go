package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"meterledger/api"
	"meterledger/api/apitest"
	"meterledger/internal/etcdtest"
	"meterledger/internal/faulttest"
	"meterledger/internal/meter"
	"meterledger/internal/tools/suite/programs"
)

// strikes are what befalls several nodes, each of which is mended by starting what does not run.
var strikes = []struct {
	name string
	do   func(*nodesHistorian) error
}{
	{"the api that leads is killed", func(h *nodesHistorian) error { return h.leader().Kill() }},
	{"the api that leads stands still until another one does", func(h *nodesHistorian) error {
		frozen := h.leader()
		err := frozen.Signal(syscall.SIGSTOP)
		for err == nil && h.leader(frozen) == frozen {
			time.Sleep(patience)
		}
		return errors.Join(err, frozen.Signal(syscall.SIGCONT))
	}},
	{"both that lead are killed", func(h *nodesHistorian) error {
		member, err := h.cluster.LeadingMember(h.t.Context())
		if err != nil {
			return err
		}
		return errors.Join(h.leader().Kill(), member.Kill())
	}},
	{"the api that leads is stopped", func(h *nodesHistorian) error { return h.leader().Stop() }},
	{"another api is killed", func(h *nodesHistorian) error {
		leader := h.leader()
		for _, p := range h.apis {
			if p != leader {
				return p.Kill()
			}
		}
		return nil
	}},
	{"the etcd that leads is killed", func(h *nodesHistorian) error {
		member, err := h.cluster.LeadingMember(h.t.Context())
		if err != nil {
			return err
		}
		return member.Kill()
	}},
	{"all apis are killed", func(h *nodesHistorian) error {
		var err error
		for _, p := range h.apis {
			err = errors.Join(err, p.Kill())
		}
		return err
	}},
	{"two of three etcd are killed", func(h *nodesHistorian) error {
		return errors.Join(h.cluster.Members[0].Kill(), h.cluster.Members[1].Kill())
	}},
}

// TestEachMeterOfSeveralNodesDoesOneThingAfterAnother has callers post to and query a few meters at any of three nodes, while
// months are archived and restored, and nodes and members of the etcd are killed, stopped and started again. Writes and
// strong reads must be as if there were one node. Local reads may be old, but of one and the same order; and
// whoever names the newest position that he was told sees all that he has seen or written. A sample goes through a
// few of what can befall nodes; with PROOFS=whole all of it, twice.
func TestEachMeterOfSeveralNodesDoesOneThingAfterAnother(t *testing.T) {
	const callers = 6
	rounds := 3
	if faulttest.Whole() {
		rounds = 2 * len(strikes)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	h := newNodesHistorian(t)
	session := make([]*nodeCaller, callers)
	for number := range session {
		session[number] = &nodeCaller{nodesHistorian: h, number: number, chance: rand.New(rand.NewPCG(seed, uint64(number)))}
	}
	for round := range rounds {
		h.begin(session)
		var group sync.WaitGroup
		group.Go(h.strike(round % len(strikes)))
		group.Go(func() { h.operate(rand.New(rand.NewPCG(seed, uint64(1000+round)))) })
		for _, c := range session {
			group.Go(c.call)
		}
		group.Wait()
		t.Logf("%6.1f s: %s, and mended", time.Since(h.begun).Seconds(), strikes[round%len(strikes)].name)
		for _, node := range h.apis {
			for _, m := range h.histories[len(h.histories)-freshMeters:] {
				answers := false
				for range 2 { // the first may meet a connection that has died
					answers = answers || session[0].query(node, m, "Read-Consistency", "strong")
				}
				if !answers {
					t.Errorf("after %s, %s does not answer", strikes[round%len(strikes)].name, node.Name)
				}
			}
		}
	}
	if err := h.cluster.Stop(); err != nil {
		t.Error(err)
	}
	h.judge()
}

// nodesHistorian does things to several nodes and writes down what came of them.
type nodesHistorian struct {
	t       *testing.T
	cluster *programs.Cluster
	apis    []*programs.Program
	http    *http.Client
	months  []meter.Month
	stamps  [pointsMax]string
	begun   time.Time
	newest  atomic.Uint64 // the furthest position that anybody was told

	left         atomic.Int64  // requests until the round is over
	struck, over chan struct{} // closed when a third of them is left out, and when another third is

	histories []*nodesMeter
	mu        sync.Mutex // guards what follows
	counts    map[string]int
}

// nodesMeter is what was done to a meter.
type nodesMeter struct {
	id   meter.ID
	mu   sync.Mutex // guards what follows
	done []told
	last registers // as seen by somebody
}

func (m *nodesMeter) note(seen registers) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last = seen
}

func (m *nodesMeter) anyAt(point int) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last[point]
}

func newNodesHistorian(t *testing.T) *nodesHistorian {
	t.Helper()
	etcd := etcdtest.Tool(t, "etcd")
	buildPrograms(t)
	cluster, err := startTrio(t, etcd)
	for range 2 {
		if err != nil && strings.Contains(err.Error(), "address already in use") { // somebody else has taken it meanwhile
			cluster, err = startTrio(t, etcd)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cluster.Kill() })
	// A connection that a killed node leaves behind would fail the request after it, of which nothing is known then.
	connections := &http.Transport{DisableKeepAlives: true}
	h := &nodesHistorian{
		t: t, cluster: cluster, apis: cluster.APIs, begun: time.Now(), counts: make(map[string]int),
		http: &http.Client{Transport: apitest.NewTransport(t, connections), Timeout: time.Minute},
	}
	h.stamps, h.months = turnOfMonth(t)
	return h
}

// startTrio starts three nodes on new folders.
func startTrio(t *testing.T, etcd string) (*programs.Cluster, error) {
	t.Helper()
	folder := t.TempDir()
	return programs.StartCluster(t.Context(), programs.ClusterConfig{
		Config: programs.Config{BinDir: binaries, Etcd: etcd, Env: programs.Env(folder, "Asia/Singapore")},
		Folder: filepath.Join(folder, "nodes"), Nodes: 3,
	})
}

func (h *nodesHistorian) since() int64 { return time.Since(h.begun).Nanoseconds() }

func (h *nodesHistorian) tally(what string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.counts[what]++
}

// nodeRequests is how many a round has.
const nodeRequests = 600

// begin registers the meters of a round, each at another node.
func (h *nodesHistorian) begin(session []*nodeCaller) {
	h.t.Helper()
	for n := range freshMeters {
		m := &nodesMeter{id: meter.ID(fmt.Sprintf("M%d", len(h.histories)))}
		parameters := url.Values{"meter_id": {string(m.id)}, "owner_name": {"Owner"}, "address": {"Road"}}
		r, err := session[n].ask(h.apis[n%len(h.apis)], http.MethodPost, "/register_account?"+parameters.Encode(), "", "")
		if err != nil || r.status != http.StatusOK {
			h.t.Fatalf("%s is not registered: %v %s", m.id, err, r.body)
		}
		for _, c := range session {
			c.told, c.seen = session[n].told, session[n].seen
		}
		h.histories = append(h.histories, m)
	}
	h.struck, h.over = make(chan struct{}), make(chan struct{})
	h.left.Store(nodeRequests)
}

// count counts a request.
func (h *nodesHistorian) count() {
	switch h.left.Add(-1) {
	case nodeRequests * 2 / 3:
		close(h.struck)
	case nodeRequests / 3:
		close(h.over)
	}
}

// strike returns what has something befall the nodes after a third of a round, and mends it after another third.
func (h *nodesHistorian) strike(which int) func() {
	return func() {
		<-h.struck
		if err := strikes[which].do(h); err != nil {
			h.t.Errorf("%s: %v", strikes[which].name, err)
		}
		<-h.over
		if err := h.cluster.Start(h.t.Context()); err != nil {
			h.t.Errorf("after %s: %v", strikes[which].name, err)
		}
	}
}

// leader is the api that leads, as one says that is not among those that do not answer. It waits until one leads.
func (h *nodesHistorian) leader(silent ...*programs.Program) *programs.Program {
	for h.t.Context().Err() == nil {
		for _, p := range h.apis {
			if slices.Contains(silent, p) {
				continue
			}
			if name, err := h.leaderBy(p); err == nil && name != "" {
				return h.cluster.Program(name)
			}
		}
		time.Sleep(patience)
	}
	return h.apis[0]
}

// leaderBy asks an api who leads; nobody is the empty name.
func (h *nodesHistorian) leaderBy(p *programs.Program) (programs.Name, error) {
	answer, err := h.http.Get(p.URL + "/cluster")
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	var said api.Standing
	if err := json.NewDecoder(answer.Body).Decode(&said); err != nil || said.Cluster == nil || said.Cluster.Leader == nil {
		return "", err
	}
	return programs.Name(*said.Cluster.Leader), nil
}

// operate closes months, archives them again and restores them, wherever that is taken, until the round is over.
func (h *nodesHistorian) operate(chance *rand.Rand) {
	c := &nodeCaller{nodesHistorian: h, number: -1, chance: chance}
	for h.left.Load() > 0 {
		node, target := h.apis[chance.IntN(len(h.apis))], "/restore_data"
		if month := chance.IntN(len(h.months) + 1); month < len(h.months) {
			target = "/maintenance/start?maintenance_type=monthly&month=" + h.months[month].String()
		}
		r, err := c.ask(node, http.MethodPost, target, "", "")
		switch {
		case err == nil && r.status == http.StatusOK:
			h.tally("operator")
			continue
		case err == nil && r.status != http.StatusServiceUnavailable:
			h.t.Errorf("%s at %s is answered %s", target, node.Name, r.body)
		}
		time.Sleep(patience)
	}
}

// judge checks every meter's history.
func (h *nodesHistorian) judge() {
	h.t.Helper()
	began := time.Now()
	for _, m := range h.histories {
		wantOneOrder(h.t, string(m.id), m.done)
		for _, o := range m.done {
			what := fmt.Sprintf("%T", o.Input)
			switch o.Input.(type) {
			case query, usageQuery:
				what += map[bool]string{true: " local", false: " strong"}[o.isLocal]
			default:
				what += fmt.Sprintf(" %v", o.Output)
			}
			h.counts[what]++
		}
	}
	h.t.Logf("%v, judged in %s", h.counts, time.Since(began).Round(time.Millisecond))
	for _, what := range []string{
		"e2e.post success", "e2e.post accepted", "e2e.post duplicate", "e2e.post reading_conflict", "e2e.post reading_decreases",
		"e2e.exchange success", "e2e.correction success", "e2e.query local", "e2e.query strong", "e2e.usageQuery local", "e2e.usageQuery strong",
		"put off", "operator",
	} {
		if h.counts[what] == 0 {
			h.t.Errorf("there was no %q: the histories show too little", what)
		}
	}
}
