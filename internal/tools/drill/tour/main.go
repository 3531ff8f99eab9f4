// Package tour runs the whole suite on the real readings of twelve households, in well
// under a minute, and ends by itself.
//
// It starts the three programs on free ports and a fresh folder, posts last
// month and this month up to now as meters would, has daily and monthly archive
// and bill them, and prints what a household then sees. Every number that the
// api answers is compared with the sums of the source data: if one differs, or a reading is
// lost, that is an error.
package tour

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/shopspring/decimal"

	"meterledger/internal/meter"
	"meterledger/internal/tools/households"
	"meterledger/internal/tools/suite/programs"
)

const defaultTimezone = "Asia/Singapore"

// opening is what every meter showed before its first interval, in kWh.
var opening = decimal.NewFromInt(1000)

// Run is the tool.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	started := time.Now()
	flags := programs.NewFlags("drill tour", "real households through the whole suite", stderr)
	bin := flags.String("bin", "bin", "folder that holds the binaries api, daily and monthly")
	dir := flags.String("dir", ".demo", "folder of the demo's own, made afresh")
	if err := flags.Parse(args); err != nil {
		return err
	}
	zone, err := meter.LoadZone(cmp.Or(os.Getenv("TIMEZONE"), defaultTimezone))
	if err != nil {
		return fmt.Errorf("TIMEZONE: %w", err)
	}
	sample, err := households.Load()
	if err != nil {
		return fmt.Errorf("loading the households: %w", err)
	}
	if err := freshFolder(*dir); err != nil {
		return err
	}
	logPath := filepath.Join(*dir, "suite.log")
	log, err := os.Create(logPath)
	if err != nil {
		return fmt.Errorf("making the programs' log: %w", err)
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	suite, err := programs.Start(ctx, programs.Config{BinDir: *bin, Env: settings(*dir, zone), Out: log})
	if err != nil {
		return fmt.Errorf("%w (the programs' log is %s)", err, logPath)
	}
	t := newTour(stdout, zone, time.Now, sample)
	t.api, t.daily, t.monthly = callerOf(suite.API.URL), callerOf(suite.Daily.URL), callerOf(suite.Monthly.URL)
	t.archiveDir, t.log = filepath.Join(*dir, archiveName), logPath
	if err := errors.Join(t.run(ctx), suite.Stop()); err != nil {
		return fmt.Errorf("%w (the programs' log is %s)", err, logPath)
	}
	t.farewell(*dir, time.Since(started))
	return nil
}

// settings puts the suite into dir, on free ports, and leaves every run to the
// demo. Settings of the user's own must not reach it.
func settings(dir string, zone *meter.Zone) []string {
	return []string{
		"API_ADDR=127.0.0.1:0", "DAILY_ADDR=127.0.0.1:0", "MONTHLY_ADDR=127.0.0.1:0",
		"DATA_DIR=" + filepath.Join(dir, dataName), "ARCHIVE_DIR=" + filepath.Join(dir, archiveName),
		"DAILY_SCHEDULE=off", "MONTHLY_SCHEDULE=off", "DAILY_HISTORY=off", "MONTHLY_HISTORY=off",
		"TIMEZONE=" + zone.String(), "LOG_FORMAT=text", "LOG_LEVEL=info", "RATE_LIMIT=0",
	}
}
