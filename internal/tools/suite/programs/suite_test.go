package programs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
)

// configOf is for programs on free ports that behave as told, such as FAKE_API=deaf.
func configOf(t *testing.T, out *bytes.Buffer, behaviours ...string) Config {
	t.Helper()
	c := Config{BinDir: standInFolder(t), Env: append(freePorts(), behaviours...)}
	if out != nil {
		c.Out = out
	}
	return c
}

func start(t *testing.T, c Config) *Suite {
	t.Helper()
	s, err := Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Kill(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func infoOf(t *testing.T, p *Program) (info standInInfo) {
	t.Helper()
	response, err := http.Get(p.URL + "/info")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&info); err != nil {
		t.Fatal(err)
	}
	return info
}

// exit has a program end by itself with status 3; the answer is cut off by that.
func exit(p *Program) {
	response, err := http.Post(p.URL+"/exit", "", nil)
	if err == nil {
		response.Body.Close()
	}
}

func TestDailyAndMonthlyArePointedAtTheApiThatWasStarted(t *testing.T) {
	t.Setenv("API_URL", "http://localhost:8000")
	s := start(t, configOf(t, nil))
	for _, p := range []*Program{s.Daily, s.Monthly} {
		if got := infoOf(t, p).APIURL; got != s.API.URL {
			t.Errorf("%s has API_URL=%s, the api is at %s", p.Name, got, s.API.URL)
		}
	}
}

func TestEachProgramGetsItsOwnFlags(t *testing.T) {
	c := configOf(t, nil)
	c.Args = map[Name][]string{API: {"-snapshot", "1"}, Daily: {"-schedule", "off"}}
	s := start(t, c)
	for p, want := range map[*Program][]string{s.API: {"-snapshot", "1"}, s.Daily: {"-schedule", "off"}, s.Monthly: {}} {
		if got := infoOf(t, p).Args; !slices.Equal(got, want) {
			t.Errorf("%s has the flags %q, want %q", p.Name, got, want)
		}
	}
}

func TestProgramsRunOutsideTheTerminalsForegroundGroup(t *testing.T) {
	s := start(t, configOf(t, nil))
	for _, p := range []*Program{s.API, s.Daily, s.Monthly} {
		if !infoOf(t, p).OwnGroup {
			t.Errorf("%s shares its parent's process group: a Ctrl-C would reach it twice", p.Name)
		}
	}
}

func TestOutputIsCopiedLineByLineUnderItsProgramsName(t *testing.T) {
	var out bytes.Buffer
	s := start(t, configOf(t, &out))
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"api     | api is asked to stop\n", "daily   | daily is asked to stop\n", "monthly | monthly is asked to stop\n",
	} {
		if strings.Count(out.String(), want) != 1 {
			t.Errorf("the output lacks %q:\n%s", want, out.String())
		}
	}
}

func TestApiStopsLast(t *testing.T) {
	var out bytes.Buffer
	s := start(t, configOf(t, &out))
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	api := strings.Index(out.String(), "api is asked to stop")
	if daily := strings.Index(out.String(), "daily is asked to stop"); api < daily {
		t.Errorf("the api stopped before daily:\n%s", out.String())
	}
}

func TestProgramThatCannotStartIsNamedAndTheOthersAreStopped(t *testing.T) {
	var out bytes.Buffer
	_, err := Start(t.Context(), configOf(t, &out, "FAKE_MONTHLY="+standInBroken))
	const want = "monthly did not start: exit status 2: monthly: the port is taken: choose another one"
	if err == nil || err.Error() != want {
		t.Errorf("the error is %v, want %s", err, want)
	}
	for _, stopped := range []string{"api is asked to stop", "daily is asked to stop"} {
		if !strings.Contains(out.String(), stopped) {
			t.Errorf("no line says %q:\n%s", stopped, out.String())
		}
	}
}

func TestMissingBinaryIsNamed(t *testing.T) {
	c := configOf(t, nil)
	if err := os.Remove(c.BinDir + "/daily"); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), c); err == nil || !strings.Contains(err.Error(), c.BinDir+"/daily") {
		t.Errorf("the error is %v, want one that names the file", err)
	}
}

func TestProgramThatEndsByItselfIsNamedOnce(t *testing.T) {
	s := start(t, configOf(t, nil))
	exit(s.Daily)
	const want = "daily ended by itself: exit status 3: the disk is full"
	if err := s.Wait(t.Context()); err == nil || err.Error() != want {
		t.Errorf("the error is %v, want %s", err, want)
	}
	if err := s.Stop(); err != nil {
		t.Errorf("stopping the others afterwards: %v", err)
	}
}

func TestOneProgramCanBeWaitedFor(t *testing.T) {
	s := start(t, configOf(t, nil))
	exit(s.API)
	const want = "api ended by itself: exit status 3: the disk is full"
	if err := s.API.Wait(t.Context()); err == nil || err.Error() != want {
		t.Errorf("the error is %v, want %s", err, want)
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	s := start(t, configOf(t, nil))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := errors.Join(s.Wait(ctx), s.API.Wait(ctx)); err != nil {
		t.Errorf("waiting says %v of programs that run", err)
	}
}
