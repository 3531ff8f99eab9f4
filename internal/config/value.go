package config

import (
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // so that -timezone works on a machine without zone files

	"github.com/go-co-op/gocron/v2"

	"meterledger/internal/meter"
)

func parseAddr(s string) (string, error) {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return "", fmt.Errorf("%q is not host:port such as localhost:8000", s)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", fmt.Errorf("%q needs a port from 0 to 65535, such as localhost:8000", s)
	}
	return s, nil
}

// parseHosts reads names without ports, separated by commas.
func parseHosts(s string) ([]string, error) {
	if s == "" {
		return nil, nil
	}
	hosts := strings.Split(s, ",")
	for i, name := range hosts {
		hosts[i] = strings.TrimSpace(name)
		ip := strings.TrimSuffix(strings.TrimPrefix(hosts[i], "["), "]")
		if _, err := netip.ParseAddr(ip); err != nil && (hosts[i] == "" || strings.ContainsAny(hosts[i], ":/[]*@ ")) {
			return nil, fmt.Errorf("%q is not a name such as meters.example or an IP address, without a port", hosts[i])
		}
	}
	return hosts, nil
}

// parsePprofAddr allows loopback only: the profiler knows no access rights.
func parsePprofAddr(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	host, _, err := net.SplitHostPort(s)
	if _, wrong := parseAddr(s); err != nil || wrong != nil || !isLoopback(host) {
		return "", fmt.Errorf("%q is not host:port on loopback, such as localhost:6060", s)
	}
	return s, nil
}

func parseFolder(s string) (string, error) {
	if s == "" || strings.ContainsRune(s, 0) {
		return "", fmt.Errorf("%q is not the path of a folder", s)
	}
	return s, nil
}

func parseCompress(s string) (bool, error) {
	if s != "off" && s != "zstd" {
		return false, fmt.Errorf("%q is neither off nor zstd", s)
	}
	return s == "zstd", nil
}

// parseHistory checks the path of a file; off becomes the empty string.
func parseHistory(s string) (string, error) {
	if s == "off" {
		return "", nil
	}
	if s == "" || strings.ContainsRune(s, 0) || strings.HasSuffix(s, "/") {
		return "", fmt.Errorf("%q is not the path of a file, nor off", s)
	}
	return s, nil
}

// Addresses are where something answers, the one as well as the other.
type Addresses []*url.URL

// String returns them as a setting has them, without passwords.
func (a Addresses) String() string {
	var all []string
	for _, u := range a {
		all = append(all, u.Redacted())
	}
	return strings.Join(all, ",")
}

// parseURLs reads addresses, separated by commas.
func parseURLs(s string) (all Addresses, err error) {
	for one := range strings.SplitSeq(s, ",") {
		u, err := parseURL(strings.TrimSpace(one))
		if err != nil {
			return nil, err
		}
		all = append(all, u)
	}
	return all, nil
}

func parseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" ||
		u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%q is not an address such as http://localhost:8000", s)
	}
	return u, nil
}

// ParseCA reads a PEM file of certificates; without one it returns nil, which stands for the system's.
func ParseCA(s string) (*x509.CertPool, error) {
	if s == "" {
		return nil, nil
	}
	content, err := os.ReadFile(s)
	if err != nil {
		return nil, fmt.Errorf("no certificates can be read: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(content) {
		return nil, fmt.Errorf("%q has no certificate in PEM, which begins with -----BEGIN CERTIFICATE-----", s)
	}
	return pool, nil
}

func parseText(s string) (string, error) { return s, nil }

func parseReadingsFrom(s string) (meter.Day, error) {
	day, ok := meter.ParseDay(s)
	if !ok || day.Year < meter.EarliestYear {
		return meter.Day{}, fmt.Errorf("%q is not a day such as 2010-01-01, not before the year %d", s, meter.EarliestYear)
	}
	return day, nil
}

const rateLimitMax = 1_000_000_000

func parseRateLimit(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > rateLimitMax {
		return 0, fmt.Errorf("%q is not a number of requests a minute, 0 to %d", s, rateLimitMax)
	}
	return n, nil
}

// countMost is some 4 GiB of refused readings, and more meters than any network has.
const countMost = 100_000_000

// parseMost returns a parser of how many of something there may be.
func parseMost(what string) func(string) (uint32, error) {
	return func(s string) (uint32, error) {
		n, err := strconv.ParseUint(s, 10, 32)
		if err != nil || n > countMost {
			return 0, fmt.Errorf("%q is not a number of %s, 0 to %d", s, what, countMost)
		}
		return uint32(n), nil
	}
}

// sizeUnits are the units of a size. A size without a unit is in bytes.
var sizeUnits = []struct {
	name  string
	bytes uint64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}}

const sizeMax = 1 << 60

func parseSize(s string) (uint64, error) {
	digits, unit := s, uint64(1)
	for _, u := range sizeUnits {
		if number, ok := strings.CutSuffix(s, u.name); ok {
			digits, unit = number, u.bytes
		}
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || n > sizeMax/unit {
		return 0, fmt.Errorf("%q is not a size such as 256MiB (bytes, KiB, MiB, GiB or TiB)", s)
	}
	return n * unit, nil
}

func parseInterval(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || d > 0 && d < time.Second {
		return 0, fmt.Errorf("%q is not a time such as 1h or 90s, at least 1s; 0 is off", s)
	}
	return d, nil
}

// parseSchedule checks a cron expression; off becomes the empty string. It refuses a zone
// within the expression: the clock is that of -timezone.
func parseSchedule(s string) (string, error) {
	if s == "off" {
		return "", nil
	}
	if strings.Contains(s, "TZ=") || gocron.NewDefaultCron(false).IsValid(s, time.UTC, time.Now()) != nil {
		return "", fmt.Errorf("%q is not a cron expression such as 5 0 * * * (minute hour day month weekday), nor off", s)
	}
	return s, nil
}
