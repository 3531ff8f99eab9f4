package households

import (
	"net/url"
	"strconv"

	"meterledger/internal/meter"
)

// Traffic is the readings of a population over some half hours, and writes them as
// requests to an api: one by one, and as rows of CSV. They are numbered half hour by half
// hour, and within one meter by meter, as they come in when everybody reports on the half
// hour. Writing one allocates nothing, and any number of goroutines may.
type Traffic struct {
	Meters *Population
	First  meter.Slot // of the half hours
	Slots  int        // how many half hours

	host    string
	stamps  []string // by half hour: as CSV has it
	escaped []string // the same as a query has it
}

// NewTraffic returns the traffic to the api at host (host:port).
func NewTraffic(host string, meters *Population, zone *meter.Zone, first meter.Slot, slots int) *Traffic {
	t := &Traffic{Meters: meters, First: first, Slots: slots, host: host}
	for i := range slots {
		stamp := zone.Stamp(first + meter.Slot(i))
		t.stamps = append(t.stamps, stamp)
		t.escaped = append(t.escaped, url.QueryEscape(stamp))
	}
	return t
}

// Part returns the traffic of some of the half hours: slots of them, after skip.
func (t *Traffic) Part(skip, slots int) *Traffic {
	part := *t
	part.First, part.Slots = t.First+meter.Slot(skip), slots
	part.stamps, part.escaped = t.stamps[skip:skip+slots], t.escaped[skip:skip+slots]
	return &part
}

// Len returns how many readings there are.
func (t *Traffic) Len() int { return t.Meters.Len() * t.Slots }

// Meter returns whose reading n is.
func (t *Traffic) Meter(n int) int { return n % t.Meters.Len() }

// Slot returns the half hour of reading n.
func (t *Traffic) Slot(n int) meter.Slot { return t.First + meter.Slot(n/t.Meters.Len()) }

// Register returns what reading n says.
func (t *Traffic) Register(n int) meter.KWh { return t.Meters.Register(t.Meter(n), t.Slot(n)) }

// Owner returns in whose name meter i is registered.
func (t *Traffic) Owner(i int) string { return "Household " + strconv.Itoa(i) }

// AppendRow writes reading n as a line of CSV.
func (t *Traffic) AppendRow(b []byte, n int) []byte {
	b = append(t.Meters.AppendID(b, t.Meter(n)), ',')
	b = append(append(b, t.stamps[n/t.Meters.Len()]...), ',')
	return append(t.Register(n).Append(b), '\n')
}

// AppendPost writes the request that posts reading n by itself, in the query string
// as the original clients do.
func (t *Traffic) AppendPost(b []byte, n int) []byte {
	b = append(b, "POST /receive_meter_reading?meter_id="...)
	b = t.Meters.AppendID(b, t.Meter(n))
	b = append(b, "&timestamp="...)
	b = append(b, t.escaped[n/t.Meters.Len()]...)
	b = append(b, "&reading="...)
	return t.end(t.Register(n).Append(b), "\r\nContent-Length: 0\r\n\r\n")
}

// AppendQuestion writes the request that asks path about meter i; more is the rest of
// the query, beginning with &, or empty.
func (t *Traffic) AppendQuestion(b []byte, path string, i int, more string) []byte {
	b = append(append(append(b, "GET "...), path...), "?meter_id="...)
	return t.end(append(t.Meters.AppendID(b, i), more...), "\r\n\r\n")
}

func (t *Traffic) end(b []byte, header string) []byte {
	b = append(append(b, " HTTP/1.1\r\nHost: "...), t.host...)
	return append(b, header...)
}
