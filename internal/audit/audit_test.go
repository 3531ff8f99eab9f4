package audit_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/google/go-cmp/cmp"

	"meterledger/api"
	"meterledger/internal/audit"
	"meterledger/internal/durable"
	"meterledger/internal/faulttest"
	"meterledger/internal/meter"
)

// clock is the present of a test.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) set(t *testing.T, stamp string) {
	t.Helper()
	now, err := time.Parse(time.RFC3339, stamp)
	if err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
}

func options(t testing.TB, fs vfs.FS) (audit.Options, *clock) {
	t.Helper()
	zone, err := meter.LoadZone("Asia/Singapore")
	if err != nil {
		t.Fatal(err)
	}
	c := &clock{now: time.Date(2026, time.November, 23, 2, 10, 0, 0, time.UTC)}
	return audit.Options{FS: fs, Folder: "data/audit", Zone: zone, Now: c.Now, Log: slog.New(slog.DiscardHandler)}, c
}

func line(id string) api.AuditLine {
	return api.AuditLine{RequestID: id, Role: "operator", Address: "192.0.2.7", What: "POST /shutdown", Parameters: []api.AuditParameter{}, Outcome: api.AuditBegun, Count: 1}
}

// open returns a log that is closed with the test.
func open(t testing.TB, o audit.Options) *audit.Log {
	t.Helper()
	l := audit.Open(o)
	t.Cleanup(func() {
		if err := l.Close(); err != nil && !errors.Is(err, errorfs.ErrInjected) && !durable.IsFull(err) {
			t.Error(err)
		}
	})
	return l
}

// told returns the request ids and outcomes that a log has, the newest first.
func told(t testing.TB, l *audit.Log, q audit.Query) (ids []string) {
	t.Helper()
	for q.Max = max(q.Max, 3); ; {
		lines, next, err := l.Page(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range lines {
			ids = append(ids, strings.TrimSpace(fmt.Sprintf("%s %s", line.RequestID, line.Outcome)))
		}
		if next == nil {
			return ids
		}
		q.Before = *next
	}
}

func begin(t testing.TB, l *audit.Log, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if err := l.Begin(line(id)); err != nil {
			t.Fatal(err)
		}
	}
}

func want(t testing.TB, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestAChangeThatBeganSurvivesAPowerCut(t *testing.T) {
	disk := vfs.NewCrashableMem()
	o, _ := options(t, disk)
	l := open(t, o)
	begin(t, l, "a", "b")
	after := faulttest.PowerCut(disk)
	o.FS = after
	want(t, told(t, open(t, o), audit.Query{}), "b begun", "a begun")
}

func TestACrashAtAnyStepLosesNoLineThatWasAnswered(t *testing.T) {
	disk := vfs.NewCrashableMem()
	o, now := options(t, nil)
	type state struct {
		disk     *vfs.MemFS
		answered []string
	}
	var mu sync.Mutex
	var states []state
	var answered []string
	o.FS = faulttest.Watch(disk, func(op errorfs.Op) error {
		if faulttest.Changes(op) {
			mu.Lock()
			defer mu.Unlock()
			for percent := 0; percent <= 100; percent += 50 {
				states = append(states, state{faulttest.Torn(disk, percent, uint64(len(states))), answered})
			}
		}
		return nil
	})
	l := open(t, o)
	for i, stamp := range []string{"2026-11-23T10:00:00+08:00", "2026-11-23T10:00:00+08:00", "2026-11-30T23:59:59+08:00", "2026-12-01T00:00:00+08:00", "2026-12-01T00:00:00+08:00"} {
		now.set(t, stamp)
		id := fmt.Sprint(i)
		begin(t, l, id)
		mu.Lock()
		answered = append(answered[:len(answered):len(answered)], id+" begun")
		mu.Unlock()
		l.End(line(id))
	}
	mu.Lock()
	seen := states // the last line may still be on its way
	mu.Unlock()
	for _, s := range seen {
		o.FS = s.disk
		after := audit.Open(o)
		begin(t, after, "after")
		got := told(t, after, audit.Query{})
		if got[0] != "after begun" {
			t.Errorf("the line after a crash is not the newest: %q", got)
		}
		for _, line := range s.answered {
			if !strings.Contains(strings.Join(got, "\n"), line) {
				t.Fatalf("after a crash %s is missing in %q", line, got)
			}
		}
		if err := after.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestATornLineIsKeptAndToldApart(t *testing.T) {
	disk := vfs.NewMem()
	o, _ := options(t, disk)
	first := audit.Open(o)
	begin(t, first, "a")
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	const file = "data/audit/2026-11.jsonl"
	content, err := faulttest.Content(disk, file)
	if err != nil {
		t.Fatal(err)
	}
	if err := faulttest.Put(disk, file, append(content, content[:40]...)); err != nil {
		t.Fatal(err)
	}
	l := open(t, o)
	lines, _, err := l.Page(t.Context(), audit.Query{Max: 10})
	if err != nil || len(lines) != 2 || lines[0].Outcome != api.AuditTorn || lines[0].Time != nil || lines[0].What != string(content[:40]) {
		t.Errorf("got %+v, %v", lines, err)
	}
	begin(t, l, "b")
	want(t, told(t, l, audit.Query{}), "b begun", "torn", "a begun")
	audit.Verify(disk, "data/audit", func(f audit.Finding, err error) {
		if err != nil || f.Lines != 3 || f.Torn != 1 || f.Month.String() != "2026-11" {
			t.Errorf("found %+v, %v", f, err)
		}
	})
	if err := l.CopyTo("backup/one/data"); err != nil {
		t.Fatal(err)
	}
	begin(t, l, "c")
	o.Folder = "backup/one/data/audit"
	want(t, told(t, open(t, o), audit.Query{}), "b begun", "torn", "a begun")
}

func TestNoChangeBeginsThatCannotBeWritten(t *testing.T) {
	for name, tt := range map[string]struct {
		err  error
		code meter.Code
	}{"full": {syscall.ENOSPC, meter.CodeDiskFull}, "quota": {syscall.EDQUOT, meter.CodeDiskFull}, "broken": {errorfs.ErrInjected, meter.CodeInternal}} {
		t.Run(name, func(t *testing.T) {
			for nth := 1; ; nth++ {
				disk := vfs.NewCrashableMem()
				o, _ := options(t, nil)
				left, failed := nth, false
				var mu sync.Mutex
				o.FS = faulttest.Watch(disk, func(op errorfs.Op) error {
					mu.Lock()
					defer mu.Unlock()
					if !faulttest.Changes(op) {
						return nil
					}
					if left--; left != 0 {
						return nil
					}
					failed = true
					return tt.err
				})
				l := open(t, o)
				err := l.Begin(line("a"))
				if !failed {
					if nth < 4 || err != nil {
						t.Errorf("it took %d steps to write a line: %v", nth-1, err)
					}
					return
				}
				if err == nil || meter.CodeOf(err) != tt.code {
					t.Errorf("step %d failed, the change is answered %v", nth, err)
				}
				begin(t, l, "b") // the disk is well again
				if got := told(t, l, audit.Query{}); got[0] != "b begun" {
					t.Errorf("step %d failed, the log has %q", nth, got)
				}
			}
		})
	}
}

// smallDisk is a disk of which so much is free.
type smallDisk struct {
	vfs.FS
	free uint64
}

func (d *smallDisk) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{AvailBytes: d.free}, nil
}

func TestOnAFullDiskRefusalsAreCountedAndThenNoChangeBegins(t *testing.T) {
	disk := &smallDisk{vfs.NewMem(), 4000}
	o, _ := options(t, disk)
	o.FreeMin = 4000
	l := audit.Open(o)
	begin(t, l, "a")
	l.Refused(line("counted"))
	l.Refused(line("counted"))
	want(t, told(t, l, audit.Query{}), "a begun")
	disk.free = 999
	if err := l.Begin(line("b")); meter.CodeOf(err) != meter.CodeDiskFull {
		t.Errorf("a change begins: %v", err)
	}
	disk.free = 1 << 20
	begin(t, l, "c")
	l.Refused(line("told"))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, o)
	lines, _, err := again.Page(t.Context(), audit.Query{Max: 1})
	if err != nil || len(lines) != 1 || lines[0].Count != 2 || lines[0].RequestID != "counted" {
		t.Errorf("the newest is %+v, %v", lines, err)
	}
	want(t, told(t, again, audit.Query{}), "counted begun", "told begun", "c begun", "a begun")
}

func TestAChangeDoesNotWaitForADiskThatDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk, stuck := vfs.NewMem(), make(chan struct{})
		o, _ := options(t, nil)
		o.Slow = 2 * time.Second
		o.FS = faulttest.Watch(disk, func(op errorfs.Op) error {
			if op.Kind == errorfs.OpFileSync && strings.HasSuffix(op.Path, "jsonl") {
				<-stuck
			}
			return nil
		})
		l := audit.Open(o)
		for _, id := range []string{"in the writer's hands", "behind it"} {
			if err := l.Begin(line(id)); meter.CodeOf(err) != meter.CodeDiskSlow {
				t.Errorf("%s: %v", id, err)
			}
		}
		close(stuck)
		want(t, told(t, l, audit.Query{}), "in the writer's hands refused", "in the writer's hands begun")
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestRefusalsBeyondAHundredAMinuteFromOneAddressAreOneLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, _ := options(t, vfs.NewMem())
		l := audit.Open(o)
		refuse := func(address string, times int) {
			for range times {
				refused := line("r")
				refused.Address = address
				l.Refused(refused)
			}
		}
		refuse("192.0.2.7", 1100)
		refuse("192.0.2.8", 100)
		for i := range 150 { // one network of IPv6
			refuse(fmt.Sprintf("2001:db8::%x", i), 1)
		}
		counts := func() (lines int, counted []int) {
			page, next, err := l.Page(t.Context(), audit.Query{Max: 1000})
			if err != nil || next != nil {
				t.Fatal(next, err)
			}
			for _, line := range page {
				if line.Count == 1 {
					lines++
				} else {
					counted = append(counted, line.Count)
				}
			}
			return lines, counted
		}
		if lines, counted := counts(); lines != 300 || counted != nil {
			t.Errorf("%d lines, %v counted", lines, counted)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		lines, counted := counts()
		if lines != 300 || len(counted) != 2 || counted[0]+counted[1] != 1050 {
			t.Errorf("after a minute %d lines, %v counted", lines, counted)
		}
		refuse("192.0.2.7", 1)
		if lines, _ := counts(); lines != 301 {
			t.Errorf("in the next minute %d lines", lines)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestAddressesWithoutNumberFillNoDisk(t *testing.T) {
	o, _ := options(t, vfs.NewMem())
	l := audit.Open(o)
	const requests = 25_000
	for i := range requests {
		refused := line("r")
		refused.Address = fmt.Sprintf("10.0.%d.%d", i>>8, i&255)
		l.Refused(refused)
		if i%1000 == 0 {
			_, _, _ = l.Page(t.Context(), audit.Query{Max: 1}) // the disk keeps up
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	sum, lines := 0, 0
	for q := (audit.Query{Max: 25_000}); ; {
		page, next, err := open(t, o).Page(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range page {
			sum, lines = sum+line.Count, lines+1
		}
		if next == nil {
			break
		}
		q.Before = *next
	}
	if sum != requests || lines != 10_001 {
		t.Errorf("%d lines tell of %d requests", lines, sum)
	}
}

func TestPagesGoBackThroughMonthsAndTimes(t *testing.T) {
	o, now := options(t, vfs.NewMem())
	l := open(t, o)
	var all []string
	for i := range 40 {
		at := time.Date(2026, time.October, 30, 0, 0, 0, 0, o.Zone.Location()).Add(time.Duration(i) * 3 * time.Hour)
		now.set(t, at.Format(time.RFC3339))
		id := fmt.Sprintf("%s-%s", at.Format("02T15"), strings.Repeat("x", i*97%5000))
		begin(t, l, id)
		all = append([]string{id + " begun"}, all...)
	}
	want(t, told(t, l, audit.Query{}), all...)
	want(t, told(t, l, audit.Query{Max: 1}), all...)
	from := time.Date(2026, time.October, 31, 21, 0, 0, 0, o.Zone.Location())
	want(t, told(t, l, audit.Query{From: from, To: from.Add(6 * time.Hour)}), all[40-18:40-15]...)
	want(t, told(t, l, audit.Query{To: from}), all[40-16:]...)
}

func TestALineIsJSONWithItsTimeAndOffset(t *testing.T) {
	disk := vfs.NewMem()
	o, _ := options(t, disk)
	begin(t, open(t, o), "a\n\"b")
	content, err := faulttest.Content(disk, "data/audit/2026-11.jsonl")
	if err != nil || strings.Count(string(content), "\n") != 1 {
		t.Fatalf("%q, %v", content, err)
	}
	var got api.AuditLine
	if err := json.Unmarshal(content, &got); err != nil || got.RequestID != "a\n\"b" || *got.Time != "2026-11-23T10:10:00+08:00" {
		t.Errorf("got %+v, %v", got, err)
	}
}
