package httpkit

import (
	"net"
	"net/http"
)

// resetIfCut makes a connection of HTTP/1.0 end with a reset unless its answer is whole. An
// answer without a length ends there with the connection, so one that is cut, even by a
// stop or a kill of the program, would look whole. Later versions have a mark for the end.
func resetIfCut(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoAtLeast(1, 1) {
			next.ServeHTTP(w, r)
			return
		}
		setLinger(r, 0)
		next.ServeHTTP(w, r) // panics with http.ErrAbortHandler if it cuts the answer
		setLinger(r, -1)
	})
}

// setLinger sets for how many seconds the end of r's connection waits for what was sent: -1
// is the default, which loses nothing, and 0 makes the end a reset. It does nothing without
// a TCP connection, such as in a test.
func setLinger(r *http.Request, seconds int) {
	c, _ := r.Context().Value(connectionKey{}).(net.Conn)
	if tcp, ok := below[*net.TCPConn](c); ok {
		_ = tcp.SetLinger(seconds) // fails if the connection is closed already, which decides nothing
	}
}
