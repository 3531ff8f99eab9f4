package port

import (
	"net"
	"testing"
)

func TestAnAddressIsFreeAndIsGivenOnce(t *testing.T) {
	seen := make(map[string]bool)
	for range 20 {
		address := Free()
		if seen[address] {
			t.Errorf("%s is given twice", address)
		}
		seen[address] = true
		if mark, err := net.ListenPacket("udp", address); err == nil {
			mark.Close()
			t.Errorf("another process would be given %s", address)
		}
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
	}
}
