package meter

// SlotsPerDay is the number of half hours in a day of standard time.
const SlotsPerDay = 48

const slotSeconds = 30 * 60

// Slot is a point on the half-hour grid: the number of half hours since
// 1970-01-01T00:00 in the standard time of a Zone. Only a Zone turns instants
// into slots and back.
type Slot uint32

// Page returns the day of standard time that s lies in, counted from
// 1970-01-01, and the slot's place in that day (0 to 47).
func (s Slot) Page() (day uint32, index int) {
	return uint32(s) / SlotsPerDay, int(uint32(s) % SlotsPerDay)
}

// Window is a span of time from one register reading to another. Both ends
// belong to it: the consumption between them is the later register less the
// earlier. A Window with To before From is empty.
type Window struct {
	From, To Slot
}

// Contains reports whether s is one of the window's grid points.
func (w Window) Contains(s Slot) bool { return w.From <= s && s <= w.To }

// Points returns how many grid points the window has, its ends included.
func (w Window) Points() int {
	if w.To < w.From {
		return 0
	}
	return int(w.To-w.From) + 1
}

// Rows returns the part of the window whose rows belong to an archive of it: all but
// the last register, with which the next window begins.
func (w Window) Rows() Window { return Window{w.From, w.To - 1} }

// Until returns the part of the window that is not after last.
func (w Window) Until(last Slot) Window {
	return Window{w.From, min(w.To, last)}
}
