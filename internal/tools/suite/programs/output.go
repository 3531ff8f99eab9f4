package programs

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"regexp"
	"strings"
)

// lineBytesMax bounds what is held of a line that does not end; a longer one is copied in pieces.
const lineBytesMax = 64 << 10

// output copies the lines that a process prints, and finds the one that says where it listens.
type output struct {
	prefix  string
	out     io.Writer // nil: nowhere
	partial []byte

	listening chan struct{} // closed once address is known
	address   string        // host:port; to be read once listening is closed
	scheme    string        // http or https; the same
	last      string        // the last line that says something; to be read when the run has ended
}

func newOutput(name Name, out io.Writer) *output {
	return &output{prefix: linePrefix(name), out: out, listening: make(chan struct{})}
}

// linePrefix is what stands in front of a program's lines, aligned with the others'.
func linePrefix(name Name) string { return fmt.Sprintf("%-*s | ", len(Monthly), name) }

func (o *output) Write(b []byte) (int, error) {
	for line := range bytes.Lines(b) {
		o.partial = append(o.partial, line...)
		if bytes.HasSuffix(line, []byte("\n")) || len(o.partial) >= lineBytesMax {
			o.flush()
		}
	}
	return len(b), nil
}

// flush copies the line that was gathered, if any.
func (o *output) flush() {
	if len(o.partial) == 0 {
		return
	}
	line := strings.TrimRight(string(o.partial), "\r\n")
	o.partial = o.partial[:0]
	if o.out != nil {
		_, _ = io.WriteString(o.out, o.prefix+line+"\n") // Config.Out says why
	}
	if line != "" {
		o.last = line
	}
	if match := listenPattern.FindStringSubmatch(line); match != nil && o.address == "" {
		o.address, o.scheme = match[1], cmp.Or(match[2], "http")
		close(o.listening)
	}
}

// listenPattern matches a line of slog in either of its formats: the address, and the scheme of the docs.
var listenPattern = regexp.MustCompile(`\blistening\b.*\baddr"?[=:]"?([^\s",]+)(?:.*\bdocs"?[=:]"?(https?):)?`)

// requireVisible refuses a log level that would hide the line for which output looks.
func requireVisible(environment []string) error {
	var level slog.Level
	value := valueOf(environment, "LOG_LEVEL")
	if err := level.UnmarshalText([]byte(value)); err == nil && level > slog.LevelInfo {
		return fmt.Errorf("LOG_LEVEL=%s hides the log line that says where a program listens: set it to info or debug", value)
	}
	return nil
}

// valueOf returns the value of a setting, of which the last counts if it stands there several times.
func valueOf(environment []string, name string) (value string) {
	for _, setting := range environment {
		if of, found := strings.CutPrefix(setting, name+"="); found {
			value = of
		}
	}
	return value
}

// baseURL is how a caller on this machine reaches a listener.
func baseURL(scheme, address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return scheme + "://" + address
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "localhost" // it listens on every address
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}
