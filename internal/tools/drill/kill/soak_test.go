package kill

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"meterledger/internal/tools/witness"
)

// TestMain also stands in for an api: the test binary is linked under that name.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "api" {
		os.Exit(forgetfulAPI())
	}
	os.Exit(m.Run())
}

// forgetfulAPI says yes to everything and keeps nothing.
func forgetfulAPI() int {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /maintenance/status", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"is_receiving_data":true}`)
	})
	mux.HandleFunc("POST /", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{}`) })
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, `{"code":"meter_not_found","detail":"forgotten"}`)
	})
	server := httptest.NewServer(mux)
	fmt.Printf("listening addr=%s\n", strings.TrimPrefix(server.URL, "http://"))
	select {} // until it is killed
}

func TestAnAPIThatForgetsIsFoundOut(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin, dir := t.TempDir(), t.TempDir()
	if err := os.Symlink(self, filepath.Join(bin, "api")); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err = Run(t.Context(), []string{"-bin", bin, "-dir", dir, "-cycles", "1", "-load", "1s", "-seed", "3"}, &out, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "seed 3") || !strings.Contains(err.Error(), dir) {
		t.Errorf("the error is %v, want one that names seed and folder", err)
	}
	for _, want := range []string{
		`(?m)^WRONG account: lost: meter S[0-9.]+, account: want "Owner .*, got nothing$`,
		`(?m)^lost +[1-9][0-9]*$`,
	} {
		if !regexp.MustCompile(want).MatchString(out.String()) {
			t.Errorf("nothing matches %s in:\n%s", want, out.String())
		}
	}
}

func TestSettingsThatMakeNoSenseAreRefused(t *testing.T) {
	for _, args := range [][]string{
		{"-cycles", "0"}, {"-keep", "0"}, {"-workers", "0"}, {"-load", "0s"}, {"-cycles", "many"}, {"now"},
	} {
		if err := Run(t.Context(), append([]string{"-dir", t.TempDir()}, args...), io.Discard, io.Discard); err == nil {
			t.Errorf("%q was taken", args)
		}
	}
}

// kept is what an api or its archives hold.
type kept map[string]string // register by stamp

// toldGeneration is one in which a home was told of three readings: one of each past
// month but the last. Alter changes what is kept of them.
func toldGeneration(t *testing.T, alter func(kept, *home)) (*generation, *home, kept, *witness.Findings) {
	t.Helper()
	k := newSoak(settings{}, t.TempDir(), io.Discard)
	f := k.findings
	g, err := newGeneration(k, filepath.Join(k.folder, "1"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.output.Close() })
	h := newHome(2, g.calendar, fixed())
	g.fleet.homes = []*home{h}
	g.log.Send(h.account.Claim())
	g.log.Acknowledge(h.account.Claim())
	there := make(kept)
	for _, n := range []int{0, 1500, 3000} {
		r := h.reading(n)
		g.log.Send(r)
		g.log.Acknowledge(r)
		there[r.Stamp] = r.Register
	}
	alter(there, h)
	return g, h, there, f
}

// lies are what may be wrong with a reading, wherever it is kept.
var lies = map[witness.Kind]func(kept, *home){
	"":               func(kept, *home) {},
	witness.Lost:     func(k kept, h *home) { delete(k, h.reading(1500).Stamp) },
	witness.Altered:  func(k kept, h *home) { k[h.reading(1500).Stamp] = h.wrong(1500).Register },
	witness.Invented: func(k kept, h *home) { k[h.reading(1501).Stamp] = h.reading(1501).Register },
}

func TestWhatTheAPIKeepsWronglyIsFound(t *testing.T) {
	for kind, lie := range lies {
		t.Run(string(kind), func(t *testing.T) {
			g, h, there, f := toldGeneration(t, lie)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch r.URL.Path {
				case "/maintenance/status":
					io.WriteString(w, `{"is_receiving_data":true}`)
				case "/account":
					fmt.Fprintf(w, `{"meter_id":%q,"owner_name":%q,"address":%q}`, h.account.Meter, h.account.Owner, h.account.Address)
				default:
					io.WriteString(w, there.csv(h, g.calendar.span()))
				}
			}))
			defer server.Close()
			if err := g.compare(t.Context(), server.URL); err != nil {
				t.Fatal(err)
			}
			wantOne(t, f, kind)
		})
	}
}

func TestWhatArchivesKeepWronglyIsFound(t *testing.T) {
	for kind, lie := range lies {
		t.Run(string(kind), func(t *testing.T) {
			g, h, there, f := toldGeneration(t, lie)
			writeArchives(t, g, there, h)
			g.compareFiles(map[meterID][]witness.Reading{})
			wantOne(t, f, kind)
		})
	}
}

func TestAReadingBothInMemoryAndInAnArchiveIsDoubled(t *testing.T) {
	g, h, there, f := toldGeneration(t, lies[""])
	writeArchives(t, g, there, h)
	g.compareFiles(map[meterID][]witness.Reading{h.account.Meter: {h.reading(1500)}})
	wantOne(t, f, witness.Doubled)
}

func TestAMeterThatNobodyRegisteredIsInvented(t *testing.T) {
	g, h, there, f := toldGeneration(t, lies[""])
	writeArchives(t, g, there, h)
	g.compareFiles(map[meterID][]witness.Reading{"stranger": {h.reading(1500)}})
	wantOne(t, f, witness.Invented)
}

func TestAReceptionThatDoesNotSurviveIsFound(t *testing.T) {
	g, _, _, f := toldGeneration(t, lies[""])
	g.fleet.homes = nil
	g.reception = reception{false, true}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"is_receiving_data":true}`)
	}))
	defer server.Close()
	if err := g.compare(t.Context(), server.URL); err != nil {
		t.Fatal(err)
	}
	wantOne(t, f, witness.Misbehaved)
}

func TestAnArchiveOutOfOrderOrFormIsFound(t *testing.T) {
	for name, text := range map[string]string{
		"no header":      "A,2026-11-20T10:00:00,1\n",
		"no row at all":  "",
		"two fields":     witness.CSVHeader + "\nA,2026-11-20T10:00:00\n",
		"short stamp":    witness.CSVHeader + "\nA,2026-11-20,1\n",
		"out of order":   witness.CSVHeader + "\nA,2026-11-20T10:30:00,1\nA,2026-11-20T10:00:00,1\n",
		"the same twice": witness.CSVHeader + "\nA,2026-11-20T10:00:00,1\nA,2026-11-20T10:00:00,1\n",
		"meters mixed":   witness.CSVHeader + "\nB,2026-11-20T10:00:00,1\nA,2026-11-20T10:30:00,1\n",
	} {
		path := filepath.Join(t.TempDir(), "archive.csv")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := readArchive(path); err == nil {
			t.Errorf("%s: it was taken", name)
		}
	}
	if _, err := readArchive(filepath.Join(t.TempDir(), "none.csv")); err == nil {
		t.Error("an archive that is not there was taken")
	}
}
