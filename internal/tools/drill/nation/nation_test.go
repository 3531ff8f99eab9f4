package nation

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// TestMain also stands in for an api: the test binary is linked under that name.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "api" {
		os.Exit(faultyAPI(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// The faults that flags give the api.
const (
	refuses = "-refuses" // the first reading of each body
	loses   = "-loses"   // a reading before the month is closed
)

// faultyAPI takes everything, but for its faults, and keeps only how many rows there were.
func faultyAPI(faults []string) int {
	var rows atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /import_accounts", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"accepted":%d}`, lines(r))
	})
	mux.HandleFunc("POST /receive_meter_readings", func(w http.ResponseWriter, r *http.Request) {
		n := lines(r)
		rows.Add(n)
		if slices.Contains(faults, refuses) {
			fmt.Fprintf(w, `{"accepted":%d,"rejected":1,"errors":[{"row":1,"code":"reading_conflict","detail":"no"}]}`, n-1)
			return
		}
		fmt.Fprintf(w, `{"accepted":%d}`, n)
	})
	mux.HandleFunc("POST /maintenance/start", func(w http.ResponseWriter, _ *http.Request) {
		n := rows.Load()
		if slices.Contains(faults, loses) {
			n--
		}
		fmt.Fprintf(w, `{"archives":[{"rows":%d,"file":"nowhere"}]}`, n)
	})
	server := httptest.NewServer(mux)
	fmt.Printf("listening addr=%s\n", strings.TrimPrefix(server.URL, "http://"))
	select {} // until it is killed
}

// lines counts those of a body, without the header.
func lines(r *http.Request) int64 {
	body, _ := io.ReadAll(r.Body)
	return int64(bytes.Count(body, []byte("\n"))) - 1
}

func TestWhatAnAPIRefusesOrLosesIsSaid(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if err := os.Symlink(self, filepath.Join(bin, "api")); err != nil {
		t.Fatal(err)
	}
	for fault, want := range map[string]string{refuses: "sending readings: 95 of a body of 96 were taken", loses: "Rows:287", "": "nowhere: no such file"} {
		dir := t.TempDir()
		var out bytes.Buffer
		err := Run(t.Context(), []string{"-bin", bin, "-dir", dir, "-meters", "3", "-days", "2", "-rows", "100", "-api-args", fault}, &out, io.Discard)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), filepath.Join(dir, "nation.log")) {
			t.Errorf("%s: the error is %v, want %q\n%s", fault, err, want, out.String())
		}
		if fault == refuses && !strings.Contains(out.String(), "with reading_conflict, such as: no") {
			t.Errorf("it is not said why:\n%s", out.String())
		}
	}
}

func TestSettingsThatMakeNoSenseAreRefused(t *testing.T) {
	for _, args := range [][]string{
		{"-meters", "0"}, {"-meters", "10000001"}, {"-days", "0"}, {"-rows", "0"}, {"-connections", "0"}, {"-rows", "many"}, {"now"},
	} {
		if _, err := parse(args, io.Discard); err == nil {
			t.Errorf("%q was taken", args)
		}
	}
}
