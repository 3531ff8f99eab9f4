package load

import (
	"cmp"
	"fmt"
	"io"
	"net"
	"net/url"

	"meterledger/internal/meter"
	"meterledger/internal/tools/suite/programs"
)

// settings are the tool's flags.
type settings struct {
	host        string // of the api: host:port
	zone        *meter.Zone
	meters      int
	prefix      string
	register    bool
	rows        int // readings in one body of CSV; 0: each reading is a request of its own
	connections int
	rate        int // readings/s; 0: as fast as they are taken
	slots       int
	check       int // how many meters at most
}

const metersMax = 10_000_000

// parseSettings reads the flags. Two of them have the programs' own environment variables for a default.
func parseSettings(args []string, getenv func(string) string, out io.Writer) (s settings, err error) {
	flags := programs.NewFlags("drill load", "simulates smart meters against a running api, and checks that it holds exactly what it acknowledged", out)
	api := flags.String("api-url", cmp.Or(getenv("API_URL"), "http://localhost:8000"), "where the api answers")
	zone := flags.String("timezone", cmp.Or(getenv("TIMEZONE"), "Asia/Singapore"), "the api's time zone")
	flags.IntVar(&s.meters, "meters", 1000, "how many meters there are")
	flags.StringVar(&s.prefix, "prefix", "fleet-", "how their ids begin")
	flags.BoolVar(&s.register, "register", false, "register the meters first; those that are registered already stay so")
	flags.IntVar(&s.rows, "rows", 0, "readings in one CSV body; 0 sends each reading by itself")
	flags.IntVar(&s.connections, "connections", 64, "how many connections send at once")
	flags.IntVar(&s.rate, "rate", 0, "readings a second; 0 sends as fast as they are taken")
	flags.IntVar(&s.slots, "slots", 48, "how many half hours each meter reports, up to this one")
	flags.IntVar(&s.check, "check", metersMax, "how many meters to check at the end, evenly spread; 0 for none")
	if err := programs.Parse(flags, args); err != nil {
		return s, err
	}
	if s.host, err = hostOf(*api); err != nil {
		return s, fmt.Errorf("-api-url: %w", err)
	}
	if s.zone, err = meter.LoadZone(*zone); err != nil {
		return s, fmt.Errorf("-timezone: %w", err)
	}
	return s, s.requireLimits()
}

func (s settings) requireLimits() error {
	for _, limit := range []struct {
		name               string
		value, least, most int
	}{
		{"-meters", s.meters, 1, metersMax},
		{"-connections", s.connections, 1, 16_384},
		{"-rows", s.rows, 0, 100_000},
		{"-slots", s.slots, 1, 17_520}, // a year
		{"-rate", s.rate, 0, 1 << 30},
		{"-check", s.check, 0, metersMax},
		{"-meters times -slots", s.meters * s.slots, 1, 1 << 30}, // a byte of memory each
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
