// Package nation measures what an api makes of a month of a whole nation's readings: how fast it takes them in bulk and with
// how much memory, how soon it is back after SIGKILL, and how long it closes the month into zstd, in which all that was
// taken must be.
//
// The api is one of its own on fresh folders, which are removed at the end. 1.6 million meters take 30 GB of disk, and
// a quarter of an hour on two cores.
package nation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"meterledger/internal/tools/suite/programs"
)

// settings is what a user can choose.
type settings struct {
	bin, dir, memoryLimit, apiArgs  string
	meters, days, rows, connections int
	isByTime, kill                  bool
}

func parse(args []string, stderr io.Writer) (s settings, err error) {
	flags := programs.NewFlags("drill nation", "sends last month's readings of a whole nation in bulk to an api of its own, and closes the month", stderr)
	flags.StringVar(&s.bin, "bin", "bin", "folder that holds the binary api")
	flags.StringVar(&s.dir, "dir", ".bench", "folder on the disk to be measured, in which the run makes one of its own and removes it; nation.log there is what the api said")
	flags.IntVar(&s.meters, "meters", 1_600_000, "how many meters there are")
	flags.IntVar(&s.days, "days", 31, "how many days of last month they report, from its first on")
	flags.BoolVar(&s.isByTime, "by-time", false, "send all meters of one half hour after the other, as head-ends do, not all half hours of one meter after the other")
	flags.IntVar(&s.rows, "rows", 100_000, "readings in one CSV body; by meter so many that whole meters are in it")
	flags.IntVar(&s.connections, "connections", 4, "how many connections send at once")
	flags.StringVar(&s.memoryLimit, "memory-limit", "8GiB", "the api's")
	flags.BoolVar(&s.kill, "kill", false, "end the api with SIGKILL before the month is closed, and start it again")
	flags.StringVar(&s.apiArgs, "api-args", "", "further flags for the api, parted by blanks")
	if err := programs.Parse(flags, args); err != nil {
		return s, err
	}
	if min(s.meters, s.days, s.rows, s.connections) < 1 || s.meters > metersMax {
		return s, fmt.Errorf("-meters must be 1 to %d, and -days, -rows and -connections at least 1", metersMax)
	}
	return s, nil
}

// metersMax is how many a population's ids are in order for.
const metersMax = 10_000_000

// Run is the tool.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	s, err := parse(args, stderr)
	if err != nil {
		return err
	}
	n, err := newNation(s, time.Now(), stdout)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.close()) }()
	if err := n.run(ctx); err != nil {
		return fmt.Errorf("%w (what the api said is in %s)", err, n.log.Name())
	}
	return nil
}

// close ends the api, of which nothing is to be kept.
func (n *nation) close() (err error) {
	if n.program != nil {
		err = n.program.Kill()
	}
	return errors.Join(err, n.log.Close(), os.RemoveAll(n.folder))
}
