package cluster

import (
	"context"
	"debug/buildinfo"
	"errors"
	"path/filepath"
	"runtime/debug"
	"slices"
	"time"

	"meterledger/internal/tools/suite/programs"
)

// wrongs are by how much a clock is ahead: by so little that the node goes on and warns, and by so much that it takes nothing.
var wrongs = []time.Duration{-10 * time.Minute, -30 * time.Second, 30 * time.Second, 10 * time.Minute}

// wrongClock has a node that does not lead start with a wrong clock, and with the right one again.
func wrongClock(ctx context.Context, s *strike) error {
	return on(follower, func(ctx context.Context, s *strike, all []*programs.Program) error {
		p, ahead := all[0], wrongs[s.chance.IntN(len(wrongs))]
		s.detail += " by " + ahead.String()
		p.Env = []string{"CLOCK_AHEAD=" + ahead.String()}
		err := errors.Join(p.Stop(), p.Start(ctx))
		p.Env = nil
		if err == nil {
			s.pause(ctx, 1)
		}
		return errors.Join(err, p.Stop(), p.Start(ctx))
	})(ctx, s)
}

// needsClock looks how the api was built.
func needsClock(s settings) error {
	info, err := buildinfo.ReadFile(filepath.Join(s.bin, string(programs.API)))
	if err == nil && !slices.Contains(info.Settings, debug.BuildSetting{Key: "-tags", Value: "drill"}) {
		err = errors.New("the api was not built with -tags drill, and has the clock of the machine")
	}
	return err
}
