// Package maintenance is the service that daily and monthly both are. It holds
// no readings: it has the api archive each day, or close each month, that has
// ended: on schedule, on request, and at its start whatever was missed while it
// was down.
//
// One run goes on at a time. A run goes on asking an api that is away or busy,
// with growing pauses, up to a limit; one that fails is logged, listed in
// /status, and tried again. To archive a period twice changes nothing, so a run
// whose answer was lost is simply repeated.
package maintenance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"

	"meterledger/internal/client"
	"meterledger/internal/config"
	"meterledger/internal/httpkit"
)

// Run is the whole of a program: it listens, serves and keeps up until ctx is
// done, then ends the attempt that it is making and returns nil.
func Run(ctx context.Context, kind Kind, settings config.Maintenance) error {
	log := settings.Logger(os.Stderr)
	listener, err := httpkit.Listen(settings.Addr, "-addr", kind.addrEnv)
	if err != nil {
		return err
	}
	log.Info("listening", "addr", listener.Addr().String(), "docs", fmt.Sprintf("http://%s/docs", listener.Addr()),
		"api_url", settings.APIURL.String(), "timezone", settings.Timezone.String(), "version", config.Version())

	ctx, stop := context.WithCancel(ctx)
	defer stop()
	service, err := New(ctx, kind, settings, client.New(settings.APIURL, &http.Client{}), log)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	var keeping sync.WaitGroup
	keeping.Go(service.KeepUp)
	context.AfterFunc(ctx, func() { log.Info("stopping: finishing what was accepted") })

	err = httpkit.Serve(ctx, listener, service.Handler(httpkit.NewMetrics()), log)
	stop()
	keeping.Wait()
	if err == nil {
		log.Info("stopped")
	}
	return err
}
