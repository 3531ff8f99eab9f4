package httpkit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

const (
	headerReadMax  = 10 * time.Second // for the header of a request
	idleMax        = 2 * time.Minute
	shutdownMax    = 10 * time.Second
	headerBytesMax = 16 << 10 // of a whole header, the request line included

	streamsMax  = 100       // requests under way on one connection of HTTP/2
	receivedMax = 256 << 10 // bytes of bodies that such a connection may have sent and nobody has read yet
)

// Serve answers on listener until ctx is done. Then it accepts no new connections, gives
// running requests ten seconds to end, and returns nil. It closes listener.
func Serve(ctx context.Context, listener *Listener, h http.Handler, log *slog.Logger) error {
	bounded := newConnections(listener.Listener, listener.Proxies, log)
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerReadMax,
		IdleTimeout:       idleMax,
		MaxHeaderBytes:    headerBytesMax,
		ConnContext:       withConnection,
		ConnState:         bounded.track,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: streamsMax, MaxReceiveBufferPerConnection: receivedMax, MaxReceiveBufferPerStream: receivedMax},
		ErrorLog:          newServerLog(log),
		TLSConfig:         listener.TLS,
	}
	serve := server.Serve
	if listener.TLS != nil {
		serve = func(l net.Listener) error { return server.ServeTLS(l, "", "") } // TLSConfig knows the certificate
	}
	served := make(chan error, 1)
	go func() { served <- serve(bounded) }()
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
