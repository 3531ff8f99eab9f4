package ledger

import (
	"log/slog"
	"sync/atomic"
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// errMemoryFull is the answer to what would make the store grow once it has taken what it
// may.
var errMemoryFull = meter.Unavailable(meter.CodeMemoryFull, time.Minute,
	"there is no memory for more readings until a month is closed").Because(meter.ReasonMemoryFull)

// storeShare is which part of the process's memory the store may take, in percent. The rest
// is for requests, runs, the journal, and garbage.
const storeShare = 80

// memoryMarks are the shares of what the store may take, in percent, at which the log says
// so.
var memoryMarks = []int64{70, 85, 95}

// memory tells when the store must not grow any more. What it has promised to commits that
// are not applied yet counts as taken.
type memory struct {
	limit   uint64 // bytes that the process may take; 0 for any
	max     int64  // bytes that the store may take; 0 for any
	log     *slog.Logger
	store   *store.Store
	granted atomic.Int64 // bytes by which commits that are under way can make the store grow
	marked  atomic.Int64 // the mark that was logged last, or 0
}

func newMemory(limit uint64, log *slog.Logger) *memory {
	return &memory{limit: limit, max: int64(limit / 100 * storeShare), log: log}
}

// taken returns what the store takes, and what it has been granted.
func (m *memory) taken() int64 { return m.store.HeldBytes() + m.granted.Load() }

// full is the gate of full memory. Unlike the others it lets readings pass that the store
// has a place for.
func (m *memory) full() bool { return m.max > 0 && m.taken() >= m.max }

// over reports whether the store has taken clearly more than it may. Readings that have a
// place each need not have it together.
func (m *memory) over() bool { return m.taken()-m.max >= m.max/16 }

// near reports whether the store would take more than the process may if it took twice as
// much as now.
func (m *memory) near() bool { return m.max > 0 && 2*m.taken() >= int64(m.limit) }

// look logs when the store has passed a mark, or has come back below one.
func (m *memory) look() {
	if m.max == 0 {
		return
	}
	held := m.store.HeldBytes()
	mark := int64(0)
	for _, percent := range memoryMarks {
		if held >= m.max/100*percent {
			mark = percent
		}
	}
	switch was := m.marked.Swap(mark); {
	case mark > was:
		m.log.Warn("memory fills up: when it is full, readings that need more are refused until a month is closed",
			"percent", mark, "held_bytes", held, "held_bytes_max", m.max)
	case mark < was:
		m.log.Info("memory has room again", "below_percent", was, "held_bytes", held, "held_bytes_max", m.max)
	}
}
