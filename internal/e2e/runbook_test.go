package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"meterledger/internal/etcdtest"
	"meterledger/internal/tools/port"
	"meterledger/internal/tools/suite/programs"
)

const severalNodes = "../doc/several-nodes.md"

// TestRunbookOfSeveralNodesGivesWhatItShows types its commands where an operator would who reaches three
// machines by ssh. The machines are folders of this one, and their systemd is the test.
func TestRunbookOfSeveralNodesGivesWhatItShows(t *testing.T) {
	m := newMachines(t, "n1", "n2", "n3")
	m.at["n1"].start("meterledger-api")
	m.enter(`ssh n1 curl -s -X POST "'localhost:8000/register_account?owner_name=Tan+Ah+Kow&address=1+Orchard+Road&meter_id=m-1'"`)
	text, err := os.ReadFile(severalNodes)
	if err != nil {
		t.Fatal(err)
	}
	for _, export := range regexp.MustCompile(`(?m)^export (.*)$`).FindAllStringSubmatch(string(text), -1) {
		for setting := range strings.FieldsSeq(export[1]) {
			m.environment = append(m.environment, m.here("", setting))
		}
	}
	steps := readSession(string(text))
	if len(steps) < 40 {
		t.Fatalf("only %d commands found", len(steps))
	}
	for _, step := range steps {
		printed, err := m.enter(step.command)
		if err != nil || !step.answer.MatchString(printed) {
			t.Fatalf("$ %s\n%v\ngot  %s\nwant %s", step.command, err, printed, step.answer)
		}
	}
}

// machines are those of the runbook, and the operator's.
type machines struct {
	t           *testing.T
	folder      string
	tools       string // folder of etcd, etcdctl and etcdutl
	at          map[string]*machine
	environment []string // of what the operator types
}

// machine is one of them: what it has of a file system, and what its systemd runs.
type machine struct {
	*machines
	name, folder string
	ports        map[string]string // by which the runbook calls them, and the address of each

	mu   sync.Mutex // guards all below
	api  *programs.Program
	etcd *exec.Cmd
	once string // METERLEDGER_ONCE
	log  bytes.Buffer
}

// newMachines makes the machines, and the commands by which an operator reaches them.
func newMachines(t *testing.T, names ...string) *machines {
	t.Helper()
	needTools(t, "sh", "curl", "openssl", "sed", "tar")
	var tools string
	for _, tool := range []string{"etcd", "etcdctl", "etcdutl"} {
		tools = filepath.Dir(etcdtest.Tool(t, tool))
	}
	buildPrograms(t)
	m := &machines{t: t, folder: t.TempDir(), tools: tools, at: map[string]*machine{}}
	systemd := httptest.NewServer(http.HandlerFunc(m.serveSystemd))
	t.Cleanup(systemd.Close)
	for _, name := range names {
		one := &machine{machines: m, name: name, folder: filepath.Join(m.folder, name), ports: map[string]string{}}
		for _, number := range []string{"8000", "8010", "2379", "2380", "2381"} {
			one.ports[number] = port.Free()
		}
		for _, folder := range []string{"etc/meterledger", "var/lib/meterledger", "var/lib/meterledger-etcd"} {
			m.must(os.MkdirAll(filepath.Join(one.folder, folder), 0o700))
		}
		m.at[name] = one
		t.Cleanup(one.end)
	}
	operator := filepath.Join(m.folder, "operator")
	m.must(os.MkdirAll(filepath.Join(operator, "bin"), 0o700))
	root, err := filepath.Abs("../..")
	m.must(err)
	m.must(os.Symlink(filepath.Join(root, "internal"), filepath.Join(operator, "internal")))
	for name, script := range map[string]string{
		"ssh":        `host=$1; shift; NODE=$host exec sh -c "$(printf '%s' "$*" | sed -f ` + m.folder + `/$host.sed)"`,
		"sudo":       `exec "$@"`,
		"systemctl":  `exec curl -sS --fail-with-body -d "$*" ` + systemd.URL + `/$NODE`,
		"journalctl": `exec curl -sS --fail-with-body ` + systemd.URL + `/$NODE`,
	} {
		m.must(os.WriteFile(filepath.Join(operator, "bin", name), []byte("#!/bin/sh\n"+script+"\n"), 0o700))
	}
	for name := range m.at {
		var script strings.Builder
		for from, to := range m.names(name) {
			fmt.Fprintf(&script, "s|%s|%s|g\n", from, to)
		}
		m.must(os.WriteFile(filepath.Join(m.folder, name+".sed"), []byte(script.String()), 0o600))
	}
	m.environment = append(os.Environ(), "PATH="+filepath.Join(operator, "bin")+":"+tools+":"+os.Getenv("PATH"))
	return m
}

func (m *machines) must(err error) {
	if err != nil {
		m.t.Helper()
		m.t.Fatal(err)
	}
}

// names are what the runbook calls things by, and what they are on a machine; on that of the operator for "".
func (m *machines) names(on string) map[string]string {
	names := map[string]string{"/srv/meterledger": filepath.Join(m.folder, "srv")}
	for name, other := range m.at {
		for port, address := range other.ports {
			names[name+":"+port] = address
			if name == on {
				names["localhost:"+port], names["0.0.0.0:"+port] = address, address
			}
		}
	}
	if on != "" {
		names["/etc/meterledger"] = filepath.Join(m.folder, on, "etc/meterledger")
		names["/var/lib/meterledger"] = filepath.Join(m.folder, on, "var/lib/meterledger")
	}
	return names
}

func (m *machines) here(on, text string) string {
	for from, to := range m.names(on) {
		text = strings.ReplaceAll(text, from, to)
	}
	return text
}

// enter types a command where the operator sits.
func (m *machines) enter(command string) (printed string, err error) {
	c := exec.Command("sh", "-c", m.here("", command))
	c.Dir, c.Env = filepath.Join(m.folder, "operator"), m.environment
	var problems bytes.Buffer
	c.Stderr = &problems
	got, err := c.Output()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, problems.String())
	}
	printed = string(got)
	for name, other := range m.at {
		for port, address := range other.ports {
			printed = strings.ReplaceAll(printed, address, name+":"+port)
		}
	}
	return strings.TrimSpace(printed), err
}

// serveSystemd does what systemctl is told: POST /n1 with "start meterledger-api"; GET /n1 is the last line of the journal.
func (m *machines) serveSystemd(w http.ResponseWriter, r *http.Request) {
	one := m.at[strings.TrimPrefix(r.URL.Path, "/")]
	if r.Method == http.MethodGet {
		lines := strings.Split(strings.TrimSpace(one.journal()), "\n")
		fmt.Fprint(w, lines[len(lines)-1])
		return
	}
	body, _ := io.ReadAll(r.Body)
	verb, of, _ := strings.Cut(string(body), " ")
	switch verb {
	case "start":
		one.start(of)
	case "stop":
		one.stop(of, syscall.SIGTERM)
	case "restart":
		one.stop(of, syscall.SIGTERM)
		one.start(of)
	case "kill":
		one.stop(strings.TrimPrefix(of, "-s KILL "), syscall.SIGKILL)
	case "set-environment":
		one.once = strings.TrimPrefix(of, "METERLEDGER_ONCE=")
	case "unset-environment":
		one.once = ""
	default:
		http.Error(w, "what is "+string(body)+"?", http.StatusBadRequest)
	}
}

func (m *machine) Write(b []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.log.Write(b)
}

func (m *machine) journal() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.log.String()
}

// variables are the settings of the environment files that a unit names.
func (m *machine) variables(files ...string) (settings []string) {
	for _, file := range files {
		text, _ := os.ReadFile(filepath.Join(m.folder, "etc/meterledger", file)) // there may be none
		for _, line := range regexp.MustCompile(`(?m)^[A-Z_]+=.*$`).FindAllString(string(text), -1) {
			settings = append(settings, m.here(m.name, line))
		}
	}
	return settings
}

// start starts what a unit starts, and returns once it is ready or has ended.
func (m *machine) start(unit string) {
	if unit == "meterledger-etcd" {
		m.startEtcd()
		return
	}
	folder := filepath.Join(m.folder, "var/lib/meterledger")
	env := append(settings(filepath.Join(folder, "data"), filepath.Join(folder, "Archive")), "API_ADDR="+m.ports["8000"])
	c := programs.Config{BinDir: binaries, Env: append(env, m.variables("cluster.env")...), Out: m}
	if m.once != "" {
		c.Args = map[programs.Name][]string{programs.API: {m.once}}
	}
	m.api, _ = programs.StartProgram(context.Background(), c, programs.API) // if it ends, it has said why, and systemctl does not
}

// startEtcd starts a member, and waits until it has a quorum.
func (m *machine) startEtcd() {
	etcd := exec.Command(filepath.Join(m.tools, "etcd"))
	etcd.Env = append(os.Environ(), m.variables("etcd.env")...)
	etcd.Stdout, etcd.Stderr = m, m
	m.must(etcd.Start())
	m.etcd = etcd
	for begun := time.Now(); time.Since(begun) < time.Minute; time.Sleep(50 * time.Millisecond) {
		if answer, err := http.Get("http://" + m.ports["2381"] + "/readyz?exclude=non_learner"); err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return
			}
		}
	}
	m.t.Errorf("the etcd of %s is not ready:\n%s", m.name, m.journal())
}

func (m *machine) stop(unit string, s syscall.Signal) {
	switch {
	case unit == "meterledger-etcd" && m.etcd != nil:
		_ = m.etcd.Process.Signal(s)
		_ = m.etcd.Wait() // etcd ends by the signal
		m.etcd = nil
	case unit == "meterledger-api" && m.api != nil:
		if err := m.api.Stop(); err != nil {
			fmt.Fprintln(m, err)
		}
		m.api = nil
	}
}

func (m *machine) end() {
	if m.t.Failed() {
		m.t.Logf("%s said:\n%s", m.name, regexp.MustCompile(`(?m)^{"level":"(info|warn)".*\n`).ReplaceAllString(m.journal(), ""))
	}
	m.stop("meterledger-api", syscall.SIGKILL)
	m.stop("meterledger-etcd", syscall.SIGKILL)
}
