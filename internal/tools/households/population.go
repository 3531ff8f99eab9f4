package households

import (
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/shopspring/decimal"

	"meterledger/internal/meter"
)

// whDecimals rounds to 1 Wh. The float artefacts of the source (3.1559999 for 3.156) lie below it.
const whDecimals = 3

// Population is any number of meters that repeat the households of the sample: meter i follows household
// i mod 12, each its own number of half hours later. What a meter shows depends only on its number and the
// half hour.
type Population struct {
	prefix    string
	count     int
	installed meter.Slot // when every register stood at 0
	homes     []course
}

// course is a register in Wh by half hours since it showed 0; the last value is the whole sample's energy.
type course []int64

// installedYear is when the meters of a population showed 0.
const installedYear = 2020

// phase shifts the meters of a household, in half hours. It shares no divisor with a day: evenings spread.
const phase = 37

// NewPopulation returns count meters whose ids begin with prefix.
func NewPopulation(prefix string, count int, zone *meter.Zone, homes []Household) (*Population, error) {
	p := &Population{
		prefix: prefix, count: count,
		installed: zone.Floor(time.Date(installedYear, time.January, 1, 0, 0, 0, 0, zone.Location())),
	}
	if _, err := meter.ParseID(p.ID(count)); err != nil {
		return nil, fmt.Errorf("meter ids cannot begin with %q: %w", prefix, err)
	}
	for _, h := range homes {
		p.homes = append(p.homes, newCourse(h))
	}
	return p, nil
}

func newCourse(h Household) course {
	c := make(course, 1, len(h.Intervals)+1)
	for _, register := range h.Registers(decimal.Zero) {
		c = append(c, register.Value.Shift(whDecimals).Round(0).IntPart())
	}
	return c
}

// after returns the register n half hours after it showed 0.
func (c course) after(n int) int64 {
	length := len(c) - 1
	return int64(n/length)*c[length] + c[n%length]
}

// Len returns how many meters there are.
func (p *Population) Len() int { return p.count }

// Since returns the first half hour that the meters have a register for.
func (p *Population) Since() meter.Slot { return p.installed }

// ID returns the id of meter i, from 0.
func (p *Population) ID(i int) meter.ID { return meter.ID(p.AppendID(nil, i)) }

// AppendID writes the id of meter i, in at least seven digits: the ids of ten million meters sort by number.
func (p *Population) AppendID(b []byte, i int) []byte {
	b = append(b, p.prefix...)
	for least := 1_000_000; least > i && least > 1; least /= 10 {
		b = append(b, '0')
	}
	return strconv.AppendInt(b, int64(i), 10)
}

// Register returns what meter i shows at a half hour, which must not be before Since.
func (p *Population) Register(i int, at meter.Slot) meter.Register {
	c := p.homes[i%len(p.homes)]
	start := i / len(p.homes) * phase
	wh := c.after(start+int(at-p.installed)) - c.after(start)
	register, ok := meter.RegisterFromParts(wh, whDecimals)
	if !ok {
		panic(fmt.Sprintf("BUG: meter %d shows %d Wh", i, wh))
	}
	return register
}

// Traffic is the readings of a population over some half hours, written as requests to an api or as rows of
// CSV. They are numbered half hour by half hour, and within one meter by meter. It is safe for concurrent
// use, and writing a reading allocates nothing.
type Traffic struct {
	Meters *Population
	First  meter.Slot // of the half hours
	Slots  int        // how many half hours
	Header string     // further lines of the header of each request, each with its end

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

// ByMeter returns the number of the i-th reading if all of one meter come after the other.
func (t *Traffic) ByMeter(i int) int { return i%t.Slots*t.Meters.Len() + i/t.Slots }

// Meter returns whose reading n is.
func (t *Traffic) Meter(n int) int { return n % t.Meters.Len() }

// Slot returns the half hour of reading n.
func (t *Traffic) Slot(n int) meter.Slot { return t.First + meter.Slot(n/t.Meters.Len()) }

// Register returns what reading n says.
func (t *Traffic) Register(n int) meter.Register { return t.Meters.Register(t.Meter(n), t.Slot(n)) }

// AppendAccount writes the account of meter i as a line of CSV.
func (t *Traffic) AppendAccount(b []byte, i int) []byte {
	b = strconv.AppendInt(append(b, "Household "...), int64(i), 10)
	return append(t.Meters.AppendID(append(b, ",London,"...), i), '\n')
}

// AppendRow writes reading n as a line of CSV.
func (t *Traffic) AppendRow(b []byte, n int) []byte {
	b = append(t.Meters.AppendID(b, t.Meter(n)), ',')
	b = append(append(b, t.stamps[n/t.Meters.Len()]...), ',')
	return append(t.Register(n).Append(b), '\n')
}

// AppendObject writes reading n as a line of NDJSON.
func (t *Traffic) AppendObject(b []byte, n int) []byte {
	b = append(t.Meters.AppendID(append(b, `{"meter_id":"`...), t.Meter(n)), `","timestamp":"`...)
	b = append(append(b, t.stamps[n/t.Meters.Len()]...), `","reading":`...)
	return append(t.Register(n).Append(b), "}\n"...)
}

// AppendPost writes the request that posts reading n by itself, in the query string.
func (t *Traffic) AppendPost(b []byte, n int) []byte {
	b = append(b, "POST /receive_meter_reading?meter_id="...)
	b = t.Meters.AppendID(b, t.Meter(n))
	b = append(b, "&timestamp="...)
	b = append(b, t.escaped[n/t.Meters.Len()]...)
	b = append(b, "&reading="...)
	return t.end(t.Register(n).Append(b), "Content-Length: 0\r\n\r\n")
}

// AppendQuestion writes the request that asks path about meter i; more is empty or begins with &.
func (t *Traffic) AppendQuestion(b []byte, path string, i int, more string) []byte {
	b = append(append(append(b, "GET "...), path...), "?meter_id="...)
	return t.end(append(t.Meters.AppendID(b, i), more...), "\r\n")
}

func (t *Traffic) end(b []byte, header string) []byte {
	b = append(append(b, " HTTP/1.1\r\nHost: "...), t.host...)
	b = append(append(b, "\r\n"...), t.Header...)
	return append(b, header...)
}
