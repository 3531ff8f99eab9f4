package access

import (
	"net/netip"
	"sync"
	"time"

	"meterledger/internal/meter"
)

const (
	// FailuresMax is how many wrong credentials an address may send in a minute of the clock
	// before it is answered 429.
	FailuresMax = 20

	// networksMax is how many networks are counted by themselves. The others of the same
	// minute share one count, so that no crowd of addresses takes memory.
	networksMax = 10_000
)

// failures counts the wrong credentials of the present minute.
type failures struct {
	mu     sync.Mutex // guards minute and counts
	minute time.Time
	counts map[netip.Prefix]int
}

// add counts one, and returns how long its sender must wait; 0 if that was not one too many.
func (f *failures) add(from netip.Addr, now time.Time) time.Duration {
	network := meter.NetworkOf(from)
	f.mu.Lock()
	defer f.mu.Unlock()
	if minute := now.Truncate(time.Minute); !minute.Equal(f.minute) {
		f.minute, f.counts = minute, make(map[netip.Prefix]int)
	}
	if _, known := f.counts[network]; !known && len(f.counts) >= networksMax {
		network = netip.Prefix{}
	}
	f.counts[network]++
	if f.counts[network] <= FailuresMax {
		return 0
	}
	return f.minute.Add(time.Minute).Sub(now)
}
