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

func TestAReceptionThatDoesNotSurviveIsFound(t *testing.T) {
	s := newSoak(settings{}, t.TempDir(), io.Discard)
	g, err := newGeneration(s, filepath.Join(s.folder, "1"))
	if err != nil {
		t.Fatal(err)
	}
	defer g.output.Close()
	g.reception = reception{false, true}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"is_receiving_data":true}`)
	}))
	defer server.Close()
	if err := g.compare(t.Context(), server.URL); err != nil {
		t.Fatal(err)
	}
	if n := s.findings.Count(witness.Misbehaved); n != 1 {
		t.Errorf("%d findings, want one", n)
	}
}
