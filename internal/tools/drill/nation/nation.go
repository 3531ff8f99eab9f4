package nation

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"

	"meterledger/api"
	"meterledger/internal/client"
	"meterledger/internal/meter"
	"meterledger/internal/tools/caller"
	"meterledger/internal/tools/households"
	"meterledger/internal/tools/suite/programs"
)

const timezone = "Asia/Singapore"

// nation is one execution of the tool.
type nation struct {
	settings
	folder   string   // of the api
	log      *os.File // what the api prints
	zone     *meter.Zone
	month    meter.Month
	first    meter.Slot
	slots    int
	homes    []households.Household
	program  *programs.Program
	traffic  *households.Traffic
	refusals caller.Refusals
	say      func(format string, args ...any)
}

func newNation(s settings, now time.Time, out io.Writer) (*nation, error) {
	n := &nation{settings: s, say: log.New(out, "", 0).Printf}
	var err error
	if n.zone, err = meter.LoadZone(timezone); err != nil {
		return nil, err
	}
	if n.homes, err = households.Load(); err != nil {
		return nil, err
	}
	n.month = n.zone.Today(now).CalendarMonth().Add(-1)
	window := n.zone.MonthWindow(n.month)
	n.first, n.slots = window.From, min(s.days*meter.SlotsPerDay, int(window.To-window.From))
	if err = os.MkdirAll(s.dir, 0o755); err != nil {
		return nil, err
	}
	if n.log, err = os.Create(filepath.Join(s.dir, "nation.log")); err != nil {
		return nil, err
	}
	n.folder, err = os.MkdirTemp(s.dir, "nation-")
	return n, err
}

func (n *nation) run(ctx context.Context) (err error) {
	if err := n.start(ctx); err != nil {
		return err
	}
	if err := n.register(ctx); err != nil {
		return err
	}
	if err := n.send(ctx); err != nil {
		return err
	}
	n.tellMemory()
	if n.kill {
		if err := n.killAndRestart(ctx); err != nil {
			return err
		}
	}
	if err := n.closeMonth(ctx); err != nil {
		return err
	}
	n.tellMemory()
	return nil
}

func (n *nation) start(ctx context.Context) (err error) {
	n.program, err = programs.StartProgram(ctx, programs.Config{
		BinDir: n.bin, Out: n.log, Env: programs.Env(n.folder, timezone),
		Args: map[programs.Name][]string{programs.API: append([]string{"-memory-limit", n.memoryLimit, "-archive-compress", "zstd"}, strings.Fields(n.apiArgs)...)},
	}, programs.API)
	if err != nil {
		return err
	}
	meters, err := households.NewPopulation("m-", n.meters, n.zone, n.homes)
	if err != nil {
		return err
	}
	n.traffic = households.NewTraffic(n.program.Host(), meters, n.zone, n.first, n.slots)
	order := "meter by meter"
	if n.isByTime {
		order = "half hour by half hour"
	}
	n.say("%s meters, %s half hours of %s: %s readings, %s, %s in one body, over %s connections, to an api with a memory limit of %s",
		caller.Grouped(n.meters), caller.Grouped(n.slots), n.month, caller.Grouped(n.traffic.Len()), order, caller.Grouped(n.bodyRows()),
		caller.Grouped(n.connections), n.memoryLimit)
	return nil
}

func (n *nation) callers() []*caller.Caller {
	return caller.Several(n.connections, caller.Caller{Host: n.program.Host()})
}

func (n *nation) register(ctx context.Context) error {
	started := time.Now()
	if err := caller.RegisterAll(ctx, n.callers(), n.traffic); err != nil {
		return err
	}
	n.tell("registered", n.meters, "meters", time.Since(started))
	return nil
}

// tell says how much was done, and how fast.
func (n *nation) tell(done string, count int, of string, took time.Duration) {
	n.say("%s: %s %s in %s, %s/s", done, caller.Grouped(count), of, took.Round(time.Millisecond),
		caller.Grouped(int(float64(count)/max(took.Seconds(), 1e-9))))
}

func (n *nation) tellMemory() {
	if most := n.program.MemoryMax(); most > 0 {
		n.say("memory of the api since its start: %.2f GiB at the most", float64(most)/(1<<30))
	}
}

func (n *nation) killAndRestart(ctx context.Context) error {
	if err := n.program.Kill(); err != nil {
		return err
	}
	started := time.Now()
	if err := n.program.Restart(ctx); err != nil {
		return err
	}
	n.say("ended with SIGKILL, and ready %s after the next start", time.Since(started).Round(time.Millisecond))
	return nil
}

// closeMonth wants all that was taken in the archive.
func (n *nation) closeMonth(ctx context.Context) error {
	started := time.Now()
	done, err := n.program.Client().StartMaintenance(ctx, client.MaintenanceRequest{Type: api.Monthly, Month: n.month.String()})
	if err != nil {
		return fmt.Errorf("closing %s: %w", n.month, err)
	}
	took := time.Since(started)
	if len(done.Archives) != 1 || int(done.Archives[0].Rows) != n.traffic.Len() {
		return fmt.Errorf("closing %s made %+v, not one archive of %d rows", n.month, done.Archives, n.traffic.Len())
	}
	file, err := os.Stat(filepath.Join(programs.ArchiveDir(n.folder), filepath.Base(done.Archives[0].File)))
	if err != nil {
		return err
	}
	n.tell("closed", n.traffic.Len(), fmt.Sprintf("rows into %s bytes of zstd", caller.Grouped(file.Size())), took)
	return nil
}
