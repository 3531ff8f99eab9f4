package main

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"

	"github.com/dsnet/try"

	"meterledger/internal/meter"
	"meterledger/internal/tools/caller"
)

// goBenchmark runs a benchmark that stands beside the package that it measures, once,
// in a process that does nothing else, and returns its metrics by their units.
func (b *bench) goBenchmark(folder, name string) map[string]float64 {
	args := []string{"test", "-vet=off", "-run", "-", "-bench", "^" + name + "$", "-benchtime", "1x", "-count", "1"}
	if b.quick {
		args = append(args, "-short")
	}
	command := exec.CommandContext(b.ctx, "go", append(args, folder)...)
	command.Dir, command.Stderr = b.root, b.log
	out, err := command.Output()
	metrics := make(map[string]float64)
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if err != nil || len(fields) == 0 || !strings.HasPrefix(fields[0], name) {
			continue
		}
		for i := 2; i+1 < len(fields); i += 2 {
			metrics[fields[i+1]] = try.E1(strconv.ParseFloat(fields[i], 64))
		}
	}
	if len(metrics) == 0 {
		try.E(fmt.Errorf("running %s of %s: %w\n%s", name, folder, err, out))
	}
	return metrics
}

const (
	bareBlock        = 112.0 / meter.SlotsPerDay // bytes of a block of the grid, by the readings in it
	gcCPUMax         = 20                        // how much CPU one cycle of the garbage collector may take, in ms
	archiveMemoryMax = 64                        // how much memory archiving may take beyond the store, in MiB
)

// memory measures a store of many meters: bytes a reading, and what the garbage
// collector has to do for it.
func memory(b *bench) []line {
	got := b.goBenchmark("./internal/store", "BenchmarkMemory")
	what := fmt.Sprintf("%s meters x %.0f days", caller.Grouped(int(got["meters"])), got["days"])
	return []line{
		{
			What: "memory a reading, " + what, FloorIs: "the bare block",
			Floor: of(bareBlock, "B"), Ours: of(got["B/reading"], "B"), Ratio: new(got["B/reading"] / bareBlock), aim: atMost(3, "B"),
			Note: fmt.Sprintf("the whole heap after a collection, %s bytes, accounts included; store.Apply took %s ns a reading",
				caller.Grouped(int(got["heap-B"])), number(got["ns/reading"])),
		},
		{What: "CPU of a garbage collection, " + what, Ours: of(got["ms/collection"], "ms"), aim: atMost(gcCPUMax, "ms")},
	}
}

// archiveMemory measures the most memory that archiving a month takes beyond what
// the store takes anyway.
func archiveMemory(b *bench) []line {
	got := b.goBenchmark("./internal/ledger", "BenchmarkArchivingMemory")
	return []line{{
		What: fmt.Sprintf("memory beyond the store, archiving %s meters x %.0f half hours", caller.Grouped(int(got["meters"])), got["slots"]),
		Ours: of(got["MiB-beyond"], "MiB"), aim: atMost(archiveMemoryMax, "MiB"),
		Note: fmt.Sprintf("the heap's highest point, garbage included, less the heap after a collection before: %s MiB and %s MiB; %s rows",
			number(got["MiB-peak"]), number(got["MiB-store"]), caller.Grouped(int(got["rows"]))),
	}}
}
