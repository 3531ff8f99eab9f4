// Command daily asks the api to archive each day that has ended: once a day on schedule, on
// request, and at its start for all days that were missed. It holds no readings itself.
package main

import (
	"context"
	"log/slog"

	"meterledger/internal/config"
	"meterledger/internal/maintenance"
)

func main() { config.Main(config.LoadDaily, run) }

func run(ctx context.Context, settings config.Maintenance, log *slog.Logger) error {
	return maintenance.Run(ctx, maintenance.Daily(), settings, log)
}
