// Package etcdtest runs an etcd for tests: processes on loopback with temporary folders, which a test can
// kill and start again, and which end with it.
package etcdtest

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"meterledger/internal/tools/port"
)

// readyMax is how long a member may take to find a quorum.
const readyMax = time.Minute

// Options say what is started.
type Options struct {
	Members int         // 1 or more
	Flags   []string    // of each member, further ones
	TLS     *tls.Config // what a client needs if the flags ask for TLS, else nil
}

// Etcd is the members of one etcd.
type Etcd struct {
	Members []*Member
	t       testing.TB
	binary  string // path
	tls     *tls.Config
}

// Member is one process at a time.
type Member struct {
	Endpoint string // host:port for clients
	etcd     *Etcd
	args     []string
	log      string // path
	process  *exec.Cmd
	ended    chan struct{} // closed when the process has
}

// Tool returns the path of one of the programs that `make etcd` builds: etcd, etcdctl or etcdutl. Any of version 3.6 or
// later will do. It skips the test if the program is not there, and where all packages are tested at once, beside which
// leases of seconds pass: ETCD_APART is then a pattern of the tests that `make nodes` runs, by folder and name.
func Tool(t testing.TB, name string) string {
	t.Helper()
	folder, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if apart := os.Getenv("ETCD_APART"); apart != "" {
		if !regexp.MustCompile(apart).MatchString(filepath.Base(folder) + "/" + t.Name()) {
			t.Errorf("`make nodes` does not find this test by its name: it looks for %s", apart)
		}
		t.Skip("all packages are tested at once: `make nodes` runs the tests on a real etcd one after another")
	}
	for ; folder != filepath.Dir(folder); folder = filepath.Dir(folder) {
		path := filepath.Join(folder, "bin/tools", name)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	t.Skip("there is no etcd in bin/tools: `make etcd` builds it")
	return ""
}

// Start starts an etcd and waits until each member has a quorum. It skips the test as Tool does.
func Start(t testing.TB, o Options) *Etcd {
	t.Helper()
	e := &Etcd{t: t, binary: Tool(t, "etcd"), tls: o.TLS}
	dir, scheme := t.TempDir(), "http://"
	if o.TLS != nil {
		scheme = "https://"
	}
	var names []string
	peers := make([]string, o.Members)
	for n := range peers {
		peers[n] = "http://" + port.Free()
		names = append(names, fmt.Sprintf("m%d=%s", n, peers[n]))
	}
	for n, peer := range peers {
		m := &Member{Endpoint: port.Free(), etcd: e, log: filepath.Join(dir, fmt.Sprintf("m%d.log", n))}
		m.args = append([]string{
			"--name", fmt.Sprintf("m%d", n), "--data-dir", filepath.Join(dir, fmt.Sprintf("m%d", n)), "--log-level", "warn",
			"--listen-client-urls", scheme + m.Endpoint, "--advertise-client-urls", scheme + m.Endpoint,
			"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", strings.Join(names, ","),
			"--snapshot-catchup-entries", "1000",
		}, o.Flags...)
		m.run()
		t.Cleanup(m.Kill)
		e.Members = append(e.Members, m)
	}
	for _, m := range e.Members {
		m.waitReady()
	}
	return e
}

// Endpoints are those of all members.
func (e *Etcd) Endpoints() (endpoints []string) {
	for _, m := range e.Members {
		endpoints = append(endpoints, m.Endpoint)
	}
	return endpoints
}

// Client is a client of etcd's own, of some members, which is closed with the test.
func (e *Etcd) Client(endpoints ...string) *clientv3.Client {
	e.t.Helper()
	client, err := clientv3.New(clientv3.Config{Endpoints: endpoints, TLS: e.tls, Logger: zap.NewNop()})
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() { _ = client.Close() })
	return client
}

// Kill ends the process at once, if it runs.
func (m *Member) Kill() {
	_ = m.process.Process.Kill()
	<-m.ended
}

// Restart starts the process again with what it has on its disk, and waits until it has a quorum.
func (m *Member) Restart() {
	m.etcd.t.Helper()
	m.run()
	m.waitReady()
}

func (m *Member) run() {
	log, err := os.OpenFile(m.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		m.etcd.t.Fatal(err)
	}
	defer log.Close()
	m.process = exec.Command(m.etcd.binary, m.args...)
	m.process.Stdout, m.process.Stderr = log, log
	if err := m.process.Start(); err != nil {
		m.etcd.t.Fatal(err)
	}
	process, ended := m.process, make(chan struct{})
	m.ended = ended
	go func() {
		_ = process.Wait()
		close(ended)
	}()
}

func (m *Member) waitReady() {
	m.etcd.t.Helper()
	client := m.etcd.Client(m.Endpoint)
	for begun := time.Now(); ; {
		ctx, cancel := context.WithTimeout(clientv3.WithRequireLeader(context.Background()), time.Second)
		_, err := client.Get(ctx, "ready")
		cancel()
		if err == nil {
			return
		}
		select {
		case <-m.ended:
		case <-time.After(20 * time.Millisecond):
			if time.Since(begun) < readyMax {
				continue
			}
		}
		log, _ := os.ReadFile(m.log)
		m.etcd.t.Fatalf("a member of the etcd is not ready: %v\n%s", err, log)
	}
}
