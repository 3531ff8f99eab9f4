package programs

import (
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"meterledger/internal/etcdtest"
)

// clusterOf is for three nodes of stand-ins.
func clusterOf(t *testing.T) ClusterConfig {
	t.Helper()
	c := ClusterConfig{Config: configOf(t, nil), Folder: t.TempDir(), Nodes: 3}
	c.Etcd = filepath.Join(c.BinDir, "etcd")
	return c
}

func startCluster(t *testing.T, c ClusterConfig) *Cluster {
	t.Helper()
	s, err := StartCluster(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Kill(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// valuesOf are those of a flag at each api.
func valuesOf(s *Cluster, name string) (values []string) {
	for _, p := range s.APIs {
		if i := slices.Index(p.Args, name); i >= 0 {
			values = append(values, p.Args[i+1])
		}
	}
	return values
}

func TestEachNodeHasPlacesOfItsOwnAndSharesTheArchive(t *testing.T) {
	s := startCluster(t, clusterOf(t))
	for _, own := range []string{"-addr", "-data-dir", "-backup-dir", "-cluster-node", "-cluster-addr", "-cluster-advertise"} {
		values := valuesOf(s, own)
		slices.Sort(values)
		if len(slices.Compact(values)) != 3 {
			t.Errorf("three nodes have %s %v", own, values)
		}
	}
	for _, shared := range []string{"-archive-dir", "-cluster"} {
		if values := valuesOf(s, shared); len(values) != 3 || values[0] != values[1] || values[1] != values[2] {
			t.Errorf("three nodes have %s %v", shared, values)
		}
	}
	if endpoints := valuesOf(s, "-cluster")[0]; endpoints != strings.Join([]string{s.Members[0].Host(), s.Members[1].Host(), s.Members[2].Host()}, ",") {
		t.Errorf("the nodes look for etcd at %s", endpoints)
	}
	for _, p := range []*Program{s.Daily, s.Monthly} {
		if got, want := infoOf(t, p).APIURL, strings.Join([]string{s.APIs[0].URL, s.APIs[1].URL, s.APIs[2].URL}, ","); got != want {
			t.Errorf("%s has API_URL=%s, the apis are at %s", p.Name, got, want)
		}
	}
}

func TestClusterIsFoundedOnceByItsFirstNode(t *testing.T) {
	c := clusterOf(t)
	s := startCluster(t, c)
	for n, p := range s.APIs {
		if founds := slices.Contains(infoOf(t, p).Args, clusterFound); founds != (n == 0) {
			t.Errorf("%s was told to found the cluster: %v", p.Name, founds)
		}
	}
	if err := s.APIs[0].Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := func(p *Program) {
		if args := infoOf(t, p).Args; slices.Contains(args, clusterFound) {
			t.Errorf("a node that has a folder founds the cluster: %v", args)
		}
	}
	again(s.APIs[0])
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	again(startCluster(t, c).APIs[0])
}

func TestAnyProgramOfAClusterEndsAndStartsByItself(t *testing.T) {
	s := startCluster(t, clusterOf(t))
	for _, p := range s.All() {
		url, pid := p.URL, p.PID()
		if err := p.Kill(); err != nil || p.Runs() {
			t.Fatalf("%s: it runs: %v, %v", p.Name, p.Runs(), err)
		}
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !p.Runs() || p.URL != url || p.PID() == pid {
			t.Errorf("%s: process %d at %s was started again as %d at %s", p.Name, pid, url, p.PID(), p.URL)
		}
		if err := p.Start(t.Context()); err != nil || p != s.Program(p.Name) {
			t.Errorf("%s is started though it runs: %v", p.Name, err)
		}
	}
	if s.Program("api4") != nil {
		t.Error("there is a fourth api")
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	if err := s.Start(t.Context()); err != nil || slices.ContainsFunc(s.All(), func(p *Program) bool { return !p.Runs() }) {
		t.Errorf("not all were started again: %v", err)
	}
}

func TestFlagsOfAKindAndOfOneProgramAreAdded(t *testing.T) {
	c := clusterOf(t)
	c.Args = map[Name][]string{API: {"-disk-slow", "5s"}, "api2": {"-disk-free-min", "1MiB"}, "etcd3": {"--quota-backend-bytes", "1"}}
	s := startCluster(t, c)
	for name, want := range map[Name]string{"api1": "-disk-slow 5s", "api2": "-disk-slow 5s -disk-free-min 1MiB", "etcd3": "--quota-backend-bytes 1"} {
		args := strings.TrimSuffix(strings.Join(s.Program(name).Args, " "), " "+clusterFound)
		if !strings.HasSuffix(args, " "+want) {
			t.Errorf("%s has the flags %s, want %s in the end", name, args, want)
		}
	}
}

func TestWhatLiesInBetweenIsToldInTheOthersPlace(t *testing.T) {
	c := clusterOf(t)
	c.Via = func(from, to Name, address string) string { return string(from+">"+to) + ":1" }
	s := &Cluster{config: c}
	if err := s.plan(); err != nil {
		t.Fatal(err)
	}
	if got := valuesOf(s, "-cluster"); got[1] != "api2>etcd1:1,api2>etcd2:1,api2>etcd3:1" {
		t.Errorf("api2 looks for etcd at %s", got[1])
	}
	if got := valuesOf(s, "-cluster-advertise"); got[2] != ">api3:1" {
		t.Errorf("api3 says it is at %s", got[2])
	}
	args := strings.Join(s.Members[0].Args, " ")
	for _, want := range []string{"--initial-advertise-peer-urls http://>etcd1:1 ", "--initial-cluster etcd1=http://>etcd1:1,etcd2=http://>etcd2:1,"} {
		if !strings.Contains(args, want) {
			t.Errorf("etcd1 is started with %s, not %s", args, want)
		}
	}
}

func TestClusterThatDoesNotStartLeavesNothingRunning(t *testing.T) {
	c := clusterOf(t)
	c.Env = append(c.Env, "FAKE_MONTHLY="+standInBroken)
	var addresses []string
	c.Out = writerFunc(func(b []byte) {
		if match := listenPattern.FindSubmatch(b); match != nil {
			addresses = append(addresses, string(match[1]))
		}
	})
	_, err := StartCluster(t.Context(), c)
	if err == nil || !strings.HasPrefix(err.Error(), "monthly did not start: ") {
		t.Errorf("the error is %v", err)
	}
	if len(addresses) < 7 {
		t.Errorf("only %d programs were started before", len(addresses))
	}
	for _, address := range addresses {
		if answer, err := http.Get("http://" + address + "/healthz"); err == nil {
			answer.Body.Close()
			t.Errorf("what listens at %s still runs", address)
		}
	}
}

func TestMissingEtcdIsNamed(t *testing.T) {
	c := clusterOf(t)
	c.Etcd += "d"
	if _, err := StartCluster(t.Context(), c); err == nil || !strings.Contains(err.Error(), c.Etcd) {
		t.Errorf("the error is %v, want one that names the file", err)
	}
}

func TestRealMembersFindAQuorumAndComeBack(t *testing.T) {
	c := clusterOf(t)
	c.Etcd = etcdtest.Tool(t, "etcd")
	s := startCluster(t, c)
	for _, end := range []func(*Program) error{(*Program).Kill, (*Program).Stop} {
		member := s.Members[1]
		if err := end(member); err != nil {
			t.Fatal(err)
		}
		if err := member.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
