package access

import (
	"net/netip"
	"sync"
	"time"
)

const (
	// FailuresMax is how many wrong credentials an address may send in a minute of the clock
	// before it is answered 429.
	FailuresMax = 20

	// addressesMax is how many addresses are counted by themselves. The others of the same
	// minute share one count, so that no crowd of addresses takes memory.
	addressesMax = 10_000

	// networkBits is how much of an IPv6 address one caller cannot choose.
	networkBits = 64
)

// failures counts the wrong credentials of the present minute.
type failures struct {
	mu     sync.Mutex // guards minute and counts
	minute time.Time
	counts map[netip.Addr]int
}

// add counts one, and returns how long its sender must wait; 0 if that was not one too many.
func (f *failures) add(from netip.Addr, now time.Time) time.Duration {
	if from.Is6() && !from.Is4In6() {
		from = netip.PrefixFrom(from.WithZone(""), networkBits).Masked().Addr()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if minute := now.Truncate(time.Minute); !minute.Equal(f.minute) {
		f.minute, f.counts = minute, make(map[netip.Addr]int)
	}
	if _, known := f.counts[from]; !known && len(f.counts) >= addressesMax {
		from = netip.Addr{}
	}
	f.counts[from]++
	if f.counts[from] <= FailuresMax {
		return 0
	}
	return f.minute.Add(time.Minute).Sub(now)
}
