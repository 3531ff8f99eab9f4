// Command daily asks the api to archive each day that has ended: once a day on schedule, on
// request, and at its start for all days that were missed. It holds no readings itself.
package main

import (
	"context"
	"os"

	"meterledger/internal/config"
	"meterledger/internal/maintenance"
)

func main() { config.Main("daily", run) }

func run(ctx context.Context, args []string) error {
	settings, err := config.LoadDaily(args, os.Getenv, os.Stdout)
	if err != nil {
		return err
	}
	return maintenance.Run(ctx, maintenance.Daily(), settings)
}
