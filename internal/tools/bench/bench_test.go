package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dsnet/try"

	"meterledger/internal/etcdtest"
)

// binaries is the folder of the programs and the floor, built once for all tests.
var binaries string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	folder, err := os.MkdirTemp("", "bench")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	if out, err := exec.Command("go", "build", "-ldflags=-s -w", "-o", folder, "meterledger/cmd/...", "meterledger/internal/tools/bench/floor").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the programs: %v\n%s", err, out)
		return 1
	}
	binaries = folder
	return m.Run()
}

// measure runs the tool in its quick form, and returns the table and what stands in
// its JSON.
func measure(t *testing.T, args ...string) (table string, told report) {
	t.Helper()
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	parent := t.TempDir()
	if err := os.Chmod(filepath.Dir(parent), 0o755); err != nil { // so that PostgreSQL gets in, which root runs as another user
		t.Fatal(err)
	}
	t.Chdir(parent)
	const dir = "bench" // relative, as the default is
	var out bytes.Buffer
	args = append([]string{"-quick", "-bin", binaries, "-tools", binaries, "-root", root, "-dir", dir}, args...)
	if err := run(t.Context(), args, &out, t.Output()); err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "programs.log"))
		t.Fatalf("%v\n%s", err, log)
	}
	b, err := os.ReadFile(filepath.Join(dir, "bench.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &told); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "scratch")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what the benchmark wrote is still there: %v", err)
	}
	return out.String(), told
}

func TestEveryRowIsMeasured(t *testing.T) {
	table, told := measure(t)
	wantRows(t, rows, table, told)
	if !told.Quick || !strings.Contains(table, "the figures mean nothing") {
		t.Errorf("the quick form passes for the whole:\n%s", table)
	}
}

func TestEveryRowOfNodesIsMeasured(t *testing.T) {
	etcd := filepath.Join(binaries, "etcd")
	if err := os.Symlink(etcdtest.Tool(t, "etcd"), etcd); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(etcd)
	ofNodes := slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return !strings.HasPrefix(r.name, "cluster-") })
	var names []string
	for _, r := range ofNodes {
		names = append(names, r.name)
	}
	table, told := measure(t, "-only", strings.Join(names, ","))
	wantRows(t, ofNodes, table, told)
}

// wantRows wants rows to be measured, or to say why they were skipped.
func wantRows(t *testing.T, rows []row, table string, told report) {
	t.Helper()
	for _, r := range rows {
		found := false
		for _, l := range told.Lines {
			if l.Row != r.name {
				continue
			}
			found = true
			if strings.HasPrefix(l.Note, "skipped: ") {
				t.Log(l.What, l.Note)
				continue
			}
			if l.Ours == nil || l.Ours.Value <= 0 || math.IsInf(l.Ours.Value, 0) {
				t.Errorf("%s: ours is %+v", l.What, l.Ours)
			}
			if l.Floor != nil && (l.Floor.Value <= 0 || l.Ratio == nil) {
				t.Errorf("%s: the floor is %+v, the ratio %v", l.What, l.Floor, l.Ratio)
			}
			if l.Aim == "" || l.Met == nil {
				t.Errorf("%s has no aim, or it is not said whether it is met", l.What)
			}
			if !strings.Contains(table, l.What) {
				t.Errorf("%s is not in the table:\n%s", l.What, table)
			}
		}
		if !found {
			t.Errorf("%s has no line", r.name)
		}
	}
}

func TestOnlyTheChosenRowsAreMeasured(t *testing.T) {
	_, told := measure(t, "-only", "burst,bulk")
	var got []string
	for _, l := range told.Lines {
		got = append(got, l.Row)
	}
	if !slices.Equal(got, []string{"burst", "bulk", "bulk", "bulk", "bulk"}) {
		t.Errorf("measured %v", got)
	}
	_, err := parseSettings([]string{"-only", "burst,speed"}, t.Output())
	if err == nil || !strings.Contains(err.Error(), `there is no row "speed"`) {
		t.Errorf("the error is %v", err)
	}
}

func TestRowsOfAClusterAreSkippedWithoutAnEtcd(t *testing.T) {
	b := &bench{settings: settings{tools: t.TempDir()}}
	lines := withCluster("posts", nil)(b)
	if len(lines) != 1 || lines[0].Ours != nil || !strings.HasPrefix(lines[0].Note, "skipped: ") || !strings.Contains(lines[0].Note, "make etcd") {
		t.Errorf("the lines are %+v", lines)
	}
}

func TestProgramThatDoesNotStartEndsTheRunAndIsNamed(t *testing.T) {
	dir := t.TempDir()
	err := run(t.Context(), []string{"-quick", "-bin", dir, "-dir", dir, "-only", "burst"}, t.Output(), t.Output())
	if err == nil || !strings.Contains(err.Error(), "measuring burst: starting api") {
		t.Errorf("the error is %v", err)
	}
}

// newTestLoad is three connections to a server.
func newTestLoad(t *testing.T, s *httptest.Server) (l *load, end func()) {
	b := &bench{ctx: t.Context(), sizes: fullSizes}
	l = b.newLoad(&server{b: b, pids: []int{os.Getpid()}, host: s.Listener.Addr().String()}, 3, func(b []byte) []byte {
		return append(b, "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"...)
	})
	return l, func() {
		for _, end := range b.ends {
			_ = end() // a connection that failed is closed already
		}
	}
}

// failing returns the error with which do ends.
func failing[T any](do func() T) (got T, err error) {
	defer try.Handle(&err)
	return do(), nil
}

func TestAnswerThatIsNoSuccessEndsTheLoad(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	l, end := newTestLoad(t, s)
	defer end()
	if _, err := failing(func() throughput { return l.run(answerTimeMax) }); err == nil || !strings.Contains(err.Error(), "was answered 404") {
		t.Errorf("the error is %v", err)
	}
}

func TestStoppedLoadEndsEvenWhereItHadNotBegun(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer s.Close()
	l, end := newTestLoad(t, s)
	defer end()
	l.stop()
	if got, err := failing(func() throughput { return l.run(answerTimeMax) }); err != nil || got.Count != 3 {
		t.Errorf("%d requests of 3 connections, %v", got.Count, err)
	}
	if got, err := failing(func() throughput { return l.run(0) }); err != nil || got.Count < 3 {
		t.Errorf("the next run made %d requests, %v", got.Count, err)
	}
}

func TestFloorAndOursTakeTurnsInGoingFirst(t *testing.T) {
	order := ""
	next := 1.0
	one := func(name string) func() float64 {
		return func() float64 {
			order += name
			next *= 2
			return next
		}
	}
	p := inTurn(3, one("f"), one("o"))
	if order != "fooffo" {
		t.Errorf("the order is %s", order)
	}
	// Ours to the floor: 4 to 2, 8 to 16, 64 to 32.
	if ratio := p.ratio(); ratio != 2 {
		t.Errorf("the ratio is %v, want 2", ratio)
	}
	failure := errors.New("no")
	_, err := failing(func() pairs { return inTurn(2, one("f"), func() float64 { try.E(failure); return 0 }) })
	if !errors.Is(err, failure) {
		t.Errorf("the error is %v", err)
	}
}

func TestAimsAreMetOrNot(t *testing.T) {
	for _, c := range []struct {
		aim    aim
		value  float64
		ratio  float64
		met    bool
		spells string
	}{
		{ratioAtLeast(0.9), 0, 0.9, true, "ratio ≥ 0.900"},
		{ratioAtLeast(0.9), 0, 0.899, false, "ratio ≥ 0.900"},
		{ratioAtMost(1.3), 0, 1.3, true, "ratio ≤ 1.30"},
		{ratioAtMost(1.3), 0, 1.31, false, "ratio ≤ 1.30"},
		{atLeast(3e6, "rows/s"), 3e6, 0, true, "≥ 3,000,000 rows/s"},
		{atLeast(3e6, "rows/s"), 2.9e6, 0, false, "≥ 3,000,000 rows/s"},
		{atMost(3, "B"), 2.9, 0, true, "≤ 3.00 B"},
		{atMost(3, "B"), 3.1, 0, false, "≤ 3.00 B"},
		{ratioAtLeast(0.5).or("x", func(l line) bool { return l.Ours.Value > 7 }), 8, 0.1, true, "ratio ≥ 0.500 or x"},
		{ratioAtLeast(0.5).or("x", func(l line) bool { return l.Ours.Value > 7 }), 6, 0.1, false, "ratio ≥ 0.500 or x"},
	} {
		l := line{Ours: &figure{Value: c.value}, Ratio: &c.ratio, aim: c.aim}
		l.judge()
		if *l.Met != c.met || l.Aim != c.spells {
			t.Errorf("%v, ratio %v: %q is met: %v, want %q: %v", c.value, c.ratio, l.Aim, *l.Met, c.spells, c.met)
		}
	}
	unmeasured := line{aim: ratioAtLeast(1)}
	if unmeasured.judge(); unmeasured.Met != nil {
		t.Error("what was not measured is judged")
	}
}

func TestNumbersAreWrittenInThreeDigitsOrMore(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 0.01234: "0.0123", 0.9: "0.900", 1.234: "1.23", 12.34: "12.3", 999.6: "1,000",
		1234: "1,234", 1234567.8: "1,234,568", 999: "999",
	} {
		if got := number(v); got != want {
			t.Errorf("%v is written %s, want %s", v, got, want)
		}
	}
}

func TestTableIsAligned(t *testing.T) {
	var out bytes.Buffer
	printTable(&out, [][]string{{"WHAT", "FLOOR", "OURS", "RATIO", "AIM", "MET"}, {"é", "10 µs", "1", "0.1", "≥ 1", "no"}, {"longer", "1", "100 B", "", "", ""}})
	want := "WHAT    FLOOR   OURS  RATIO  AIM  MET\n" +
		"é       10 µs      1    0.1  ≥ 1  no\n" +
		"longer      1  100 B\n"
	if out.String() != want {
		t.Errorf("the table is\n%swant\n%s", out.String(), want)
	}
}

func TestHelpListsEveryRow(t *testing.T) {
	var help bytes.Buffer
	if _, err := parseSettings([]string{"-h"}, &help); err == nil {
		t.Error("-h is no setting")
	}
	for _, r := range rows {
		if !strings.Contains(help.String(), "\n  "+r.name+" ") {
			t.Errorf("%s is not in the help:\n%s", r.name, help.String())
		}
	}
}
