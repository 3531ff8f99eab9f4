package programs

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestListenLineIsFoundInEitherLogFormat(t *testing.T) {
	for line, want := range map[string]string{
		"time=2026-11-23T10:00:00.000+08:00 level=INFO msg=listening addr=127.0.0.1:41377":                  "127.0.0.1:41377",
		`time=2026-11-23T10:00:00.000+08:00 level=INFO msg=listening program=api addr=[::1]:8000 pid=7`:     "[::1]:8000",
		`{"time":"2026-11-23T10:00:00Z","level":"INFO","msg":"listening","addr":"127.0.0.1:41377","pid":7}`: "127.0.0.1:41377",
		"time=2026-11-23T10:00:00.000+08:00 level=INFO msg=listening remote_addr=10.0.0.1:1":                "",
		"time=2026-11-23T10:00:00.000+08:00 level=INFO msg=replayed addr=127.0.0.1:41377":                   "",
		`time=2026-11-23T10:00:00.000+08:00 level=WARN msg="the program stops" err="accept: use of closed"`: "",
	} {
		out := newOutput(API, nil)
		if _, err := out.Write([]byte(line + "\n")); err != nil || out.address != want {
			t.Errorf("the address in %q is %q, want %q, %v", line, out.address, want, err)
		}
	}
}

func TestSchemeIsTheOneOfTheDocs(t *testing.T) {
	for line, want := range map[string]string{
		"msg=listening addr=127.0.0.1:1 docs=https://127.0.0.1:1/docs api_url=http://127.0.0.1:2": "https",
		"msg=listening addr=127.0.0.1:1 docs=http://127.0.0.1:1/docs api_url=https://127.0.0.1:2": "http",
		`{"msg":"listening","addr":"127.0.0.1:1","docs":"https://127.0.0.1:1/docs"}`:              "https",
		"msg=listening addr=127.0.0.1:1": "http",
	} {
		out := newOutput(API, nil)
		if _, err := out.Write([]byte(line + "\n")); err != nil || out.scheme != want {
			t.Errorf("%s: the scheme is %q, want %q, %v", line, out.scheme, want, err)
		}
	}
}

func TestPiecesOfALineBecomeOneLine(t *testing.T) {
	var copied bytes.Buffer
	out := newOutput(API, &copied)
	for _, piece := range []string{"one", " line\ntwo\r\n", "\nthe", " end"} {
		if _, err := out.Write([]byte(piece)); err != nil {
			t.Fatal(err)
		}
	}
	out.flush()
	const want = "api     | one line\napi     | two\napi     | \napi     | the end\n"
	if copied.String() != want {
		t.Errorf("copied:\n%swant:\n%s", copied.String(), want)
	}
}

func TestEndlessLineIsCopiedInPieces(t *testing.T) {
	var copied bytes.Buffer
	out := newOutput(API, &copied)
	for range 5 {
		if _, err := out.Write([]byte(strings.Repeat("x", lineBytesMax/2))); err != nil {
			t.Fatal(err)
		}
	}
	if lines := strings.Count(copied.String(), "\n"); lines != 2 {
		t.Errorf("%d pieces were copied, want 2", lines)
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestProgramGoesOnWhereItsOutputCannotBeCopied(t *testing.T) {
	out := newOutput(API, fullDisk{})
	if n, err := out.Write([]byte("msg=listening addr=127.0.0.1:1\n")); n != 31 || err != nil {
		t.Errorf("the program is told %d, %v", n, err)
	}
	if out.address != "127.0.0.1:1" {
		t.Errorf("the address is %q", out.address)
	}
}
