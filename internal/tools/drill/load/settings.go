package load

import (
	"cmp"
	"fmt"
	"io"
	"net"
	"net/url"

	"meterledger/internal/client"
	"meterledger/internal/meter"
	"meterledger/internal/tools/suite/programs"
)

// settings are the tool's flags.
type settings struct {
	host        string // of the api: host:port
	header      string // with the token, if there is one
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

// limits are the bounds of a number.
type limits struct {
	name                   string
	number                 *int
	byDefault, least, most int
	what                   string
}

func (s *settings) limits() []limits {
	return []limits{
		{"meters", &s.meters, 1000, 1, metersMax, "how many meters there are"},
		{"rows", &s.rows, 0, 0, 100_000, "readings in one CSV body; 0 sends each reading by itself"},
		{"connections", &s.connections, 64, 1, 16_384, "how many connections send at once"},
		{"rate", &s.rate, 0, 0, 1 << 30, "readings a second; 0 sends as fast as they are taken"},
		{"slots", &s.slots, 48, 1, 17_520, "how many half hours each meter reports, up to this one"},
		{"check", &s.check, metersMax, 0, metersMax, "how many meters to check at the end, evenly spread; 0 for none"},
	}
}

// readingsMax bounds the memory for the fates of readings, a byte each.
const readingsMax = 1 << 30

// parseSettings reads the flags. Two of them have the programs' own environment variables for a default.
func parseSettings(args []string, getenv func(string) string, out io.Writer) (s settings, err error) {
	flags := programs.NewFlags("drill load", "simulates smart meters against a running api, and checks that it holds exactly what it acknowledged", out)
	api := flags.String("api-url", cmp.Or(getenv("API_URL"), "http://localhost:8000"), "where the api answers")
	zone := flags.String("timezone", cmp.Or(getenv("TIMEZONE"), "Asia/Singapore"), "the api's time zone")
	token := flags.String("api-token-file", getenv("API_TOKEN_FILE"), "file with a token of the api's; none sends none")
	flags.StringVar(&s.prefix, "prefix", "fleet-", "how the meters' ids begin")
	flags.BoolVar(&s.register, "register", false, "register the meters first; those that are registered already stay so")
	for _, l := range s.limits() {
		flags.IntVar(l.number, l.name, l.byDefault, l.what)
	}
	if err := programs.Parse(flags, args); err != nil {
		return s, err
	}
	for _, l := range s.limits() {
		if *l.number < l.least || *l.number > l.most {
			return s, fmt.Errorf("-%s: must be %d to %d, not %d", l.name, l.least, l.most, *l.number)
		}
	}
	if s.meters*s.slots > readingsMax {
		return s, fmt.Errorf("-meters times -slots: must be 1 to %d, not %d", readingsMax, s.meters*s.slots)
	}
	if s.host, err = hostOf(*api); err != nil {
		return s, fmt.Errorf("-api-url: %w", err)
	}
	if *token != "" {
		asks, err := client.TokenFile(*token)()
		if err != nil {
			return s, err
		}
		s.header = "Authorization: " + asks.Get("Authorization") + "\r\n"
	}
	if s.zone, err = meter.LoadZone(*zone); err != nil {
		return s, fmt.Errorf("-timezone: %w", err)
	}
	return s, nil
}

// hostOf returns host:port of an address such as http://localhost:8000.
func hostOf(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" || u.Hostname() == "" || u.Path != "" && u.Path != "/" || u.RawQuery != "" {
		return "", fmt.Errorf("%q is not an address such as http://localhost:8000", address)
	}
	return net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "80")), nil
}
