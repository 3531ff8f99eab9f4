package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meterledger/api"
	"meterledger/internal/tools/suite/programs"
)

// startDaily starts a daily that knows all nodes, and does nothing unasked.
func (n *nodes) startDaily() *programs.Program {
	n.t.Helper()
	var urls []string
	for _, p := range n.apis {
		urls = append(urls, p.URL)
	}
	daily, err := programs.StartProgram(n.t.Context(), programs.Config{
		BinDir: binaries, Env: append(n.env(0), "API_URL="+strings.Join(urls, ",")), Out: n.t.Output(),
	}, programs.Daily)
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() {
		if err := daily.Kill(); err != nil {
			n.t.Error(err)
		}
	})
	return daily
}

// take sends rows of CSV to one node, and wants all of them to be taken.
func (n *nodes) take(node int, path, header string, rows []string) {
	n.t.Helper()
	n.suite.Suite = &programs.Suite{API: n.apis[node]}
	var answer struct{ Accepted int }
	n.post(path, "text/csv", []byte(header+"\n"+strings.Join(rows, "\n")+"\n"), &answer)
	if answer.Accepted != len(rows) {
		n.t.Fatalf("of %d rows %d were taken by %s", len(rows), answer.Accepted, path)
	}
}

// get asks a node, and reports whether it is answered 200. Nodes may be away, or know of no leader.
func (n *nodes) get(node int, path string, answer any) bool {
	n.t.Helper()
	got, err := n.client.Get(n.apis[node].URL + path)
	if err != nil {
		return false
	}
	defer got.Body.Close()
	content, err := io.ReadAll(got.Body)
	if err != nil || got.StatusCode != http.StatusOK {
		return false
	}
	if err := json.Unmarshal(content, answer); err != nil {
		n.t.Fatalf("%v in %s", err, content)
	}
	return true
}

// leader returns which node leads, as one of those that run says.
func (n *nodes) leader() (leads int) {
	for {
		for node := range n.apis {
			var of api.Standing
			if n.apis[node].Runs() && n.get(node, "/cluster", &of) && of.Cluster.IsLeader {
				return node
			}
		}
	}
}

// killDuring kills the node that leads once a run is under way or has ended, and returns which one that was.
func (n *nodes) killDuring(ended <-chan struct{}) (killed int) {
	n.t.Helper()
	killed = n.leader()
	other, inTheMiddle := (killed+1)%len(n.apis), false
	for !inTheMiddle {
		var status api.MaintenanceStatus
		inTheMiddle = n.get(other, "/maintenance/status", &status) && status.Running != nil && status.Running.Rows > 0
		select {
		case <-ended:
			inTheMiddle = true
		default:
		}
	}
	if err := n.apis[killed].Kill(); err != nil {
		n.t.Fatal(err)
	}
	n.t.Logf("node %d was killed", killed)
	return killed
}

// wantFile wants the archive of a day to be its rows, in the order of the file.
func (n *nodes) wantFile(day string, rows []string) {
	n.t.Helper()
	text, err := os.ReadFile(filepath.Join(n.folder, "Archive", "daily_"+day+".csv"))
	want := readingsHeader + "\n" + strings.Join(rows, "\n") + "\n"
	if err != nil || !bytes.Equal(text, []byte(want)) {
		n.t.Errorf("the file of %s has %d bytes, want %d of %d rows, %v", day, len(text), len(want), len(rows), err)
	}
}

const readingsHeader = "meter_id,timestamp,reading"

// TestDailyEndsADayAtTheNextLeader on real nodes, whose leader is killed in the middle, twice.
func TestDailyEndsADayAtTheNextLeader(t *testing.T) {
	n := startNodes(t, 3)
	const meters = 1500
	yesterday := time.Now().In(n.zone.Location()).AddDate(0, 0, -1).Format(time.DateOnly)
	before := time.Now().In(n.zone.Location()).AddDate(0, 0, -2).Format(time.DateOnly)
	var accounts, first, rows []string
	for m := range meters {
		id := fmt.Sprintf("m%04d", m)
		accounts = append(accounts, "Ada,1 Road,"+id)
		first = append(first, fmt.Sprintf("%s,%sT23:30:00,%d.25", id, before, m))
		for half := range 48 {
			rows = append(rows, fmt.Sprintf("%s,%sT%02d:%02d:00,%d", id, yesterday, half/2, half%2*30, m+half+1))
		}
	}
	n.take(1, "/import_accounts", "owner_name,address,meter_id", accounts)
	n.take(2, "/receive_meter_readings", readingsHeader, first)
	n.take(1, "/receive_meter_readings", readingsHeader, rows)

	var run api.MaintenanceResult
	n.call(http.MethodPost, n.apis[(n.leader()+1)%3].URL, "/maintenance/start", url.Values{"maintenance_type": {"daily"}, "date": {before}}, http.StatusOK, &run)
	if n.wantFile(before, first); len(run.Archives) != 1 || run.Archives[0].Rows != meters {
		t.Errorf("a node that does not lead says that these were archived: %+v", run.Archives)
	}

	daily := n.startDaily()
	for round := range 2 {
		ended := make(chan struct{})
		var answer *http.Response
		var err error
		go func() {
			defer close(ended)
			answer, err = n.client.Post(daily.URL+"/perform_daily_maintenance?date="+yesterday, "", nil)
		}()
		killed := n.killDuring(ended)
		if <-ended; err != nil {
			t.Fatal(err)
		}
		var done api.PerformResult
		err = json.NewDecoder(answer.Body).Decode(&done)
		if answer.Body.Close(); err != nil || !strings.HasSuffix(done.ArchivePath, "daily_"+yesterday+".csv") {
			t.Errorf("daily says %s: %+v, %v", answer.Status, done, err)
		}
		n.wantFile(yesterday, rows)
		if err := n.apis[killed].Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		for node := range n.apis {
			var status api.MaintenanceStatus
			for !n.get(node, "/maintenance/status", &status) { // while no node leads
			}
			if of := status.Archives; len(of) != 2 || of[1].Period != yesterday || of[1].Rows != uint64(len(rows)) || of[1].State != "good" || len(status.Due) > 0 {
				t.Errorf("round %d: node %d knows %+v, and that these are due: %+v", round, node, of, status.Due)
			}
			if last := status.LastRuns[api.Daily]; last == nil || !last.Success || last.Period != yesterday {
				t.Errorf("round %d: node %d says that the last run was %+v", round, node, last)
			}
		}
	}
	var status api.ProgramStatus
	n.call(http.MethodGet, daily.URL, "/status", nil, http.StatusOK, &status)
	for _, run := range status.LastRuns {
		t.Logf("%+v", run)
	}
	if len(status.LastRuns) != 2 || len(status.Outstanding) > 0 {
		t.Errorf("daily says %+v", status)
	}
}
