// Package port finds ports for programs that are ended and started again.
package port

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
)

// given marks the ports that were given: a port of UDP that is held belongs to nobody else while this process runs.
var given struct {
	sync.Mutex // guards marks
	marks      []net.PacketConn
}

// Free is an address of 127.0.0.1 on which nobody listens and that nobody else is given. Systems do not give its port to
// connections by themselves: a program that is started again finds it free.
func Free() string {
	given.Lock()
	defer given.Unlock()
	for {
		address := fmt.Sprintf("127.0.0.1:%d", 12_000+rand.IntN(20_000))
		mark, err := net.ListenPacket("udp", address)
		if err != nil {
			continue
		}
		given.marks = append(given.marks, mark)
		if l, err := net.Listen("tcp", address); err == nil {
			_ = l.Close()
			return address
		}
	}
}
