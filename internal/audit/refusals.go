package audit

import (
	"net/netip"
	"sync"
	"time"

	"meterledger/api"
	"meterledger/internal/meter"
)

// Of the refusals of a minute so many have a line each. Beyond, they are counted by address, and
// beyond so many addresses together.
const (
	linesByAddressMax = 100
	linesMax          = 10_000
	addressesMax      = 10_000
)

// many stands for the addresses beyond addressesMax.
const many = "many"

// refusals keeps a rush of refusals from filling the disk.
type refusals struct {
	write func(api.AuditLine)

	mu        sync.Mutex // guards all below, which are of the present minute
	lines     int        // that were written
	byAddress map[string]*refused
	minute    *time.Timer
}

// refused is what was refused of an address.
type refused struct {
	requests int
	counted  api.AuditLine // the last beyond those that have a line each, and their count
}

// add writes a line, or counts it if there are too many or the disk has no room for them.
func (rs *refusals) add(line api.AuditLine, isFull bool) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.byAddress == nil {
		rs.byAddress = make(map[string]*refused)
		rs.minute = time.AfterFunc(time.Minute, rs.tell)
	}
	key := networkOf(line.Address)
	if rs.byAddress[key] == nil {
		if len(rs.byAddress) >= addressesMax {
			key, line.Address = many, many
		}
		if rs.byAddress[key] == nil {
			rs.byAddress[key] = &refused{}
		}
	}
	r := rs.byAddress[key]
	r.requests++
	if key != many && r.requests <= linesByAddressMax && rs.lines < linesMax && !isFull {
		rs.lines++
		rs.write(line)
		return
	}
	line.Count = r.counted.Count + 1
	r.counted = line
}

// tell writes what was counted.
func (rs *refusals) tell() {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.byAddress == nil {
		return
	}
	rs.minute.Stop()
	for _, r := range rs.byAddress {
		if r.counted.Count > 0 {
			rs.write(r.counted)
		}
	}
	rs.byAddress, rs.lines = nil, 0
}

// networkOf returns what counts as one address.
func networkOf(address string) string {
	addr, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	return meter.NetworkOf(addr).String()
}
