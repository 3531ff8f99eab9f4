package rest

import (
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/httprate"

	"meterledger/internal/httpkit"
	"meterledger/internal/ledger"
	"meterledger/internal/meter"
)

// api holds what the handlers share.
type api struct {
	ledger  *ledger.Ledger
	zone    *meter.Zone
	log     *slog.Logger
	exports chan struct{} // holds one for each export that is under way
}

// NewHandler returns the api. rateLimit is how many requests a minute one client
// address may send; 0 is no limit.
func NewHandler(l *ledger.Ledger, log *slog.Logger, metrics *httpkit.Metrics, rateLimit int) http.Handler {
	metrics.Add(l.Metrics())
	a := &api{ledger: l, zone: l.Zone(), log: log, exports: make(chan struct{}, exportsMax)}
	r := httpkit.NewRouter(log, metrics)
	r.Get("/readyz", handle(a.ready))
	r.Group(func(r chi.Router) {
		if rateLimit > 0 {
			r.Use(limit(rateLimit))
		}
		r.Post("/register_account", handle(a.registerAccount))
		r.Get("/account", handle(a.account))
		r.Post("/receive_meter_reading", handle(a.receiveReading))
		r.Post("/receive_meter_readings", handle(a.receiveReadings))
		r.Get("/get_consumption", handle(a.consumption))
		r.Get("/get_readings", handle(a.readings))
		r.Get("/meters", handle(a.meters))
		r.Get("/meters/{meter_id}/gaps", handle(a.gaps))
		r.Get("/export_readings", handle(a.export))
		r.Get("/get_last_month_bill", handle(a.lastMonthBill))
		r.Get("/get_bill", handle(a.bill))
		r.Post("/maintenance/start", handle(a.startMaintenance))
		r.Get("/maintenance/status", handle(a.maintenanceStatus))
		r.Post("/shutdown", handle(a.shutdown))
		r.Post("/resume", handle(a.resume))
		r.Post("/restore_data", handle(a.restore))
	})
	return r
}

// handle lets a handler return its error.
func handle(h func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			httpkit.WriteError(w, r, err)
		}
	}
}

func limit(perMinute int) func(http.Handler) http.Handler {
	tooMany := &meter.Error{
		Kind: meter.KindTooMany, Code: meter.CodeOverloaded, RetryAfter: time.Minute,
		Detail: "this address sends more requests a minute than it may",
	}
	return httprate.LimitBy(perMinute, time.Minute, clientAddress,
		httprate.WithLimitHandler(func(w http.ResponseWriter, r *http.Request) { httpkit.WriteError(w, r, tooMany) }))
}

// clientAddress is the address of the connection: a header could name any.
func clientAddress(r *http.Request) (string, error) {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	return host, err
}

// stamp writes the present as the answers do.
func (a *api) stamp() string { return a.zone.StampTime(a.ledger.Now()) }
