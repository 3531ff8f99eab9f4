package programs

import (
	"bytes"
	"context"
	"errors"
	"slices"
)

// ClusterConfig says what a cluster is started of.
type ClusterConfig struct {
	Config
	Folder string // of all programs: etcd1, api1/data and so on, and the Archive that the apis share
	Nodes  int    // how many apis, and as many members of etcd
	// Port is where api1 listens; others stand at fixed distances from it, by which nothing of a cluster moves when
	// it is started again on its folder. 0 takes free ones.
	Port int
	// Via returns the address by which a program is to reach another's listener, such as that of a proxy in
	// between. An api reaches members of etcd, and other members and apis are told one address for all: then from
	// is empty. Nil: the address itself.
	Via func(from, to Name, address string) string
}

// Cluster is several nodes of the api, the members of the etcd that keeps their order, daily and monthly. Each
// program may be ended and started again by itself. The same program must not be started at the same time twice.
type Cluster struct {
	Members, APIs  []*Program
	Daily, Monthly *Program

	config ClusterConfig
}

// clusterFound is the flag of the node that founds the cluster, at its first start only.
const clusterFound = "-cluster-found"

// StartCluster starts a cluster and returns once all answer. On a new folder api1 founds it. If a program does not
// come up, or ctx ends first, it kills all.
func StartCluster(ctx context.Context, c ClusterConfig) (*Cluster, error) {
	if c.Out != nil {
		c.Out = &oneAtATime{out: c.Out}
	}
	if c.Via == nil {
		c.Via = func(_, _ Name, address string) string { return address }
	}
	s := &Cluster{config: c}
	if err := s.plan(); err != nil {
		return nil, err
	}
	if err := s.Start(ctx); err != nil {
		return nil, errors.Join(err, s.Kill())
	}
	return s, nil
}

// All are the programs, in the order in which they start.
func (s *Cluster) All() []*Program {
	return slices.Concat(s.Members, s.APIs, []*Program{s.Daily, s.Monthly})
}

// Program returns the one with a name, or nil.
func (s *Cluster) Program(name Name) *Program {
	for _, p := range s.All() {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// LeadingMember returns the member that leads the etcd.
func (s *Cluster) LeadingMember(ctx context.Context) (*Program, error) {
	for _, p := range s.Members {
		if text, err := p.ask(ctx, "/metrics"); err == nil && bytes.Contains(text, []byte("\netcd_server_is_leader 1\n")) {
			return p, nil
		}
	}
	return nil, errors.New("no member of the etcd leads")
}

// Start starts every program that does not run, and returns once all answer.
func (s *Cluster) Start(ctx context.Context) error {
	founder := s.APIs[0]
	groups := [][]*Program{s.Members, s.APIs, {s.Daily, s.Monthly}}
	if slices.Contains(founder.Args, clusterFound) {
		groups = slices.Insert(groups, 1, []*Program{founder})
	}
	for _, group := range groups {
		if err := startTogether(ctx, group); err != nil {
			return err
		}
	}
	founder.Args = slices.DeleteFunc(founder.Args, func(arg string) bool { return arg == clusterFound })
	return nil
}

// startTogether starts those that do not run, each of which may need the others to be ready.
func startTogether(ctx context.Context, group []*Program) error {
	group = slices.DeleteFunc(slices.Clone(group), (*Program).Runs)
	for _, p := range group {
		if err := p.launch(p.again()); err != nil {
			return err
		}
	}
	for _, p := range group {
		if err := p.await(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Start starts the program if it does not run, and returns once it is ready.
func (p *Program) Start(ctx context.Context) error { return startTogether(ctx, []*Program{p}) }

// Stop stops the programs as Program.Stop does, what others need last.
func (s *Cluster) Stop() (err error) {
	for _, p := range slices.Backward(s.All()) {
		err = errors.Join(err, p.Stop())
	}
	return err
}

// Kill ends every program at once, as a power cut would.
func (s *Cluster) Kill() (err error) {
	for _, p := range s.All() {
		err = errors.Join(err, p.Kill())
	}
	return err
}
