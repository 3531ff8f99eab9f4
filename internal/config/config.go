// Package config turns flags and environment variables into one documented struct per
// program, and has what the three mains share: signals, the one-line error, the exit code,
// the version.
//
// A flag wins over its environment variable, which wins over the default; an empty
// environment variable counts as not set. All settings are checked when they are loaded: a
// program that starts has valid settings.
package config

import (
	"crypto/x509"
	"io"
	"os"
	"time"

	"meterledger/internal/meter"
)

// API holds the settings of the api.
type API struct {
	// Addr is the host:port to listen on, localhost:8000 by default. Port 0
	// picks a free one.
	Addr string
	// DataDir is the folder of the journal and its snapshots, data by default.
	// It is created if it is missing, and only one api at a time can use it.
	DataDir string
	// ArchiveDir is the folder of the CSV archives, Archive by default.
	ArchiveDir string
	// ArchiveCompress makes the api write archives as zstd; off by default. It reads
	// either form.
	ArchiveCompress bool
	// BackupDir is the folder of backups, backup by default. It is created with the first.
	BackupDir string
	// SnapshotSize is by how many bytes the journal grows before the next snapshot,
	// 256 MiB by default, and at least the size of the last snapshot. 0 turns it off.
	SnapshotSize uint64
	// SnapshotInterval is how long the api waits before the next snapshot if anything
	// was written, 1 h by default. 0 turns it off.
	SnapshotInterval time.Duration
	// DiskFreeMin is how many bytes must be free on the disk of DataDir to accept
	// readings and registrations, 256 MiB by default.
	DiskFreeMin uint64
	// DiskSlow is how long the disk may take to store a batch before readings and
	// registrations are refused, 2 s by default. 0 sets no limit.
	DiskSlow time.Duration
	// MemoryLimit is how many bytes the process may take, 80 % of what the machine or its
	// control group has by default. Before it is passed, readings that need more memory are
	// refused. 0 sets no limit.
	MemoryLimit uint64
	// Hosts are names that the Host header of a request may have besides the loopback
	// names and the host of Addr. None by default.
	Hosts []string
	// Timezone is the clock of the callers, Asia/Singapore by default.
	Timezone *meter.Zone
	// Verify asks to check DataDir and ArchiveDir, which no program may be using, instead of serving.
	Verify bool
	// ReadingsFrom is the first day, on that clock, of which readings are taken, 2010-01-01
	// by default: a meter whose clock was never set sends times before it. Restoring and
	// replaying do not ask.
	ReadingsFrom meter.Day
	// RefusalsMax is how many readings are kept, of all meters, that were refused because
	// registers would fall or because another is recorded; 1,000,000 by default, of some 44 bytes
	// of memory each. The oldest go. 0 keeps none.
	RefusalsMax uint32
	// MetersMax is how many meters can be registered, 10,000,000 by default: a registration that
	// nobody pays for takes memory for good. 0 sets no limit.
	MetersMax uint32
	// RateLimit is how many requests a minute one caller may make, a credential or else an
	// address; each row of a bulk counts as one. 0, the default, sets no limit.
	RateLimit int
	// OIDCIssuer is the address of an OpenID Connect issuer whose tokens are taken too, and
	// OIDCAudience for whom they must be. Empty, the default, takes none.
	OIDCIssuer, OIDCAudience string
	// PprofAddr is the host:port on loopback of the profiler; empty, the default, serves none.
	PprofAddr string
	// Cluster says how the api takes part in an order of several nodes.
	Cluster Cluster
	// Network says who may reach the program, and how.
	Network
	// Log says what the program logs, and how.
	Log
}

// Maintenance holds the settings of daily and of monthly, which differ in
// their defaults only.
type Maintenance struct {
	// Addr is the host:port to listen on: localhost:8001 for daily,
	// localhost:8002 for monthly. Port 0 picks a free one.
	Addr string
	// Hosts are names that the Host header of a request may have besides the loopback
	// names and the host of Addr. None by default.
	Hosts []string
	// APIURLs are the addresses of the api, of several nodes one each, http://localhost:8000 by default. The next
	// one is asked if one is away.
	APIURLs Addresses
	// APITokenFile is a file with the token of an operator, which the program sends to the api.
	// It is read for each request, so it may be replaced, or come later. Empty, the default,
	// sends none.
	APITokenFile string
	// APICA are the certificates by which the api's is believed; nil, the default, stands for
	// the system's.
	APICA *x509.CertPool
	// Schedule is a cron expression on the clock of Timezone: 00:05 every day
	// for daily, 00:15 on the 1st for monthly. Empty means off: the program runs on
	// request only, and does not catch up.
	Schedule string
	// History is the file that keeps the last runs over restarts: history/daily.json
	// or history/monthly.json. Empty keeps none.
	History string
	// Timezone is the clock of the schedule, and of the days and months that are
	// archived, Asia/Singapore by default. It must be the api's.
	Timezone *meter.Zone
	// PprofAddr is the host:port on loopback of the profiler; empty, the default, serves none.
	PprofAddr string
	// Network says who may reach the program, and how.
	Network
	// Log says what the program logs, and how.
	Log
}

// LoadAPI reads the api's settings from its arguments (without the program's name) and its
// environment. It returns a *SettingError for a wrong or unknown setting, and as many others
// as are right, so that it can be logged; flag.ErrHelp or
// ErrVersion after it wrote the help or the version to out.
func LoadAPI(args []string, getenv func(string) string, out io.Writer) (API, error) {
	var c API
	s := settings{program: "api", summary: "accounts, readings, consumption, bills and maintenance", getenv: getenv}
	s.asked = append(s.asked, question{"verify", "check the two folders, which no program may be using, change nothing, and exit: 0 good, 1 damaged", &c.Verify})
	s.add(setting{"addr", "API_ADDR", "localhost:8000", meaningAddr, into(&c.Addr, parseAddr)})
	s.add(setting{"hosts", "HOSTS", "", meaningHosts, into(&c.Hosts, parseHosts)})
	s.add(setting{"data-dir", "DATA_DIR", "data", "folder of the journal and its snapshots, created if missing", into(&c.DataDir, parseFolder)})
	s.add(setting{"archive-dir", "ARCHIVE_DIR", "Archive", "folder of the CSV archives, created if missing", into(&c.ArchiveDir, parseFolder)})
	s.add(setting{"archive-compress", "ARCHIVE_COMPRESS", "off", "how archives are compressed when they are written: off or zstd; they are read in either form", into(&c.ArchiveCompress, parseCompress)})
	s.add(setting{"backup-dir", "BACKUP_DIR", "backup", "folder of the backups that POST /backup makes, created with the first", into(&c.BackupDir, parseFolder)})
	s.add(setting{"snapshot-size", "SNAPSHOT_SIZE", "256MiB", "the state is written down when the journal has grown by this, and by its own size; 0 turns it off", into(&c.SnapshotSize, parseSize)})
	s.add(setting{"snapshot-interval", "SNAPSHOT_INTERVAL", "1h", "and after this time, if anything was written; 0 turns it off", into(&c.SnapshotInterval, parseInterval)})
	s.add(setting{"disk-free-min", "DISK_FREE_MIN", "256MiB", "below this much free disk, readings and registrations are answered 503", into(&c.DiskFreeMin, parseSize)})
	s.add(setting{"disk-slow", "DISK_SLOW", "2s", "while the disk takes longer than this for a batch, they are answered 503 too; 0 sets no limit", into(&c.DiskSlow, parseInterval)})
	s.add(setting{"memory-limit", "MEMORY_LIMIT", "80%", "memory of the process, a size or a share of the machine's or cgroup's: before it is passed, readings that need more are answered 503; 0 sets no limit", into(&c.MemoryLimit, parseMemoryLimit(os.DirFS("/")))})
	s.add(setting{"timezone", "TIMEZONE", defaultTimezone, meaningTimezone, into(&c.Timezone, meter.LoadZone)})
	s.add(setting{"readings-from", "READINGS_FROM", "2010-01-01", "readings of days before this one are refused, as an unset clock sends them", into(&c.ReadingsFrom, parseReadingsFrom)})
	s.add(setting{"refusals-max", "REFUSALS_MAX", "1000000", "refused readings of all meters that are kept to be judged again by POST /meters/{meter_id}/retake, the oldest go; 0 keeps none", into(&c.RefusalsMax, parseMost("readings"))})
	s.add(setting{"meters-max", "METERS_MAX", "10000000", "meters that can be registered, beyond which registrations are answered 503; 0 sets no limit", into(&c.MetersMax, parseMost("meters"))})
	s.add(setting{"rate-limit", "RATE_LIMIT", "0", "requests a minute, and as many pages, of one credential, or else one address, each row of a bulk counting as one; 0 sets no limit", into(&c.RateLimit, parseRateLimit)})
	s.addNetwork(&c.Network)
	s.add(setting{"oidc-issuer", "OIDC_ISSUER", "", "address of an OpenID Connect issuer whose tokens are taken too", into(&c.OIDCIssuer, parseIssuer)})
	s.add(setting{"oidc-audience", "OIDC_AUDIENCE", "", "for whom its tokens must be", into(&c.OIDCAudience, parseText)})
	s.add(setting{"pprof-addr", "PPROF_ADDR", "", meaningPprof, into(&c.PprofAddr, parsePprofAddr)})
	s.addCluster(&c.Cluster)
	s.addLog(&c.Log)
	err := s.load(args, out)
	c.Log.in(c.Timezone)
	if err == nil {
		err = c.Network.check()
	}
	if err == nil {
		err = c.Cluster.check(c.Auth)
	}
	if err == nil && (c.OIDCIssuer == "") != (c.OIDCAudience == "") {
		err = &SettingError{Setting: "-oidc-audience", Problem: "-oidc-issuer and -oidc-audience go together: give both or neither"}
	}
	if err != nil {
		return c, err
	}
	return c, checkFolders(c.DataDir, c.ArchiveDir, c.BackupDir)
}

// LoadDaily is LoadAPI for daily.
func LoadDaily(args []string, getenv func(string) string, out io.Writer) (Maintenance, error) {
	return loadMaintenance(args, getenv, out, maintenanceDefaults{
		program: "daily", summary: "has the api archive every day that has ended",
		addr: "localhost:8001", envPrefix: "DAILY", schedule: "5 0 * * *",
	})
}

// LoadMonthly is LoadAPI for monthly.
func LoadMonthly(args []string, getenv func(string) string, out io.Writer) (Maintenance, error) {
	return loadMaintenance(args, getenv, out, maintenanceDefaults{
		program: "monthly", summary: "has the api archive and bill every month that has ended",
		addr: "localhost:8002", envPrefix: "MONTHLY", schedule: "15 0 1 * *",
	})
}

type maintenanceDefaults struct {
	program, summary, addr, envPrefix, schedule string
}

func loadMaintenance(args []string, getenv func(string) string, out io.Writer, d maintenanceDefaults) (Maintenance, error) {
	var c Maintenance
	s := settings{program: d.program, summary: d.summary, getenv: getenv}
	s.add(setting{"addr", d.envPrefix + "_ADDR", d.addr, meaningAddr, into(&c.Addr, parseAddr)})
	s.add(setting{"hosts", "HOSTS", "", meaningHosts, into(&c.Hosts, parseHosts)})
	s.add(setting{"api-url", "API_URL", "http://localhost:8000", "where the api answers; of several nodes by commas, of which the next one is asked if one is away", into(&c.APIURLs, parseURLs)})
	s.add(setting{"api-token-file", "API_TOKEN_FILE", "", "file with an operator's token, for the api; read for each request, so it may be replaced", into(&c.APITokenFile, parseOptionalFile)})
	s.add(setting{"api-ca", "API_CA", "", "file with the certificates, in PEM, by which the api's is believed; by default the system's", into(&c.APICA, ParseCA)})
	s.addNetwork(&c.Network)
	s.add(setting{"schedule", d.envPrefix + "_SCHEDULE", d.schedule, "when to run, as a cron expression on the clock of -timezone; off turns it and the catching up off", into(&c.Schedule, parseSchedule)})
	s.add(setting{"history", d.envPrefix + "_HISTORY", "history/" + d.program + ".json", "file that keeps the last runs over restarts, created if missing; off keeps none", into(&c.History, parseHistory)})
	s.add(setting{"timezone", "TIMEZONE", defaultTimezone, meaningTimezone, into(&c.Timezone, meter.LoadZone)})
	s.add(setting{"pprof-addr", "PPROF_ADDR", "", meaningPprof, into(&c.PprofAddr, parsePprofAddr)})
	s.addLog(&c.Log)
	err := s.load(args, out)
	c.Log.in(c.Timezone)
	if err == nil {
		err = c.Network.check()
	}
	return c, err
}

const (
	defaultTimezone = "Asia/Singapore"
	meaningAddr     = "host:port to listen on; port 0 picks a free one, which is logged"
	meaningHosts    = "names, by commas, that a Host header may have besides localhost, 127.0.0.1, [::1] and the host of -addr"
	meaningPprof    = "host:port of the profiler, on loopback only; none by default"
	meaningTimezone = "IANA time zone of the callers' clock; the same for all three programs"
)
