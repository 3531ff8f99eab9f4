package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/config"
	"meterledger/internal/etcdtest"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
	"meterledger/internal/node"
)

// seatOf is openCluster for a node that is closed with the test.
func seatOf(t *testing.T, c config.Cluster, log *slog.Logger) *clusterSeat {
	t.Helper()
	c.Name, c.Addr, c.Copies = "test", "127.0.0.1:0", 2
	s, err := openCluster(config.API{Cluster: c}, httpkit.NewMetrics(), log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// told is what a log or a caller is told, by many goroutines.
type told struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
	once sync.Once
	some chan struct{} // closed when something was told
}

func newTold() *told { return &told{some: make(chan struct{})} }

func (o *told) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	defer o.once.Do(func() { close(o.some) })
	return o.text.Write(b)
}

func (o *told) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func (o *told) log() *slog.Logger {
	return slog.New(slog.NewTextHandler(o, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

func TestAStartWaitsForTheEtcdAndSaysSo(t *testing.T) {
	e := etcdtest.Start(t, etcdtest.Options{Members: 1})
	e.Members[0].Kill()
	said, callers := newTold(), newTold()
	s := seatOf(t, config.Cluster{Endpoints: e.Endpoints(), Node: "node-a"}, said.log())
	reached := make(chan error, 1)
	go func() {
		reached <- s.reach(t.Context(), func(how fmt.Stringer) { fmt.Fprintln(callers, starting(&how)) })
	}()
	<-said.some
	<-callers.some
	e.Members[0].Restart()
	if err := <-reached; err != nil {
		t.Fatal(err)
	}
	if text := said.String(); !strings.Contains(text, "waiting for the etcd") || !strings.Contains(text, e.Endpoints()[0]) || !strings.Contains(text, "connection refused") {
		t.Errorf("the log says %s", text)
	}
	if text := callers.String(); !strings.HasPrefix(text, "the api is starting: it waits for the etcd that keeps the order of the nodes\n") {
		t.Errorf("callers are told %s", text)
	}
}

// secure returns the files of a node's certificate, of its key and of its authority, and what a client of the same authority needs.
func secure(t *testing.T, ca *authority) (cert, key, authorities string, client *tls.Config) {
	t.Helper()
	node, folder := newCertificate(t, 2, ca), t.TempDir()
	cert, key = node.write(t, folder)
	authorities, _ = ca.write(t, t.TempDir())
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca.certificate)
	return cert, key, authorities, &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}}
}

func secureEtcd(t *testing.T, ca *authority) *etcdtest.Etcd {
	t.Helper()
	cert, key, authorities, client := secure(t, ca)
	return etcdtest.Start(t, etcdtest.Options{Members: 1, TLS: client, Flags: []string{
		"--cert-file", cert, "--key-file", key, "--trusted-ca-file", authorities, "--client-cert-auth",
	}})
}

func TestAnEtcdThatCannotBeAskedIsNamedWithWhatToDo(t *testing.T) {
	ca := newCertificate(t, 1, nil)
	e := secureEtcd(t, ca)
	cert, key, authorities, _ := secure(t, ca)
	otherCert, otherKey, otherAuthorities, _ := secure(t, newCertificate(t, 3, nil))
	web, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer web.Close()
	go func() { _ = http.Serve(web, http.NotFoundHandler()) }()
	for _, c := range []struct {
		cluster config.Cluster
		waits   string // in the log
		fails   string
	}{
		{config.Cluster{Endpoints: e.Endpoints()}, "without -cluster-ca, -cluster-cert and -cluster-key it is asked without TLS", ""},
		{config.Cluster{Endpoints: []string{web.Addr().String()}}, "it must be an etcd", ""},
		{config.Cluster{Endpoints: []string{web.Addr().String()}, Cert: cert, Key: key, CA: authorities}, "it is asked over TLS, since -cluster-ca is given", ""},
		{config.Cluster{Endpoints: e.Endpoints(), Cert: otherCert, Key: otherKey, CA: otherAuthorities}, "", "-cluster-ca must have the authority of its certificate"},
	} {
		said := newTold()
		c.cluster.Node = "node-a"
		s := seatOf(t, c.cluster, said.log())
		ctx, stop := context.WithCancel(t.Context())
		reached := make(chan error, 1)
		go func() { reached <- s.reach(ctx, func(fmt.Stringer) {}) }()
		if c.waits != "" {
			<-said.some
			stop()
			if err := <-reached; !errors.Is(err, meter.ErrStopped) || !strings.Contains(said.String(), c.waits) {
				t.Errorf("error %v, the log says %s, want %q", err, said, c.waits)
			}
			continue
		}
		err := <-reached
		stop()
		if _, ok := errors.AsType[*config.SettingError](err); !ok || !strings.Contains(fmt.Sprint(err), c.fails) || !strings.Contains(fmt.Sprint(err), e.Endpoints()[0]) {
			t.Errorf("error %v, want %q", err, c.fails)
		}
	}
}

func TestNodesAndTheEtcdKnowEachOtherByCertificates(t *testing.T) {
	ca := newCertificate(t, 1, nil)
	e := secureEtcd(t, ca)
	zone, err := meter.LoadZone("Asia/Singapore")
	if err != nil {
		t.Fatal(err)
	}
	folder, log := t.TempDir(), slog.New(slog.DiscardHandler)
	var nodes []*node.Node
	for i, name := range []string{"node-a", "node-b"} {
		cert, key, authorities, _ := secure(t, ca)
		c := config.Cluster{Endpoints: e.Endpoints(), Node: name, Cert: cert, Key: key, CA: authorities, Found: map[bool]config.Founding{true: config.FoundOnce}[i == 0]}
		s := seatOf(t, c, log)
		n, err := node.Open(t.Context(), node.Options{
			FS: vfs.Default, DataDir: filepath.Join(folder, name), ArchiveDir: filepath.Join(folder, "Archive"), Zone: zone, Now: time.Now, Log: log,
			Holder: "a test", Shared: s.shared(),
		})
		if err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, n)
		stranger := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
		if answer, err := stranger.Get("https://" + s.self.Address + "/journal?after=0"); err == nil {
			t.Errorf("a stranger is answered %s", answer.Status)
		}
	}
	if err := nodes[1].Register(t.Context(), "M", "Tan", "Road"); err != nil { // which the other one leads
		t.Error(err)
	}
	if err := nodes[0].Ledger.Confirm(t.Context()); err != nil {
		t.Error(err)
	}
	if _, known := nodes[0].Store().Lookup("M"); !known {
		t.Error("the other node does not know it")
	}
	for _, n := range nodes {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestASettingOfAClusterThatNoNodeCanHaveIsRefused(t *testing.T) {
	for _, c := range []struct {
		cluster config.Cluster
		want    string
	}{
		{config.Cluster{Name: "a/b", Node: "n", Addr: "127.0.0.1:0"}, `-cluster-name: "a/b" is no name`},
		{config.Cluster{Name: "a", Node: "", Addr: "127.0.0.1:0"}, `-cluster-node: "" is no name`},
		{config.Cluster{Name: "a", Node: "n", Addr: "0.0.0.0:0", Advertise: "h:1"}, "-cluster-addr: 0.0.0.0:0 is not on loopback, which needs -cluster-cert, -cluster-key and -cluster-ca"},
		{config.Cluster{Name: "a", Node: "n", Addr: "127.0.0.1:0", Cert: "none", Key: "none", CA: "none"}, "-cluster-cert: none: no such file"},
	} {
		c.cluster.Endpoints = []string{"127.0.0.1:1"}
		_, err := openCluster(config.API{Cluster: c.cluster}, httpkit.NewMetrics(), slog.New(slog.DiscardHandler))
		if _, ok := errors.AsType[*config.SettingError](err); !ok || !strings.HasPrefix(fmt.Sprint(err), c.want) {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}
