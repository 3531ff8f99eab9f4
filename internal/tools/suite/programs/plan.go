package programs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"meterledger/internal/tools/port"
)

// place is where one node's api and its member of etcd listen, as host:port.
type place struct{ api, peers, etcd, etcdPeers, etcdBeside string }

// nodePorts is the distance from one node's ports to the next one's.
const nodePorts = 100

// placeOf returns the place of node n, from 0. Base 0 takes free ports.
func placeOf(base, n int) place {
	at := func(distance int) string {
		if base == 0 {
			return port.Free()
		}
		return fmt.Sprintf("127.0.0.1:%d", base+n*nodePorts+distance)
	}
	return place{api: at(0), peers: at(10), etcd: at(20), etcdPeers: at(21), etcdBeside: at(22)}
}

// numbered is the name of the program of a kind at node n, from 0.
func numbered(kind Name, n int) Name { return Name(fmt.Sprintf("%s%d", kind, n+1)) }

// plan gives each program its addresses and flags.
func (s *Cluster) plan() error {
	var failed error
	add := func(name Name, args ...string) *Program {
		p, err := s.newProgram(name, args)
		failed = errors.Join(failed, err)
		return p
	}
	var places []place
	var peers, urls []string
	for n := range s.config.Nodes {
		at := placeOf(s.config.Port, n)
		places = append(places, at)
		peers = append(peers, fmt.Sprintf("%s=http://%s", numbered(Etcd, n), s.config.Via("", numbered(Etcd, n), at.etcdPeers)))
		urls = append(urls, "http://"+at.api)
	}
	for n, at := range places {
		member := add(numbered(Etcd, n), s.memberArgs(n, at, peers)...)
		member.URL, member.beside = "http://"+at.etcd, "http://"+at.etcdBeside
		s.Members = append(s.Members, member)
	}
	for n := range places {
		s.APIs = append(s.APIs, add(numbered(API, n), s.nodeArgs(n, places)...))
	}
	s.config.Env = append(s.config.Env[:len(s.config.Env):len(s.config.Env)], "API_URL="+strings.Join(urls, ","))
	s.Daily, s.Monthly = add(Daily), add(Monthly)
	return failed
}

// newProgram is a program with flags, and those that its kind and it have in the configuration.
func (s *Cluster) newProgram(name Name, args []string) (*Program, error) {
	p, err := newProgram(s.config.Config, name)
	if err != nil {
		return &Program{}, err
	}
	if name.kind() != name {
		args = append(args, s.config.Args[name.kind()]...)
	}
	p.Args = append(args, p.Args...)
	return p, nil
}

// memberArgs are the flags of node n's member of etcd.
func (s *Cluster) memberArgs(n int, at place, peers []string) []string {
	name := string(numbered(Etcd, n))
	_, peer, _ := strings.Cut(peers[n], "=")
	return []string{
		"--name", name, "--data-dir", filepath.Join(s.config.Folder, name), "--log-level", "panic",
		"--listen-client-urls", "http://" + at.etcd, "--advertise-client-urls", "http://" + at.etcd,
		"--listen-peer-urls", "http://" + at.etcdPeers, "--initial-advertise-peer-urls", peer, "--initial-cluster", strings.Join(peers, ","),
		"--listen-metrics-urls", "http://" + at.etcdBeside, "--snapshot-catchup-entries", "1000",
	}
}

// nodeArgs are the flags of node n's api. The first one founds the cluster where its folder is new.
func (s *Cluster) nodeArgs(n int, places []place) []string {
	name, at := numbered(API, n), places[n]
	folder := filepath.Join(s.config.Folder, string(name))
	var endpoints []string
	for m, member := range places {
		endpoints = append(endpoints, s.config.Via(name, numbered(Etcd, m), member.etcd))
	}
	args := []string{
		"-addr", at.api, "-data-dir", DataDir(folder), "-backup-dir", filepath.Join(folder, "backup"), "-archive-dir", ArchiveDir(s.config.Folder),
		"-cluster", strings.Join(endpoints, ","), "-cluster-node", string(name),
		"-cluster-addr", at.peers, "-cluster-advertise", s.config.Via("", name, at.peers),
	}
	if _, err := os.Stat(folder); n == 0 && errors.Is(err, fs.ErrNotExist) {
		args = append(args, clusterFound)
	}
	return args
}
