package httpkit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"
)

const (
	headerReadMax  = 10 * time.Second // from a connection that sends its header slowly
	idleMax        = 2 * time.Minute
	shutdownMax    = 10 * time.Second
	headerBytesMax = 1 << 20
)

// Listen opens addr. Where it cannot, the error is one line that says which
// flag and which environment variable choose another.
func Listen(addr, flag, env string) (net.Listener, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w; choose another with %s or %s", addr, listenCause(err), flag, env)
	}
	return listener, nil
}

// listenCause drops what net says about addr, and keeps why.
func listenCause(err error) error {
	var number syscall.Errno
	if errors.As(err, &number) {
		return number
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

// Serve answers on listener until ctx is done, then takes no new connections,
// gives the requests that it has accepted ten seconds to end, and returns nil.
// It closes listener.
func Serve(ctx context.Context, listener net.Listener, h http.Handler, log *slog.Logger) error {
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerReadMax,
		IdleTimeout:       idleMax,
		MaxHeaderBytes:    headerBytesMax,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serving on %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	shutDown(ctx, server, log)
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving on %s: %w", listener.Addr(), err)
	}
	return nil
}

func shutDown(ctx context.Context, server *http.Server, log *slog.Logger) {
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownMax)
	defer cancel()
	if err := server.Shutdown(patience); err != nil {
		log.Warn("some requests did not end in time and are cut off", "waited", shutdownMax, "error", err)
		if err := server.Close(); err != nil {
			log.Warn("closing connections failed", "error", err)
		}
	}
}
