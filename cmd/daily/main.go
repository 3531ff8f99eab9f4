// Command daily has the api archive every day that has ended: once a day on
// schedule, on request, and at its start whatever was missed while it was down.
// It holds no readings itself.
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
