package httpkit

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"
)

// connection is a caller's connection as net/http, or TLS above it, sees it. It limits how slowly
// a caller may take what is written, which covers all answers, those of net/http itself too.
type connection struct {
	net.Conn
	patience patience // of writes, of which there is one at a time
	bound    *connections
	network  netip.Prefix // of which it counts as one; not valid if it counts only in all

	memberships []membership // none after it has left; guarded by bound, as is busy
	busy        bool         // with a request
}

// setBusy is called with the lock of bound.
func (c *connection) setBusy(busy bool) {
	if c.busy == busy {
		return
	}
	c.busy = busy
	for _, m := range c.memberships {
		if busy {
			m.crowd.idle--
		} else {
			m.crowd.idle++
			m.crowd.members.MoveToBack(m.place)
		}
	}
}

func (c *connection) Write(b []byte) (int, error) {
	return c.patience.write(c.Conn, b, c.Conn.SetWriteDeadline)
}

// SetWriteDeadline has writes end at t, or by the connection's own rule again if t is zero.
func (c *connection) SetWriteDeadline(t time.Time) error {
	return c.patience.lend(t, c.Conn.SetWriteDeadline)
}

func (c *connection) SetDeadline(t time.Time) error {
	return errors.Join(c.Conn.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// CloseWrite tells the caller that nothing more is written, while what it sends is still taken.
func (c *connection) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

func (c *connection) Close() error {
	c.bound.leave(c)
	return c.Conn.Close()
}

// NetConn returns the connection below, as that of a *tls.Conn does.
func (c *connection) NetConn() net.Conn { return c.Conn }

// connectionKey is of a request's context; its value is the net.Conn.
type connectionKey struct{}

func withConnection(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, c)
}

// below returns the connection of a kind that c is or wraps.
func below[C net.Conn](c net.Conn) (found C, ok bool) {
	for {
		if found, ok = c.(C); ok {
			return found, true
		}
		wrapper, wraps := c.(interface{ NetConn() net.Conn })
		if !wraps {
			return found, false
		}
		c = wrapper.NetConn()
	}
}
