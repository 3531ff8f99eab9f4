package ledger

import "meterledger/internal/meter"

// Bucket is one interval of a series, clipped to the window that was asked for.
// What was used in it is the difference of the registers at its two ends, never a
// sum; neighbours share a register, so buckets add up by construction.
type Bucket struct {
	Window     meter.Window
	Start, End Boundary
	Clipped    bool // it is shorter than its interval: the window or the present cuts it
	Complete   bool // every reading of it was received, those at its ends too
}

// Known reports whether the registers at both ends are known, so that there is a consumption.
func (b Bucket) Known() bool { return b.Start.Source != Missing && b.End.Source != Missing }

// Estimated reports whether a register of it was not received but interpolated.
func (b Bucket) Estimated() bool {
	return b.Start.Source == Interpolated || b.End.Source == Interpolated
}

// Boundary is the register at one end of a bucket.
type Boundary struct {
	Register meter.KWh // of no meaning where it is missing
	Source   Source
}

// Source says how a register is known.
type Source uint8

// Nothing is guessed unless the caller asks for it.
const (
	Missing      Source = iota // it is not
	Received                   // the meter sent it
	Interpolated               // it lies on the straight line between the readings around it
)
