package town

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/shopspring/decimal"

	"meterledger/internal/meter"
	"meterledger/internal/tools/witness"
)

// Timezone is that of a town.
const Timezone = "Asia/Singapore"

const (
	stampLayout = "2006-01-02T15:04:05"
	monthsPast  = 3
)

// Calendar holds the half hours from the first of the third month before this one until now.
type Calendar struct {
	Months []string // YYYY-MM, those that have ended, in order
	Days   []string // YYYY-MM-DD, those that the operator archives by themselves
	Open   string   // the first stamp of this month
	stamps []string // in order
}

func newCalendar(now time.Time) (*Calendar, error) {
	zone, err := time.LoadLocation(Timezone)
	if err != nil {
		return nil, err
	}
	now = now.In(zone)
	first := func(month time.Month) time.Time { return time.Date(now.Year(), month, 1, 0, 0, 0, 0, zone) }
	c := &Calendar{Open: first(now.Month()).Format(stampLayout)}
	for month := now.Month() - monthsPast; month < now.Month(); month++ {
		c.Months = append(c.Months, first(month).Format("2006-01"))
		c.Days = append(c.Days, first(month).AddDate(0, 0, 9).Format(time.DateOnly))
	}
	c.Days = append(c.Days, now.AddDate(0, 0, -1).Format(time.DateOnly), now.Format(time.DateOnly))
	for at := first(now.Month() - monthsPast); !at.After(now); at = at.Add(30 * time.Minute) {
		c.stamps = append(c.stamps, at.Format(stampLayout))
	}
	return c, nil
}

// Span is all of the time.
func (c *Calendar) Span() witness.Span {
	return witness.Span{From: c.stamps[0], To: c.stamps[len(c.stamps)-1]}
}

// dayOf returns the half hours of a day's archive.
func dayOf(day string) witness.Span {
	return witness.Span{From: day + "T00:00:00", To: day + "T23:30:00"}
}

// monthOf returns the half hours of a month's archive. No month has a 32nd.
func monthOf(month string) witness.Span {
	return witness.Span{From: month + "-01T00:00:00", To: month + "-32"}
}

// home is one household. Its register is a function of the time, so it is right whenever it is sent.
type home struct {
	calendar *Calendar
	account  witness.Account
	seed     uint64
	base     int64 // what the register shows at first, in its last digit
	pace     int64 // by how much it rises in a half hour; 0 for a home that uses nothing
	places   int32 // digits after the point
	first    int   // the first half hour that is sent
	swapped  int   // the half hour after which the meter is exchanged for a higher one; 0 for most

	mu     sync.Mutex // guards all below
	next   int        // half hours before this one were sent or skipped
	missed []int      // skipped: they come late
}

// paces spans idle meters, homes, and plants whose registers move in steps that no small offset holds.
var paces = []int64{0, 1, 250, 250, 4_000, 90_000, 300_000_000}

func newHome(number int, c *Calendar, chance *rand.Rand) *home {
	h := &home{
		calendar: c, seed: chance.Uint64(), base: chance.Int64N(1_000_000_000_000),
		pace: paces[chance.IntN(len(paces))], places: chance.Int32N(meter.RegisterDecimalsMax + 1),
	}
	if number%2 == 1 { // half of the meters have been there all the time
		h.first = chance.IntN(len(c.stamps))
	}
	if h.next = h.first; number%3 == 0 {
		h.swapped = 1 + chance.IntN(len(c.stamps)-2)
	}
	h.account = witness.Account{
		Meter:   meter.ID(fmt.Sprintf("S%d.%d", number%7, number)), // the order of ids is not that of registration
		Owner:   fmt.Sprintf("Owner %d, \"né\" Tan", number),
		Address: fmt.Sprintf("%d Orchard Road #%02d-%02d", number, number%40, number%9),
	}
	return h
}

// reading is what the meter shows at a half hour.
func (h *home) reading(n int) witness.Reading { return h.shows(n, 0) }

// wrong is what it can never show then: more by one in the last digit.
func (h *home) wrong(n int) witness.Reading { return h.shows(n, 1) }

func (h *home) shows(n int, more int64) witness.Reading {
	register := h.base + int64(n)*h.pace + more
	if h.pace > 0 {
		register += rand.New(rand.NewPCG(h.seed, uint64(n))).Int64N(h.pace)
	}
	if h.swapped > 0 && n > h.swapped {
		register += higher
	}
	return witness.Reading{Meter: h.account.Meter, Stamp: h.calendar.stamps[n], Register: decimal.New(register, -h.places).String()}
}

// due returns the next readings. Now and then the meter was cut off before them.
func (h *home) due(chance *rand.Rand, count int) []int {
	h.mu.Lock()
	defer h.mu.Unlock()
	if chance.IntN(20) == 0 {
		h.missed = append(h.missed, h.pass(chance.IntN(300))...)
	}
	return h.pass(count)
}

// pass returns the next half hours, as many as there are up to now.
func (h *home) pass(count int) (passed []int) {
	for range min(count, len(h.calendar.stamps)-h.next) {
		passed = append(passed, h.next)
		h.next++
	}
	return passed
}

// late returns readings that were skipped, in any order.
func (h *home) late(chance *rand.Rand, count int) []int {
	h.mu.Lock()
	defer h.mu.Unlock()
	chance.Shuffle(len(h.missed), func(i, j int) { h.missed[i], h.missed[j] = h.missed[j], h.missed[i] })
	left := len(h.missed) - min(count, len(h.missed))
	late := slices.Clone(h.missed[left:])
	h.missed = h.missed[:left]
	return late
}

// again returns readings that are due or past, each once: nearly all were sent before.
func (h *home) again(chance *rand.Rand, count int) []int {
	h.mu.Lock()
	defer h.mu.Unlock()
	again := make(map[int]bool)
	for range min(count, h.next-h.first) {
		again[h.first+chance.IntN(h.next-h.first)] = true
	}
	return slices.Sorted(maps.Keys(again))
}

// returned takes back what the api did not take: it comes late.
func (h *home) returned(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.missed = append(h.missed, n)
}

// finished reports whether everything up to now was sent.
func (h *home) finished() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.next == len(h.calendar.stamps) && len(h.missed) == 0
}

// unfinishedMin is about how many homes have something left to send at any time.
const unfinishedMin = 40

// fleet is all homes that a town has seen.
type fleet struct {
	calendar *Calendar
	mu       sync.Mutex // guards homes
	homes    []*home
}

// pick returns a home that has readings to send, a new one now and then.
func (f *fleet) pick(chance *rand.Rand) *home {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := chance.IntN(max(len(f.homes), unfinishedMin)); i < len(f.homes); i++ {
		if h := f.homes[i]; !h.finished() {
			return h
		}
	}
	h := newHome(len(f.homes)+1, f.calendar, chance)
	f.homes = append(f.homes, h)
	return h
}

// any returns any home that there is.
func (f *fleet) any(chance *rand.Rand) *home {
	all := f.all()
	return all[chance.IntN(len(all))]
}

// all returns every home.
func (f *fleet) all() []*home {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.homes[:len(f.homes):len(f.homes)]
}
