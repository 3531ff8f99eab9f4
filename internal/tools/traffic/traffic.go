// Package traffic writes what the meters of a population send, as whole HTTP
// requests: their registrations, their readings one by one, and many in one body.
//
// The readings are numbered half hour by half hour, and within one meter by meter,
// as they come in when everybody reports on the half hour. Writing one allocates
// nothing.
package traffic

import (
	"net/url"
	"strconv"

	"meterledger/internal/meter"
	"meterledger/internal/tools/households"
)

// Traffic is the readings of some meters over some half hours. It is never changed,
// so any number of goroutines may write from it.
type Traffic struct {
	Meters *households.Population
	First  meter.Slot // of the half hours
	Slots  int        // how many half hours

	host    string
	stamps  []string // by half hour: as CSV has it
	escaped []string // the same as a query has it
}

// New returns the traffic to the api at host (host:port).
func New(host string, meters *households.Population, zone *meter.Zone, first meter.Slot, slots int) *Traffic {
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

// AppendRegistration writes the request that registers meter i.
func (t *Traffic) AppendRegistration(b []byte, i int) []byte {
	b = append(b, "POST /register_account?owner_name=Household+"...)
	b = strconv.AppendInt(b, int64(i), 10)
	b = append(b, "&address=London&meter_id="...)
	b = t.Meters.AppendID(b, i)
	return t.end(b, "\r\nContent-Length: 0")
}

// AppendPost writes the request that posts reading n by itself, in the query string
// as the original clients do.
func (t *Traffic) AppendPost(b []byte, n int) []byte {
	b = append(b, "POST /receive_meter_reading?meter_id="...)
	b = t.Meters.AppendID(b, t.Meter(n))
	b = append(b, "&timestamp="...)
	b = append(b, t.escaped[n/t.Meters.Len()]...)
	b = append(b, "&reading="...)
	b = t.Register(n).Append(b)
	return t.end(b, "\r\nContent-Length: 0")
}

// CSVHeader is the first line of a body of readings.
const CSVHeader = "meter_id,timestamp,reading\n"

// AppendRow writes reading n as a line of CSV.
func (t *Traffic) AppendRow(b []byte, n int) []byte {
	b = append(t.Meters.AppendID(b, t.Meter(n)), ',')
	b = append(append(b, t.stamps[n/t.Meters.Len()]...), ',')
	return append(t.Register(n).Append(b), '\n')
}

// AppendBulk writes the head of the request that posts length bytes of CSV.
func (t *Traffic) AppendBulk(b []byte, length int) []byte {
	b = append(b, "POST /receive_meter_readings"...)
	b = t.end(b, "\r\nContent-Type: text/csv\r\nContent-Length: ", strconv.Itoa(length))
	return b
}

// AppendQuestion writes the request that asks path about meter i; more is the rest of
// the query, beginning with &, or empty.
func (t *Traffic) AppendQuestion(b []byte, path string, i int, more string) []byte {
	b = append(append(append(b, "GET "...), path...), "?meter_id="...)
	b = t.Meters.AppendID(b, i)
	return t.end(append(b, more...))
}

// end writes what follows the target of a request, with some header lines.
func (t *Traffic) end(b []byte, header ...string) []byte {
	b = append(append(b, " HTTP/1.1\r\nHost: "...), t.host...)
	for _, part := range header {
		b = append(b, part...)
	}
	return append(b, "\r\n\r\n"...)
}
