package cluster

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"meterledger/internal/tools/caller"
	"meterledger/internal/tools/suite/programs"
)

// nemesis is something that goes wrong, and ends.
type nemesis struct {
	name   string
	strike func(context.Context, *strike) error
	needs  func(settings) error // why it cannot be made to happen here
}

// strike is one time that something goes wrong.
type strike struct {
	*house
	nemesis nemesis
	chance  *rand.Rand
	detail  string              // what befell whom
	ended   []*programs.Program // may have ended
}

func (s *strike) ends(p *programs.Program) bool { return slices.Contains(s.ended, p) }

// outageMax is how long nobody may be able to work: callers who try for 15 seconds must come through.
const outageMax = 8 * time.Second

// pause lets something go on for a while. If it befalls several, nobody may be able to work meanwhile.
func (s *strike) pause(ctx context.Context, befallen int) {
	longest := s.settings.longest
	if befallen > 1 {
		longest = min(longest, outageMax)
	}
	d := time.Second/2 + time.Duration(s.chance.Int64N(int64(longest-time.Second/2)))
	s.detail += " for " + d.Round(time.Millisecond).String()
	_ = caller.Pause(ctx, d) // who ends the drill finds out by itself
}

func names(all []nemesis) (names []string) {
	for _, n := range all {
		names = append(names, n.name)
	}
	return names
}

var nemeses = []nemesis{
	{"kill-leader", killed(leader), here},
	{"kill-follower", killed(follower), here},
	{"kill-apis", killed(apis), here},
	{"stop-rolling", stoppedInTurn, here},
	{"freeze-leader", frozen(leader), here},
	{"freeze-follower", frozen(follower), here},
	{"kill-etcd-leader", killed(etcdLeader), here},
	{"kill-etcd-follower", killed(etcdFollower), here},
	{"kill-etcd-two", killed(twoMembers), here},
	{"kill-both-leaders", killed(both), here},
	{"freeze-etcd-leader", frozen(etcdLeader), here},
	{"leader-without-etcd", cut(leader, members, bothWays), onLinux},
	{"leader-without-peers", cut(leader, apis, bothWays), onLinux},
	{"leader-alone", cut(leader, everybody, bothWays), onLinux},
	{"leader-unheard", cut(leader, everybody, oneWay), onLinux},
	{"leader-deaf", cut(everybody, leader, oneWay), onLinux},
	{"leader-refused", cut(leader, everybody, refusing), onLinux},
	{"etcd-leader-alone", cut(etcdLeader, members, bothWays), onLinux},
	{"slow-network", cut(everybody, everybody, slow), onLinux},
	{"slow-fsync-node", traced(follower, "delay_enter=", false), needsStrace},
	{"slow-fsync-member", traced(etcdFollower, "delay_enter=", false), needsStrace},
	{"failing-fsync-node", traced(leader, "error=EIO", true), needsStrace},
	{"failing-fsync-member", traced(etcdLeader, "error=EIO", true), needsStrace},
	{"member-replaced", memberReplaced, here},
	{"node-wiped", nodeWiped, here},
	{"full-disk", fullDisk, needsMount},
	{"full-etcd", fullEtcd, here},
	{"flipped-bit", flippedBit, here},
	{"wrong-clock", wrongClock, needsClock},
}

func here(settings) error { return nil }

func onLinux(settings) error {
	if runtime.GOOS != "linux" {
		return errors.New("only Linux tells whose connection it is")
	}
	return nil
}

// chosen picks who is struck.
type chosen func(context.Context, *strike) ([]*programs.Program, error)

func apis(_ context.Context, s *strike) ([]*programs.Program, error)    { return s.APIs, nil }
func members(_ context.Context, s *strike) ([]*programs.Program, error) { return s.Members, nil }
func everybody(_ context.Context, s *strike) ([]*programs.Program, error) {
	return slices.Concat(s.APIs, s.Members), nil
}

func isMember(p *programs.Program) bool {
	return strings.HasPrefix(string(p.Name), string(programs.Etcd))
}

// leader is the node that leads.
func leader(ctx context.Context, s *strike) ([]*programs.Program, error) {
	for {
		if v, err := s.engine.View(ctx); err == nil && v.Leader.Term > 0 {
			return []*programs.Program{s.Program(programs.Name(v.Leader.Name))}, nil
		}
		if err := caller.Pause(ctx, 50*time.Millisecond); err != nil {
			return nil, fmt.Errorf("nobody leads: %w", err)
		}
	}
}

// etcdLeader is the member that leads.
func etcdLeader(ctx context.Context, s *strike) ([]*programs.Program, error) {
	for {
		for _, p := range s.Members {
			status, err := s.etcd.Status(ctx, p.Host())
			if err == nil && status.Leader == status.Header.MemberId {
				return []*programs.Program{p}, nil
			}
		}
		if err := caller.Pause(ctx, 50*time.Millisecond); err != nil {
			return nil, fmt.Errorf("no member leads: %w", err)
		}
	}
}

func follower(ctx context.Context, s *strike) ([]*programs.Program, error) {
	return s.another(ctx, s.APIs, leader)
}

func etcdFollower(ctx context.Context, s *strike) ([]*programs.Program, error) {
	return s.another(ctx, s.Members, etcdLeader)
}

// another picks one that is not the leader.
func (s *strike) another(ctx context.Context, of []*programs.Program, leads chosen) ([]*programs.Program, error) {
	l, err := leads(ctx, s)
	if err != nil {
		return nil, err
	}
	others := slices.DeleteFunc(slices.Clone(of), func(p *programs.Program) bool { return p == l[0] })
	at := s.chance.IntN(len(others))
	return others[at : at+1], nil
}

func twoMembers(ctx context.Context, s *strike) ([]*programs.Program, error) {
	spared := s.Members[s.chance.IntN(len(s.Members))]
	return slices.DeleteFunc(slices.Clone(s.Members), func(p *programs.Program) bool { return p == spared }), nil
}

func both(ctx context.Context, s *strike) ([]*programs.Program, error) {
	a, errA := leader(ctx, s)
	b, errB := etcdLeader(ctx, s)
	return slices.Concat(a, b), errors.Join(errA, errB)
}

// on has something done to those who are chosen, and says to whom.
func on(of chosen, do func(context.Context, *strike, []*programs.Program) error) func(context.Context, *strike) error {
	return func(ctx context.Context, s *strike) error {
		chosen, err := of(ctx, s)
		if err != nil {
			return err
		}
		for _, p := range chosen {
			s.detail += string(p.Name) + " "
		}
		s.detail = strings.TrimSpace(s.detail)
		return do(ctx, s, chosen)
	}
}

func killed(of chosen) func(context.Context, *strike) error {
	return on(of, func(ctx context.Context, s *strike, all []*programs.Program) (err error) {
		s.ended = all
		for _, p := range all {
			err = errors.Join(err, p.Kill())
		}
		s.pause(ctx, len(all))
		return err
	})
}

func stoppedInTurn(ctx context.Context, s *strike) error {
	for _, p := range s.APIs {
		s.detail += string(p.Name) + " "
		if err := errors.Join(p.Stop(), p.Start(ctx)); err != nil {
			return err
		}
	}
	return nil
}

func frozen(of chosen) func(context.Context, *strike) error {
	return on(of, func(ctx context.Context, s *strike, all []*programs.Program) (err error) {
		for _, p := range all {
			err = errors.Join(err, syscall.Kill(p.PID(), syscall.SIGSTOP))
		}
		s.pause(ctx, len(all))
		for _, p := range all {
			err = errors.Join(err, syscall.Kill(p.PID(), syscall.SIGCONT))
		}
		return err
	})
}

// form is how two are parted.
type form struct {
	fault func(*rand.Rand) fault
	both  bool
}

var (
	lost     = func(*rand.Rand) fault { return fault{lost: true} }
	bothWays = form{lost, true}
	oneWay   = form{lost, false}
	refusing = form{func(*rand.Rand) fault { return fault{refused: true} }, true}
	slow     = form{func(r *rand.Rand) fault { return fault{delay: time.Duration(r.Int64N(int64(100 * time.Millisecond)))} }, false}
)

// cut lets something befall all that some send to others.
func cut(some, others chosen, f form) func(context.Context, *strike) error {
	return on(some, func(ctx context.Context, s *strike, from []*programs.Program) error {
		to, err := others(ctx, s)
		if err != nil {
			return err
		}
		faults := map[way]fault{}
		for _, a := range from {
			for _, b := range to {
				if faults[way{a.Name, b.Name}] = f.fault(s.chance); f.both {
					faults[way{b.Name, a.Name}] = faults[way{a.Name, b.Name}]
				}
			}
		}
		s.network.set(faults)
		s.pause(ctx, len(from))
		return nil
	})
}

func nodeWiped(ctx context.Context, s *strike) error {
	p := s.APIs[s.chance.IntN(len(s.APIs))]
	s.detail, s.ended = string(p.Name), []*programs.Program{p}
	return errors.Join(p.Kill(), s.wipe(p))
}

// memberReplaced puts an empty member in the place of another.
func memberReplaced(ctx context.Context, s *strike) error {
	p := s.Members[s.chance.IntN(len(s.Members))]
	s.detail, s.ended = string(p.Name), []*programs.Program{p}
	list, err := s.etcd.MemberList(ctx)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(list.Members, func(m *pb.Member) bool { return m.Name == string(p.Name) })
	old := list.Members[at]
	if err := errors.Join(p.Kill(), s.wipe(p)); err != nil {
		return err
	}
	p.Args = append(p.Args, "--initial-cluster-state", "existing")
	return errors.Join(
		again(ctx, rpctypes.ErrMemberNotFound, func(ctx context.Context) error {
			_, err := s.etcd.MemberRemove(ctx, old.ID)
			return err
		}),
		again(ctx, rpctypes.ErrPeerURLExist, func(ctx context.Context) error {
			_, err := s.etcd.MemberAdd(ctx, old.PeerURLs)
			return err
		}))
}

// again changes the members, and once more if an etcd that has just got another leader lets the change fall,
// until it is done or was done before.
func again(ctx context.Context, done error, change func(context.Context) error) error {
	for {
		once, cancel := context.WithTimeout(ctx, silenceMax)
		err := change(once)
		cancel()
		if err == nil || errors.Is(err, done) || ctx.Err() != nil {
			return ctx.Err()
		}
		_ = caller.Pause(ctx, 50*time.Millisecond) // its end is seen above
	}
}

// wipe empties the folder of a node or a member.
func (s *strike) wipe(p *programs.Program) error {
	files, err := os.ReadDir(s.dataDir(p))
	for _, f := range files {
		err = errors.Join(err, os.RemoveAll(s.dataDir(p)+"/"+f.Name()))
	}
	return err
}
