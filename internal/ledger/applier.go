package ledger

import (
	"fmt"
	"sync"
	"sync/atomic"

	"meterledger/internal/chain"
	"meterledger/internal/mutant"
	"meterledger/internal/store"
)

// applier follows an order: it applies the batches that the order hands out, and answers
// the commits that this node has sent.
type applier struct {
	store    *store.Store
	growth   *growth
	memory   *memory
	answer   func(*commit)
	verdicts store.Verdicts // of a batch
	entries  atomic.Uint64  // applied so far

	mu  sync.Mutex     // held while a batch is applied
	end chain.Position // of the last batch that was applied; guarded by mu
}

func (a *applier) applyAll(o order) {
	for {
		b, ok := o.next()
		if !ok {
			return
		}
		if mutant.AnsweredBeforeApplied && len(b.commits) > 0 {
			a.verdicts = store.AllAccepted(b.entries)
			a.answerAll(b.commits)
			b.commits = nil
		}
		a.apply(b)
		a.answerAll(b.commits)
	}
}

func (a *applier) answerAll(commits []*commit) {
	for _, k := range commits {
		k.verdicts = a.verdicts.Part(k.at, k.entries, k.verdicts)
		a.answer(k)
	}
}

func (a *applier) apply(b ordered) {
	a.mu.Lock()
	defer a.mu.Unlock()
	verdicts, err := a.store.Apply(b.payload, a.verdicts)
	if err != nil || verdicts.Len() != b.entries && b.entries != entriesUnknown {
		panic(fmt.Sprintf("BUG: %d entries came back with %d verdicts: %v", b.entries, verdicts.Len(), err))
	}
	a.verdicts, a.end = verdicts, b.end
	a.entries.Add(uint64(verdicts.Len()))
	a.growth.add(len(b.payload))
	a.memory.look()
}

// position returns the end of the last batch that was applied.
func (a *applier) position() chain.Position {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.end
}

// freeze freezes the state between two batches, and returns its position.
func (a *applier) freeze() (*store.FrozenState, chain.Position) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.store.Freeze(), a.end
}
