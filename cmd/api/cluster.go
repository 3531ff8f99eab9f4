package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/cluster"
	"meterledger/internal/config"
	"meterledger/internal/etcd"
	"meterledger/internal/httpkit"
	"meterledger/internal/ledger"
	"meterledger/internal/node"
	"meterledger/internal/peer"
	"meterledger/internal/rest"
)

// clusterSeat is how this process takes part in a cluster: the etcd that keeps the order, the other nodes, and where
// they reach this one. nil stands for a node alone.
type clusterSeat struct {
	settings config.Cluster
	self     cluster.Node
	engine   *etcd.Engine
	peers    *peer.Peers
	listener *httpkit.Listener
	receive  func() // ends that who asks too early is turned away
	leading  *httpkit.Gate
	metrics  *httpkit.Metrics
	log      *slog.Logger
}

// openCluster prepares the connections and begins to listen, and waits for nobody. The error is a
// *config.SettingError for settings that do not fit each other.
func openCluster(settings config.API, metrics *httpkit.Metrics, log *slog.Logger) (*clusterSeat, error) {
	c := settings.Cluster
	if len(c.Endpoints) == 0 {
		return nil, nil
	}
	for setting, name := range map[string]string{"-cluster-name": c.Name, "-cluster-node": c.Node} {
		if err := cluster.CheckName(name); err != nil {
			return nil, &config.SettingError{Setting: setting, Problem: err.Error()}
		}
	}
	mutual, err := httpkit.LoadMutual(httpkit.MutualFiles{Name: c.Node, Cert: c.Cert, Key: c.Key, CA: c.CA, CallersCA: settings.TLSClientCA}, log)
	if err != nil {
		return nil, err
	}
	var secure *tls.Config
	if mutual != nil {
		secure = mutual.ToServer()
	}
	s := &clusterSeat{settings: c, peers: peer.NewPeers(mutual), metrics: metrics, log: log}
	if s.listener, err = httpkit.OpenMutual(c.Addr, "-cluster-addr", "CLUSTER_ADDR", mutual); err != nil {
		return nil, err
	}
	if s.engine, err = etcd.Open(etcd.Options{Endpoints: c.Endpoints, Cluster: c.Name, TLS: secure}); err != nil {
		return nil, errors.Join(err, s.listener.Close())
	}
	s.receive = turnAway(s.listener.Listener.(*net.TCPListener))
	s.self = cluster.Node{Name: c.Node, Incarnation: drawIncarnation(), Address: c.Advertise}
	if s.self.Address == "" {
		s.self.Address = s.listener.Addr().String()
	}
	s.leading = httpkit.NewGate(s.program(), func() string { return "the node that leads is starting" })
	log.Info("this node takes part in a cluster", "cluster", c.Name, "node", s.self.Name, "etcd", c.Endpoints,
		"peers_on", s.listener.Addr().String(), "peers_reach", s.self.Address, "tls", mutual != nil)
	return s, nil
}

func drawIncarnation() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return max(1, binary.BigEndian.Uint64(b[:]))
}

// turnAway resets connections until stop is called. So whoever takes this process for the one before it, which may
// have led, learns that that one has ended.
func turnAway(l *net.TCPListener) (stop func()) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := l.AcceptTCP()
			if err != nil {
				return
			}
			_ = c.SetLinger(0)
			_ = c.Close()
		}
	}()
	return func() {
		_ = l.SetDeadline(time.Unix(1, 0)) // fails if it is closed, which ends it too
		<-ended
		_ = l.SetDeadline(time.Time{})
	}
}

// shared says how the ledger takes part.
func (s *clusterSeat) shared() *ledger.Shared {
	if s == nil {
		return nil
	}
	return &ledger.Shared{
		Engine: s.engine, Peers: s.peers, Self: s.self, Cluster: s.settings.Name, Founding: ledger.Founding(s.settings.Found), Heal: s.settings.Heal, Copies: s.settings.Copies,
		Serve: s.serve,
	}
}

// program is what the listener of peers belongs to.
func (s *clusterSeat) program() httpkit.Program {
	return httpkit.Program{Log: s.log, Metrics: s.metrics, Hosts: httpkit.NewHosts(s.self.Address, nil)}
}

// join has the api forward to the other nodes what only the one that leads does, and answers what they forward.
func (s *clusterSeat) join(o rest.Options) rest.Options {
	if s == nil {
		return o
	}
	o.Peers = s.peers
	leading := o
	leading.Hosts = s.program().Hosts
	s.leading.Open(rest.NewLeaderHandler(leading))
	return o
}

// serve answers other nodes until stop is called.
func (s *clusterSeat) serve(l *ledger.Ledger) (stop func() error) {
	program := s.program()
	s.receive()
	ctx, end := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- httpkit.Serve(ctx, s.listener, peer.NewHandler(&program, l, s.leading), s.log) }()
	return func() error {
		end()
		return <-served
	}
}

// leave makes the data folder that of a node alone. It serves nobody meanwhile.
func leave(ctx context.Context, settings config.API, log *slog.Logger) (err error) {
	settings.Cluster.Addr = "127.0.0.1:0"
	s, err := openCluster(settings, httpkit.NewMetrics(), log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.reach(ctx, func(fmt.Stringer) {}); err != nil {
		return err
	}
	return node.Leave(ctx, node.Options{
		FS: vfs.Default, DataDir: settings.DataDir, ArchiveDir: settings.ArchiveDir, Zone: settings.Timezone, Now: now, Log: log,
		Holder: fmt.Sprintf("process %d, which leaves the cluster", os.Getpid()), Shared: s.shared(), ArchiveCompress: settings.ArchiveCompress,
	})
}

// Close gives the connections up, once the node is closed.
func (s *clusterSeat) Close() error {
	if s == nil {
		return nil
	}
	s.peers.Close()
	err := s.listener.Close()
	if errors.Is(err, net.ErrClosed) {
		err = nil // it was served
	}
	return errors.Join(err, s.engine.Close())
}
