// Package etcdtest runs an etcd for tests: processes on loopback with temporary folders, which a test can
// kill and start again, and which end with it.
package etcdtest

import (
	"context"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// Binary is what is run, seen from a package under internal. Any etcd of version 3.6 or later will do.
const Binary = "../../bin/tools/etcd"

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

// Start starts an etcd and waits until each member has a quorum. Without the binary it skips the test.
func Start(t testing.TB, o Options) *Etcd {
	t.Helper()
	if _, err := os.Stat(Binary); err != nil {
		t.Skip("there is no etcd in bin/tools: `make etcd` builds it")
	}
	e := &Etcd{t: t, tls: o.TLS}
	dir, scheme := t.TempDir(), "http://"
	if o.TLS != nil {
		scheme = "https://"
	}
	var names []string
	peers := make([]string, o.Members)
	for n := range peers {
		peers[n] = "http://" + freeAddress()
		names = append(names, fmt.Sprintf("m%d=%s", n, peers[n]))
	}
	for n, peer := range peers {
		m := &Member{Endpoint: freeAddress(), etcd: e, log: filepath.Join(dir, fmt.Sprintf("m%d.log", n))}
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
	m.process = exec.Command(Binary, m.args...)
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

// freeAddress is one that nobody listens on, at a port that systems do not give to connections by themselves: a member
// that is started again finds it free.
func freeAddress() string {
	for {
		address := fmt.Sprintf("127.0.0.1:%d", 12_000+rand.IntN(20_000))
		if l, err := net.Listen("tcp", address); err == nil {
			_ = l.Close()
			return address
		}
	}
}
