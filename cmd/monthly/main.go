// Command monthly asks the api to archive and bill each month that has ended, and to clear
// it from memory: once a month on schedule, on request, and at its start for all months that
// were missed. It holds no readings itself.
package main

import (
	"context"
	"os"

	"meterledger/internal/config"
	"meterledger/internal/maintenance"
)

func main() { config.Main("monthly", run) }

func run(ctx context.Context, args []string) error {
	settings, err := config.LoadMonthly(args, os.Getenv, os.Stdout)
	if err != nil {
		return err
	}
	return maintenance.Run(ctx, maintenance.Monthly(), settings)
}
