// Drill loads the api as meters, households, operators and power cuts do, and compares what the api keeps
// with what it has told its callers. The exit status is 1 if anything was wrong.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"

	"meterledger/internal/tools/drill/cluster"
	"meterledger/internal/tools/drill/kill"
	"meterledger/internal/tools/drill/load"
	"meterledger/internal/tools/drill/nation"
	"meterledger/internal/tools/drill/tour"
	"meterledger/internal/tools/suite/programs"
)

func main() { programs.Main("drill", run) }

const help = `drill load|nation|kill|cluster|tour: -h after one of them lists its settings

  load     any number of meters, against a running api
  nation   a month of 1.6 million meters in bulk, to an api of its own, measured
  kill     the api killed under load, again and again
  cluster  several nodes and their etcd under load, and all that can go wrong
  tour     real households through the whole suite
`

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	drills := map[string]func(context.Context, []string, io.Writer, io.Writer) error{"load": load.Run, "nation": nation.Run, "kill": kill.Run, "cluster": cluster.Run, "tour": tour.Run}
	if len(args) > 0 && drills[args[0]] != nil {
		return drills[args[0]](ctx, args[1:], stdout, stderr)
	}
	fmt.Fprint(stderr, help)
	if slices.Contains(args, "-h") {
		return flag.ErrHelp
	}
	return errors.New("which drill: load, nation, kill, cluster or tour?")
}
