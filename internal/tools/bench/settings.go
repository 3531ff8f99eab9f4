package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"meterledger/internal/tools/suite/programs"
)

// settings are the tool's flags.
type settings struct {
	bin, tools, dir, root, postgres string

	quick bool
	rows  []row
}

func parseSettings(args []string, out io.Writer) (settings, error) {
	var s settings
	flags := programs.NewFlags("bench", "measures the api against named floors, in one table", out)
	flags.StringVar(&s.bin, "bin", "bin", "folder that holds the binaries of the suite")
	flags.StringVar(&s.tools, "tools", "bin/tools", "folder that holds the binaries of the floor and of etcd")
	flags.StringVar(&s.root, "root", ".", "the top folder of the module, for what is measured as a Go benchmark")
	flags.StringVar(&s.dir, "dir", ".bench", "folder of the benchmark's own, on the disk to be measured; bench.json there is the table")
	flags.StringVar(&s.postgres, "postgres", "", "folder of PostgreSQL's initdb and postgres; that of PATH or the newest of Debian's by default")
	flags.BoolVar(&s.quick, "quick", false, "tiny sizes, seconds in all: shows that the tool works and measures nothing")
	only := flags.String("only", "", "rows to measure, with commas between them; all by default")
	usage := flags.Usage
	flags.Usage = func() {
		usage()
		for _, r := range rows {
			fmt.Fprintf(out, "\n  %-20s %s", r.name, r.about)
		}
		fmt.Fprintln(out)
	}
	if err := programs.Parse(flags, args); err != nil {
		return s, err
	}
	if s.rows = rows; *only != "" {
		s.rows = nil
		for name := range strings.SplitSeq(*only, ",") {
			i := slices.IndexFunc(rows, func(r row) bool { return r.name == name })
			if i < 0 {
				return s, fmt.Errorf("-only: there is no row %q, -h lists them", name)
			}
			s.rows = append(s.rows, rows[i])
		}
	}
	return s, nil
}

// row is a measurement that can be chosen by its name. It makes one line of the table or more.
type row struct {
	name    string
	about   string
	measure func(*bench) []line
}

// rows are all of them, in the order of the table.
var rows = []row{
	{"single-256", "single posts over 256 connections", func(b *bench) []line { return b.single(256, ratioAtLeast(0.9)) }},
	{"single-2048", "single posts over 2,048 connections", func(b *bench) []line { return b.single(2048, ratioAtLeast(0.85)) }},
	{"consumption", "get_consumption over 64 connections", consumption},
	{"token", "single posts and get_consumption with a token", withToken},
	{"series", "31 days of half hours of one meter over 64 connections", series},
	{"bulk", "bulk CSV by one client, in both orders", bulk},
	{"bulk-postgres", "bulk CSV beside PostgreSQL's COPY and INSERT, in both orders", bulkPostgres},
	{"bulk-ndjson", "bulk NDJSON beside CSV", bulkNDJSON},
	{"bulk-nation", "bulk CSV of a nation's half hours by four clients", bulkNation},
	{"query-under-bulk", "the p99 of queries while bulk ingest runs at full speed", queryUnderBulk},
	{"burst", "every meter once, on the half hour", burst},
	{"memory", "memory a reading, and a cycle of the garbage collector", goBenchmark("./internal/store", "BenchmarkMemory",
		metric{"B/reading", "memory a reading", "B", atMost(3, "B")},
		metric{"ms/collection", "CPU of a garbage collection of that store", "ms", atMost(20, "ms")})},
	{"memory-exchanged", "the same, of which every hundredth meter is exchanged", goBenchmark("./internal/store", "BenchmarkMemoryExchanged",
		metric{"B/reading", "memory a reading", "B", atMost(2.6, "B")})},
	{"memory-sparse", "readings that lie far apart or come late", goBenchmark("./internal/store", "BenchmarkSparse",
		metric{"B/256th", "memory a reading, one a day of every 256th meter since 2010", "B", atMost(400, "B")}, metric{"B/one-meter", "the same, of one meter", "B", atMost(400, "B")},
		metric{"B/late", "memory of a late reading of a closed month", "B", atMost(6000, "B")}, metric{"x-late-rows", "late readings of a hundredth of the meters, times their rows", "", atMost(1.5, "")},
		metric{"ns/late", "judging a late reading beside one of 2010", "ns", atMost(1000, "ns")}, metric{"ms/freeze", "freezing ten years of 500,000 meters", "ms", atMost(20, "ms")},
		metric{"x-replay", "memory after a replay, times that before", "", atMost(1.1, "")})},
	{"restart", "from the start of the api to its being ready", restart},
	{"snapshots", "single posts while snapshots are taken", snapshots},
	{"archive", "writing a month's archive", archiveSpeed},
	{"archive-zstd", "the same, compressed", archiveZstd},
	{"archive-load", "single posts while a month is archived", archiveLoad},
	{"archive-memory", "memory beyond the store while a month is archived", goBenchmark("./internal/node", "BenchmarkArchivingMemory",
		metric{"MiB-beyond", "memory beyond the store, archiving a month", "MiB", atMost(64, "MiB")})},
	{"archive-memory-zstd", "the same, compressed", goBenchmark("./internal/node", "BenchmarkArchivingMemoryZstd",
		metric{"MiB-beyond", "memory beyond the store, archiving a month into zstd", "MiB", atMost(64, "MiB")})},
	{"cluster-single", "single posts to three nodes on one order", withCluster("single POST to 3 nodes", clusterSingle)},
	{"cluster-bulk", "bulk CSV to three nodes on one order", withCluster("bulk CSV to 3 nodes", clusterBulk)},
	{"cluster-pauses", "how long callers wait while an api or an etcd that leads ends", withCluster("longest wait while what leads ends", clusterPauses)},
	{"archived-queries", "bill and last month of one meter, by the size of the archive", archivedQueries},
}

// sizes are how much is measured: pairs of floor and ours, each a slice of load, and what each row sends.
type sizes struct {
	pairs       int
	slice, warm time.Duration

	singleMeters, connectionsMax                 int
	consumptionMeters, seriesMeters, seriesSlots int
	bulkMeters, bulkSlots, bulkRuns              int // one body of all meters and slots, a run
	nationMeters, nationSlots                    int
	queryRate                                    int // queries/s beside bulk ingest
	burstMeters, burstRows                       int
	restartMeters, restartSlots                  int
	snapshotMeters, snapshotSlots                int
	archiveMeters, archiveMonths                 int
	fewMeters, manyMeters, archivedSlots         int
	pauses                                       int // of each kind
}

var fullSizes = sizes{
	pairs: 7, slice: 1500 * time.Millisecond, warm: time.Second, singleMeters: 10_000, connectionsMax: 1 << 20,
	consumptionMeters: 2000, seriesMeters: 64, seriesSlots: 31 * 48,
	bulkMeters: 20_000, bulkSlots: 100, bulkRuns: 5, nationMeters: 1_600_000, nationSlots: 5, queryRate: 2000, burstMeters: 100_000, burstRows: 1000,
	restartMeters: 20_000, restartSlots: 31 * 48, snapshotMeters: 10_000, snapshotSlots: 7 * 48,
	archiveMeters: 5000, archiveMonths: 3, fewMeters: 1000, manyMeters: 100_000, archivedSlots: 48, pauses: 5,
}

// quickSizes show that everything works, and are too small to mean anything.
var quickSizes = sizes{
	pairs: 1, slice: 50 * time.Millisecond, warm: 10 * time.Millisecond, singleMeters: 100, connectionsMax: 16,
	consumptionMeters: 10, seriesMeters: 2, seriesSlots: 96,
	bulkMeters: 100, bulkSlots: 10, bulkRuns: 1, nationMeters: 300, nationSlots: 1, queryRate: 200, burstMeters: 100, burstRows: 10,
	restartMeters: 100, restartSlots: 48, snapshotMeters: 100, snapshotSlots: 4,
	archiveMeters: 50, archiveMonths: 1, fewMeters: 10, manyMeters: 100, archivedSlots: 48, pauses: 1,
}
