package ledger

import (
	"context"
	"sync"
)

// mark is the sequence of a batch, which only rises, and can be waited for.
type mark struct {
	mu     sync.Mutex // guards all below
	at     uint64
	raised chan struct{} // closed when at rises; nil while nobody waits
}

func (m *mark) load() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.at
}

func (m *mark) raise(to uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if to <= m.at {
		return
	}
	m.at = to
	if m.raised != nil {
		close(m.raised)
		m.raised = nil
	}
}

// wait returns nil once the mark has come to a sequence.
func (m *mark) wait(ctx context.Context, sequence uint64) error {
	for {
		m.mu.Lock()
		if m.at >= sequence {
			m.mu.Unlock()
			return nil
		}
		if m.raised == nil {
			m.raised = make(chan struct{})
		}
		raised := m.raised
		m.mu.Unlock()
		select {
		case <-raised:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
