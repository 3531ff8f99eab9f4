// The test binary stands in for the programs: standInFolder links it under their names, and
// TestMain notices under which name it was started.

package programs

import (
	"cmp"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// The ways a stand-in can behave, to be set as FAKE_API=…, FAKE_DAILY=… or
// FAKE_MONTHLY=…; without one it starts, answers, and stops when asked.
const (
	standInBroken   = "broken"    // ends with status 2 before it listens
	standInUnready  = "unready"   // listens and is never ready
	standInShutDown = "shut-down" // is ready, but for readings
	standInDirty    = "dirty"     // ends with status 7 when it is asked to stop
	standInDeaf     = "deaf"      // does not stop when it is asked to
)

// standInInfo is what GET /info answers.
type standInInfo struct {
	APIURL   string   // the setting API_URL
	Args     []string // its flags
	OwnGroup bool     // it leads a process group of its own
}

// unreadyAnswers is how often an api answers that it is not ready yet.
const unreadyAnswers = 2

// TestMain runs the tests, or the program in whose name the binary was started.
func TestMain(m *testing.M) {
	switch name := filepath.Base(os.Args[0]); name {
	case "api", "daily", "monthly", "etcd":
		os.Exit(standIn(name))
	default:
		os.Exit(m.Run())
	}
}

// standInFolder returns a folder in which the test binary stands as each program.
func standInFolder(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range []string{"api", "daily", "monthly", "etcd"} {
		if err := os.Symlink(self, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// freePorts is the environment in which every program picks a free port.
func freePorts() []string {
	return []string{"API_ADDR=127.0.0.1:0", "DAILY_ADDR=127.0.0.1:0", "MONTHLY_ADDR=127.0.0.1:0"}
}

func standIn(name string) (status int) {
	behaviour := os.Getenv("FAKE_" + strings.ToUpper(name))
	if behaviour == standInBroken {
		fmt.Fprintf(os.Stderr, "%s: the port is taken: choose another one\n", name)
		return 2
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	if folder := flagOf("-data-dir"); folder != "" {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
			return 1
		}
	}
	listener, err := net.Listen("tcp", cmp.Or(flagOf("-addr"), strings.TrimPrefix(flagOf("--listen-metrics-urls"), "http://"), os.Getenv(strings.ToUpper(name)+"_ADDR")))
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		return 1
	}
	served := make(chan error, 1)
	go func() { served <- http.Serve(listener, standInHandler(behaviour)) }()
	slog.New(slog.NewTextHandler(os.Stderr, nil)).Info("listening", "addr", listener.Addr().String())
	for {
		select {
		case err := <-served:
			fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
			return 1
		case <-signals:
			fmt.Printf("%s is asked to stop\n", name)
		}
		switch behaviour {
		case standInDeaf:
		case standInDirty:
			return 7
		default:
			return 0
		}
	}
}

// flagOf is the value of a flag of this process, or nothing.
func flagOf(name string) string {
	if i := slices.Index(os.Args, name); i > 0 {
		return os.Args[i+1]
	}
	return ""
}

func standInHandler(behaviour string) http.Handler {
	var asked atomic.Int32
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) <= unreadyAnswers {
			http.Error(w, `{"health":"false"}`, http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		switch {
		case behaviour == standInShutDown:
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, `{"code":"not_receiving"}`)
		case behaviour == standInUnready || asked.Add(1) <= unreadyAnswers:
			http.Error(w, `{"code":"not_ready"}`, http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("GET /info", func(w http.ResponseWriter, _ *http.Request) {
		info := standInInfo{APIURL: os.Getenv("API_URL"), Args: os.Args[1:], OwnGroup: syscall.Getpgrp() == os.Getpid()}
		_ = json.NewEncoder(w).Encode(info) // a caller that went away needs no answer
	})
	mux.HandleFunc("POST /exit", func(http.ResponseWriter, *http.Request) {
		fmt.Println("the disk is full")
		os.Exit(3)
	})
	return mux
}
