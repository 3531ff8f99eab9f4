package httpkit

import (
	"log/slog"
	"net/http"
	"time"

	"meterledger/api"
)

// Asked returns h with two lines in the log for each request: who asks for what, before h
// begins, and how it was answered. It is for what operators do, and daily and monthly
// for them, which is rare and matters. The handler must belong to a router
// of NewRouter.
func Asked(log *slog.Logger, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := answerOf(w)
		log := log.With("request_id", a.id[0], "method", r.Method, "path", LoggedPath(r))
		asks, answered := "an operator asks", "the operator was answered"
		if agent := api.Program(r.UserAgent()); agent == api.ProgramDaily || agent == api.ProgramMonthly {
			asks, answered = string(agent)+" asks", string(agent)+" was answered"
		}
		log.Info(asks, "parameters", loggedQuery(r.URL.RawQuery), "from", from(r), "user_agent", logged(r.UserAgent()))
		began := time.Now()
		h.ServeHTTP(w, r)
		log = log.With("status", a.status, "took", time.Since(began))
		if a.cause != nil {
			log = log.With("error", withoutSecrets(a.cause.Error()))
		}
		log.Info(answered)
	})
}
