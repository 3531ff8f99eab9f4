package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/cluster"
	"meterledger/internal/clustertest"
	"meterledger/internal/meter"
	"meterledger/internal/metric"
)

// watched is a lookout whose log is read.
type watched struct {
	*lookout
	t    *testing.T
	said bytes.Buffer
	skew time.Duration // of this node's clock
}

func newWatched(t *testing.T) *watched {
	w := &watched{t: t}
	w.lookout = &lookout{
		self: cluster.Node{Name: "self", Incarnation: 1}, log: slog.New(slog.NewTextHandler(&w.said, nil)),
		roster: &roster{self: "self", now: func() time.Time { return time.Now().Add(w.skew) }, ever: make(map[string]*colleague)},
	}
	w.begin()
	return w
}

// wantSaid wants that the log has said one line with some words since it was asked last, and nothing if there are none.
func (w *watched) wantSaid(words string) {
	w.t.Helper()
	lines := strings.Split(strings.TrimSpace(w.said.String()), "\n")
	if isSilent := lines[0] == ""; isSilent != (words == "") || !isSilent && (len(lines) > 1 || !strings.Contains(lines[0], words)) {
		w.t.Errorf("the log says %q, want %q", lines, words)
	}
	w.said.Reset()
}

// see has the engine answer twice a second for a while, and the nodes say something each second.
func (w *watched) see(v cluster.View, d time.Duration) {
	for range d / lookEvery {
		w.saw(v, time.Now())
		nodes := []cluster.Seen{{Status: cluster.Status{Node: v.Leader.Node, Clock: time.Now().UnixMilli()}}}
		w.roster.hear(nodes, time.Now())
		w.sawNodes(nodes)
		time.Sleep(lookEvery)
	}
}

func led(name string, term uint64) cluster.View {
	return cluster.View{Leader: cluster.Leader{Node: cluster.Node{Name: name, Incarnation: term}, Term: term}}
}

func TestTheLogSaysEachChangeOfAClusterOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t)
		w.see(led("b", 7), time.Minute)
		w.wantSaid(`msg="another node leads" node=b term=7`)
		w.see(cluster.View{}, time.Second)
		w.see(led("c", 8), time.Minute)
		w.wantSaid("node=c term=8") // that nobody led for a second is no news
		w.see(cluster.View{}, time.Minute)
		w.wantSaid(`level=WARN msg="no node leads: what is sent waits for one" led_before=c`)
		w.see(led("c", 8), time.Minute)
		w.wantSaid("node=c term=8")

		for range 20 {
			w.missed(errors.New("refused"))
			time.Sleep(time.Second)
		}
		w.wantSaid(`level=WARN msg="too few members of the etcd answer`)
		w.see(led("c", 8), time.Minute)
		w.wantSaid(`msg="the etcd answers again" after=20`)
		for range 20 {
			w.missed(fmt.Errorf("etcd: %w", cluster.ErrNotFounded))
			time.Sleep(time.Second)
		}
		w.wantSaid(`level=ERROR msg="the etcd holds no order any more`)
		w.see(led("c", 8), time.Minute)
		w.wantSaid(`msg="the etcd answers again"`)

		halted := led("", 0)
		halted.Halted = 90
		w.led.set(time.Now().Add(time.Hour)) // that nobody leads then is told above
		w.see(halted, time.Minute)
		w.wantSaid("level=ERROR msg=\"the order is halted")
		w.see(led("self", 1), time.Minute)
		w.wantSaid("the order goes on") // leader says that this node leads
	})
}

// setBack returns a time of before a clock was set back by some seconds: of it only what the clock said differs.
func setBack(t *testing.T, at time.Time, seconds uint64) time.Time {
	t.Helper()
	before := at
	*(*uint64)(unsafe.Pointer(&before)) += seconds << 30 // where package time keeps the seconds of a time of this process
	if before.Sub(at) != 0 || before.Round(0).Sub(at.Round(0)) != time.Duration(seconds)*time.Second {
		t.Fatalf("package time keeps times otherwise: %v of %v", before, at)
	}
	return before
}

// TestAClockThatIsSetBackLeavesANodeNeitherBlindNorTrusting: until it has come as far again the node would know of no other leader, of no
// halt, and not that the engine is away.
func TestAClockThatIsSetBackLeavesANodeNeitherBlindNorTrusting(t *testing.T) {
	w := newWatched(t)
	began := time.Now().Add(-2 * confirmedMax)
	w.viewed.set(setBack(t, began, 3600))
	w.led.set(setBack(t, began, 3600))
	if !w.isUnconfirmed() || !w.lacksLeader() {
		t.Errorf("nothing was heard for %v: unconfirmed %v, without a leader %v", 2*confirmedMax, w.isUnconfirmed(), w.lacksLeader())
	}
	w.saw(led("b", 7), time.Now())
	if w.view.Leader.Name != "b" || w.isUnconfirmed() {
		t.Errorf("it sees %+v, unconfirmed %v", w.view, w.isUnconfirmed())
	}
}

func TestAClockThatDiffersFromTheLeadersIsToldAndMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t)
		w.see(led("b", 7), time.Minute)
		w.wantSaid("another node leads")
		for _, c := range []struct {
			skew     time.Duration
			says     string
			isSkewed bool
		}{
			{time.Second, "", false}, {-10 * time.Second, "differs from the leader's", false}, {70 * time.Second, "", true}, {-70 * time.Second, "", true}, {0, "is the leader's again", false},
		} {
			w.skew = c.skew
			w.see(led("b", 7), time.Minute)
			offset, known := w.offset()
			if !known || (offset-c.skew).Abs() > sayEvery || w.skewed.Load() != c.isSkewed {
				t.Errorf("%v: offset %v, %v, too much: %v", c.skew, offset, known, w.skewed.Load())
			}
			w.wantSaid(c.says)
		}
		w.skew = time.Hour
		w.see(led("self", 1), time.Minute)
		if offset, known := w.offset(); offset != 0 || !known || w.skewed.Load() {
			t.Errorf("of the leader: %v, %v", offset, known)
		}
	})
}

// hears has a node say what its clock was some time ago, in answer to a question of some time before.
func (w *watched) hears(name string, ago, asked time.Duration) {
	nodes := []cluster.Seen{{Status: cluster.Status{Node: led(name, 7).Leader.Node, Clock: time.Now().Add(-ago).UnixMilli()}}}
	w.roster.hear(nodes, time.Now().Add(-asked))
	w.sawNodes(nodes)
}

// TestWhatWasSaidLongAgoIsNoMeasureOfAClock: a process may have been stopped since.
func TestWhatWasSaidLongAgoIsNoMeasureOfAClock(t *testing.T) {
	for name, hears := range map[string]func(*watched){
		"by a leader that was stopped before this node began": func(w *watched) {
			w.hears("b", 9*time.Second, 0)
			time.Sleep(sayEvery / 2)
			w.hears("b", 17*time.Second/2, 0) // it goes on, with what it was about to say
		},
		"by a leader that is stopped again and again": func(w *watched) {
			for range 5 {
				w.hears("b", 4*time.Second, 0)
				time.Sleep(5 * time.Second)
			}
		},
		"until this node was stopped": func(w *watched) {
			for range 5 {
				w.hears("b", 5*time.Second, 5*time.Second)
				time.Sleep(6 * time.Second)
			}
		},
		"in an answer that comes behind a later one": func(w *watched) {
			w.hears("b", 0, 0)
			time.Sleep(sayEvery)
			w.hears("b", 0, 0)
			time.Sleep(sayEvery)
			w.hears("b", 2*sayEvery, 3*sayEvery/2)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWatched(t)
				w.saw(led("b", 7), time.Now())
				w.wantSaid("another node leads")
				hears(w)
				if offset, known := w.offset(); known {
					t.Errorf("the clock is taken to be %v ahead", offset)
				}
				for range 5 {
					time.Sleep(sayEvery)
					w.hears("b", 0, 0)
				}
				if offset, known := w.offset(); !known || offset.Abs() > sayEvery {
					t.Errorf("the clock is taken to be %v ahead, known: %v", offset, known)
				}
				w.wantSaid("")
			})
		})
	}
}

// clockAhead gives a member a clock of its own.
func clockAhead(ahead time.Duration) func(*Options) {
	return func(o *Options) { o.Now = func() time.Time { return time.Now().Add(ahead) } }
}

func TestANodeWithAnotherClockThanTheLeadersTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine, network := clustertest.NewEngine(1), clustertest.NewNetwork(1)
		a := openMember(t, vfs.NewMem(), engine, network, "a")
		a.waitToLead()
		b := openMember(t, vfs.NewMem(), engine, network, "b", clockAhead(-70*time.Second))
		time.Sleep(5 * sayEvery)
		for m, want := range map[member]meter.Reason{a: "", b: meter.ReasonClockSkew} {
			if err := m.Ready(); meter.ReasonOf(err) != want {
				t.Errorf("node %s is ready: %v", m.shared.self.Name, err)
			}
		}
		if err := b.Register(t.Context(), "M", "Tan", "Road"); meter.ReasonOf(err) != meter.ReasonClockSkew {
			t.Errorf("a registration is answered %v", err)
		}
		for _, m := range []member{a, b} {
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

// threeWithCredentials returns three nodes, and the hashes of an operator's credential and of a household's.
func threeWithCredentials(t *testing.T) (members []member, operator, household [32]byte) {
	t.Helper()
	engine, network := clustertest.NewEngine(1), clustertest.NewNetwork(1)
	for _, name := range []string{"a", "b", "c"} {
		members = append(members, openMember(t, vfs.NewMem(), engine, network, name))
		members[0].waitToLead()
	}
	if err := members[0].Register(t.Context(), "M", "Tan", "Road"); err != nil {
		t.Fatal(err)
	}
	operator, household = [32]byte{1}, [32]byte{2}
	for _, c := range []meter.Credential{
		{ID: "aaaaaaaaaaaaaaaa", Role: meter.RoleOperator, SHA256: operator, Scope: meter.Scope{IsAll: true}},
		{ID: "bbbbbbbbbbbbbbbb", Role: meter.RoleHousehold, SHA256: household, Scope: meter.Scope{Meters: []meter.ID{"M"}}},
	} {
		if err := members[0].Issue(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range members {
		if err := m.Confirm(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return members, operator, household
}

func TestACredentialThatWasRevokedIsBelievedByNoNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		members, _, household := threeWithCredentials(t)
		a, b, c := members[0], members[1], members[2]
		c.engine.Set(clustertest.Faults{Link: clustertest.Drops})
		if err := a.Revoke(context.Background(), "bbbbbbbbbbbbbbbb", ""); err != nil {
			t.Fatal(err)
		}
		for _, m := range []member{a, b} {
			if found, known := m.Credential(t.Context(), household); !known || found.RevokedAt.IsZero() {
				t.Errorf("node %s has %+v, %v", m.shared.self.Name, found, known)
			}
		}
		if found, known := c.Credential(t.Context(), household); known {
			t.Errorf("the node that is cut off still believes it: %+v", found)
		}
		c.engine.Set(clustertest.Faults{})
		for _, m := range members {
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestANodeThatIsCutOffBelievesOperatorsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		members, operator, household := threeWithCredentials(t)
		b := members[1]
		isKnown := func(sum [32]byte) bool {
			_, known := b.Credential(t.Context(), sum)
			return known
		}
		b.engine.Set(clustertest.Faults{Link: clustertest.Drops})
		time.Sleep(confirmedMax - lookEvery)
		if !isKnown(operator) || !isKnown(household) {
			t.Error("for a moment it knows of none")
		}
		time.Sleep(2 * lookEvery)
		if !isKnown(operator) || isKnown(household) {
			t.Errorf("an operator %v, a household %v", isKnown(operator), isKnown(household))
		}
		if err := b.Ready(); meter.ReasonOf(err) != meter.ReasonNoQuorum {
			t.Errorf("it is ready: %v", err)
		}
		began := time.Now()
		if err := b.Register(t.Context(), "M2", "Tan", "Road"); meter.ReasonOf(err) != meter.ReasonNoQuorum || time.Since(began) > 0 {
			t.Errorf("a registration is answered %v after %v", err, time.Since(began))
		}
		b.engine.Set(clustertest.Faults{})
		time.Sleep(2 * confirmedMax)
		if err := b.Ready(); err != nil || !isKnown(household) {
			t.Errorf("once it is connected again: %v, a household %v", err, isKnown(household))
		}
		for _, m := range members {
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestABalancerIsToldOfANodeThatLiesBehindAndOfNodesWithoutALeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		members, _, _ := threeWithCredentials(t)
		a, b := members[0], members[1]
		wantReady := func(when string, m member, want error) {
			t.Helper()
			if err := m.Ready(); err != want {
				t.Errorf("%s, node %s is ready: %v, want %v", when, m.shared.self.Name, err, want)
			}
		}
		b.engine.Set(clustertest.Faults{Stalled: true})
		if err := a.Register(t.Context(), "M2", "Tan", "Road"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(lookEvery)
		wantReady("for a moment behind", b, nil)
		time.Sleep(lagMax + lookEvery)
		wantReady("behind", a, nil)
		wantReady("behind", b, errLagging)
		b.engine.Set(clustertest.Faults{})
		time.Sleep(2 * lookEvery)
		wantReady("up to the others again", b, nil)

		if err := a.engine.Halt(t.Context(), a.shared.tail.copied.load()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(leaderlessMax - lookEvery)
		wantReady("for a moment without a leader", a, nil)
		time.Sleep(2 * lookEvery)
		for _, m := range members {
			wantReady("without a leader", m, errUnled)
			if s := m.Cluster(); s.Leader.Term != 0 || s.Halted != a.shared.tail.copied.load() || len(s.Nodes) != 3 || s.Copies != 3 || !s.Confirmed {
				t.Errorf("it stands so: %+v", s)
			}
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

// scarceFS is a file system with little room.
type scarceFS struct{ vfs.FS }

func (scarceFS) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{AvailBytes: 1 << 20, TotalBytes: 1 << 30}, nil
}

func TestAFullDiskIsMeasuredThoughTheDisksOfOthersHaveRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine, network := clustertest.NewEngine(1), clustertest.NewNetwork(1)
		set := metric.NewSet()
		m := openMember(t, scarceFS{vfs.NewMem()}, engine, network, "a", func(o *Options) { o.Metrics, o.DiskFreeMin = set, 2<<20 })
		m.shared.crowded.Store(false)
		var text bytes.Buffer
		set.Write(&text)
		if want := "meterledger_accepting{reason=\"disk_full\"} 0"; !strings.Contains(text.String(), want) || !strings.Contains(text.String(), "meterledger_accepting{reason=\"no_quorum\"} 1") {
			t.Errorf("there is no %s in %s", want, &text)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
}
