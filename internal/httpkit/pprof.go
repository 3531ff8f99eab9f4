package httpkit

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/pprof"
)

// ServeProfiler serves the profiler at addr, apart from the program's own endpoints, until ctx
// is done. Config has made sure that addr is on loopback; an empty one serves nothing. hosts
// guards it like the program. The error is that of Listen.
func ServeProfiler(ctx context.Context, addr string, log *slog.Logger) error {
	if addr == "" {
		return nil
	}
	listener, err := Listen(addr, "-pprof-addr", "PPROF_ADDR")
	if err != nil {
		return err
	}
	log.Info("profiler listening", "pprof", "http://"+listener.Addr().String()+"/debug/pprof/")
	go func() { // ends with ctx
		if err := Serve(ctx, listener, guard(nil)(profiler()), log); err != nil {
			log.Error("the profiler ends", "error", err)
		}
	}()
	return nil
}

func profiler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}
