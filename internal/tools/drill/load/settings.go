package load

import (
	"cmp"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"

	"meterledger/internal/meter"
	"meterledger/internal/tools/suite/programs"
)

// mode is how a fleet sends its readings.
type mode string

const (
	modeSingle mode = "single"
	modeBulk   mode = "bulk"
)

// The limits of the settings.
const (
	metersMax      = 10_000_000
	connectionsMax = 16_384
	rowsMax        = 100_000 // of one body
	slotsMax       = 17_520  // a year
	readingsMax    = 1 << 30 // a byte of memory each
)

// checkAll is how many meters are checked where all are.
const checkAll = -1

// settings are the tool's flags.
type settings struct {
	host        string // of the api: host:port
	zone        *meter.Zone
	meters      int
	prefix      string
	register    bool
	mode        mode
	rows        int
	connections int
	rate        int // readings/s; 0: as fast as they are taken
	burst       bool
	slots       int
	check       int // how many meters, or checkAll
}

// parseSettings reads the flags. Two of them have the programs' own environment
// variables for a default.
func parseSettings(args []string, getenv func(string) string, out io.Writer) (settings, error) {
	var s settings
	flags := programs.NewFlags("drill load", "simulates smart meters against a running api, and checks what it holds", out)
	flags.More = func(table io.Writer) {
		fmt.Fprintln(table, "\nThe exit status is 1 if the api does not hold exactly what it acknowledged.")
	}
	api := flags.String("api-url", cmp.Or(getenv("API_URL"), "http://localhost:8000"), "where the api answers")
	zone := flags.String("timezone", cmp.Or(getenv("TIMEZONE"), "Asia/Singapore"), "the api's time zone")
	flags.IntVar(&s.meters, "meters", 1000, "how many meters there are")
	flags.StringVar(&s.prefix, "prefix", "fleet-", "how their ids begin")
	flags.BoolVar(&s.register, "register", false, "register the meters first; those that are registered already stay so")
	sent := flags.String("mode", string(modeSingle), "single: each reading by itself; bulk: many in one CSV body")
	flags.IntVar(&s.rows, "rows", 1000, "readings in one body of -mode bulk")
	flags.IntVar(&s.connections, "connections", 64, "how many connections send at once")
	flags.IntVar(&s.rate, "rate", 0, "readings a second; 0 sends as fast as they are taken")
	flags.BoolVar(&s.burst, "burst", false, "every meter has one reading, of this half hour, and all are due at once")
	flags.IntVar(&s.slots, "slots", 48, "how many half hours each meter reports, up to this one")
	check := flags.String("check", "all", "how many meters to check at the end, evenly spread; all, or 0 for none")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	s.mode = mode(*sent)
	given := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if s.burst && (given["slots"] || given["rate"]) {
		return s, fmt.Errorf("-burst: is one half hour as fast as can be; -slots and -rate do not go with it")
	}
	if s.burst {
		s.slots = 1
	}
	return s, s.parse(*api, *zone, *check)
}

func (s *settings) parse(api, zone, check string) (err error) {
	if s.host, err = hostOf(api); err != nil {
		return fmt.Errorf("-api-url: %w", err)
	}
	if s.zone, err = meter.LoadZone(zone); err != nil {
		return fmt.Errorf("-timezone: %w", err)
	}
	if s.check, err = parseCheck(check); err != nil {
		return fmt.Errorf("-check: %w", err)
	}
	if s.mode != modeSingle && s.mode != modeBulk {
		return fmt.Errorf("-mode: %q is neither single nor bulk", s.mode)
	}
	for _, limit := range []struct {
		name               string
		value, least, most int
	}{
		{"-meters", s.meters, 1, metersMax},
		{"-connections", s.connections, 1, connectionsMax},
		{"-rows", s.rows, 1, rowsMax},
		{"-slots", s.slots, 1, slotsMax},
		{"-rate", s.rate, 0, 1 << 30},
		{"-meters times -slots", s.meters * s.slots, 1, readingsMax},
	} {
		if limit.value < limit.least || limit.value > limit.most {
			return fmt.Errorf("%s: must be %d to %d, not %d", limit.name, limit.least, limit.most, limit.value)
		}
	}
	return nil
}

// hostOf returns host:port of an address such as http://localhost:8000.
func hostOf(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" || u.Hostname() == "" || u.Path != "" && u.Path != "/" || u.RawQuery != "" {
		return "", fmt.Errorf("%q is not an address such as http://localhost:8000", address)
	}
	return net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "80")), nil
}

func parseCheck(s string) (int, error) {
	if s == "all" {
		return checkAll, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%q is neither all nor a number of meters", s)
	}
	return n, nil
}
