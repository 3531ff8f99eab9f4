// Command monthly asks the api to archive and bill each month that has ended, and to clear
// it from memory: once a month on schedule, on request, and at its start for all months that
// were missed. It holds no readings itself.
package main

import (
	"context"
	"log/slog"

	"meterledger/internal/config"
	"meterledger/internal/maintenance"
)

func main() { config.Main(config.LoadMonthly, run) }

func run(ctx context.Context, settings config.Maintenance, log *slog.Logger) error {
	return maintenance.Run(ctx, maintenance.Monthly(), settings, log)
}
