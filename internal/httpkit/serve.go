package httpkit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"
)

const (
	headerReadMax  = 10 * time.Second // for the header of a request
	idleMax        = 2 * time.Minute
	shutdownMax    = 10 * time.Second
	headerBytesMax = 16 << 10 // of a whole header, the request line included
)

// Serve answers on listener until ctx is done. Then it accepts no new connections, gives
// running requests ten seconds to end, and returns nil. It closes listener.
func Serve(ctx context.Context, listener *Listener, h http.Handler, log *slog.Logger) error {
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerReadMax,
		IdleTimeout:       idleMax,
		MaxHeaderBytes:    headerBytesMax,
		ConnContext:       withConnection,
		ErrorLog:          newServerLog(log),
		TLSConfig:         listener.TLS,
	}
	serve := server.Serve
	if listener.TLS != nil {
		serve = func(l net.Listener) error { return server.ServeTLS(l, "", "") } // TLSConfig knows the certificate
	}
	served := make(chan error, 1)
	go func() { served <- serve(listener.Listener) }()
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

// bodyPatience is the longest pause within a body. There is no limit for the whole body,
// which may be of any length.
const bodyPatience = 30 * time.Second

// ErrSlowBody is the error of a read that got nothing for bodyPatience.
var ErrSlowBody = errors.New("the body came to a halt")

// limitPatience makes a read of the body fail if nothing arrives for bodyPatience.
func limitPatience(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body == nil || r.Body == http.NoBody {
			next.ServeHTTP(w, r)
			return
		}
		body := &patientBody{ReadCloser: r.Body, connection: http.NewResponseController(w)}
		r.Body = body
		next.ServeHTTP(w, r)
		body.leave()
	})
}

// patientBody sets a deadline for each read. The time between reads, in which the program
// works, does not count. net/http removes the deadline at the end of the body.
type patientBody struct {
	io.ReadCloser
	connection *http.ResponseController
	ended      bool
}

func (b *patientBody) Read(p []byte) (int, error) {
	if b.ended {
		return b.ReadCloser.Read(p)
	}
	b.setDeadline(time.Now().Add(bodyPatience))
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.ended = true
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return n, ErrSlowBody
		}
	}
	return n, err
}

// leave renews the deadline for the unread rest of the body, which net/http drains
// before it reuses the connection.
func (b *patientBody) leave() {
	if !b.ended {
		b.setDeadline(time.Now().Add(bodyPatience))
	}
}

// setDeadline does nothing if there is no connection, such as in a test.
func (b *patientBody) setDeadline(t time.Time) { _ = b.connection.SetReadDeadline(t) }
