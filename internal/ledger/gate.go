package ledger

import (
	"slices"

	"meterledger/internal/meter"
)

// gate is one reason why readings and registrations are not taken.
type gate struct {
	refusal *meter.Error // says the reason
	// shut is asked before each reading: it reads atomics, waits for nothing and allocates
	// nothing while the gate is open.
	shut func() bool
}

// newGates lists the gates. Of several that are shut, the first gives the reason.
func (l *Ledger) newGates() []gate {
	return []gate{
		{errNotReceiving, func() bool { return !l.store.Receiving() }},
		{errDiskFull, l.space.full},
		{errDiskSlow, l.stall.slow.Load},
		{errClockBehind, l.clock.isBehind},
		{errMemoryFull, l.memory.full}, // the last: it does not refuse everything
	}
}

// refusal returns why a reading or a registration that comes now is not taken, or nil.
func (l *Ledger) refusal() error {
	for i := range l.gates {
		if l.gates[i].shut() {
			return l.gates[i].refusal
		}
	}
	return nil
}

// isShutFor reports whether a gate of a reason is shut; there may be several.
func (l *Ledger) isShutFor(r meter.Reason) bool {
	return slices.ContainsFunc(l.gates, func(g gate) bool { return g.refusal.Reason == r && g.shut() })
}

// shutForPeople is refusal for what a person enters, who may do that also while reception is shut
// down.
func (l *Ledger) shutForPeople() error {
	for i := range l.gates {
		if l.gates[i].refusal != errNotReceiving && l.gates[i].shut() {
			return l.gates[i].refusal
		}
	}
	return nil
}

// Ready returns nil if readings and registrations are taken, or else a *meter.Error with
// the code and the Retry-After that they are refused with, and the reason.
func (l *Ledger) Ready() error {
	l.space.look()
	if err := l.refusal(); err != nil || l.shared == nil {
		return err
	}
	return l.shared.ready(l.Staleness())
}
