package ledger

import (
	"context"
	"sync"
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// usesWait is how long uses of credentials gather before they are written down.
const usesWait = 5 * time.Second

// uses gathers which credentials were used today, each once. Nobody waits until that is written:
// what is lost by a crash, or for want of room, is written with the next use.
type uses struct {
	l *Ledger

	mu      sync.Mutex          // guards all below
	day     meter.Day           // of those that gather
	ids     []string            // that gather
	known   map[string]struct{} // that gather or are being written
	timer   *time.Timer
	stopped bool
}

// Used takes down that a credential counted at a time. It never waits.
func (l *Ledger) Used(c *meter.Credential, now time.Time) {
	if day := l.zone.Today(now); c.LastUse.Compare(day) < 0 {
		l.uses.add(c.ID, day)
	}
}

func (u *uses) add(id string, day meter.Day) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, known := u.known[id]; known || u.stopped {
		return
	}
	if c, found := u.l.store.CredentialByID(id); !found || c.LastUse.Compare(day) >= 0 {
		return // it was written since the caller looked
	}
	if day != u.day {
		u.write()
		u.day = day
	}
	u.known[id] = struct{}{}
	if u.ids = append(u.ids, id); len(u.ids) == 1 {
		u.timer = time.AfterFunc(usesWait, u.flush)
	}
	if len(u.ids) == store.CredentialsUsedMax {
		u.write()
	}
}

func (u *uses) flush() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.write()
}

// write queues what has gathered.
func (u *uses) write() {
	if len(u.ids) == 0 {
		return
	}
	u.timer.Stop()
	ids := u.ids
	u.ids = nil
	k := &commit{
		payload: store.AppendUsed(nil, u.day, ids), entries: 1, deferred: true, growth: store.GrowthMax,
		unheard: func(error) { u.forget(ids) },
	}
	if err := u.l.committer.enqueue(context.Background(), k, unheard); err != nil {
		u.drop(ids)
	}
}

func (u *uses) forget(ids []string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.drop(ids)
}

func (u *uses) drop(ids []string) {
	for _, id := range ids {
		delete(u.known, id)
	}
}

// stop queues what has gathered, and takes nothing more.
func (u *uses) stop() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.stopped = true
	u.write()
}
