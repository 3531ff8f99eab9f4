package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/anishathalye/porcupine"

	"meterledger/api"
	"meterledger/internal/meter"
	"meterledger/internal/tools/suite/programs"
)

// patience is how long a caller waits after an answer that was none.
const patience = 20 * time.Millisecond

// nodeCaller asks any node, and remembers the newest position that it was told.
type nodeCaller struct {
	*nodesHistorian
	number int
	chance *rand.Rand
	told   string // as it came
	seen   uint64 // its batch
}

// reply is an answer of a node.
type reply struct {
	status int
	at     uint64 // its position
	body   []byte
	api.Problem
}

// isOpen reports whether an answer leaves it open if what was sent has been recorded, or will be.
func (r reply) isOpen() bool {
	return r.status >= http.StatusInternalServerError && (!r.Code.Passes() || strings.Contains(r.Detail, "send it again to know"))
}

// call asks until the round is over.
func (c *nodeCaller) call() {
	for c.left.Load() > 0 {
		c.count()
		if !c.step() {
			time.Sleep(patience) // else it would only count what is refused
		}
	}
}

// step does one thing at one node, and reports whether that took it.
func (c *nodeCaller) step() bool {
	node, m := c.apis[c.chance.IntN(len(c.apis))], c.histories[len(c.histories)-1-c.chance.IntN(freshMeters)]
	switch c.chance.IntN(12) {
	case 0, 1:
		return c.query(node, m, "Read-Consistency", "strong")
	case 2:
		return c.usage(node, m, "Read-Consistency", "strong")
	case 3, 4:
		return c.query(node, m, "Ledger-After", c.told)
	case 5:
		return c.query(node, m, "Read-Consistency", "local")
	case 6:
		return c.usage(node, m, "Ledger-After", c.told)
	case 7:
		return c.change(node, m)
	case 8, 9:
		return c.postTogether(node, m)
	}
	return c.postSingly(node, m)
}

// ask sends a request. An error leaves it open what came of it, unless it is syscall.ECONNREFUSED.
func (c *nodeCaller) ask(node *programs.Program, method, target, contentType, body string, header ...string) (r reply, err error) {
	request, err := http.NewRequest(method, node.URL+target, strings.NewReader(body))
	if err != nil {
		c.t.Error(err)
		return r, err
	}
	if body == "" {
		request.Body = http.NoBody
	} else {
		request.Header.Set("Content-Type", contentType)
	}
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return r, err
	}
	defer answer.Body.Close()
	r.status = answer.StatusCode
	if r.body, err = io.ReadAll(answer.Body); err != nil {
		return r, err
	}
	if r.status >= http.StatusBadRequest {
		err = json.Unmarshal(r.body, &r.Problem)
	}
	if r.status == http.StatusInternalServerError {
		c.t.Errorf("%s %s is answered %s", method, request.URL, r.body)
	}
	if at := answer.Header.Get("Ledger-Position"); at != "" {
		c.hear(&r, at)
	} else if r.status < http.StatusBadRequest {
		c.t.Errorf("%s %s says no position", method, request.URL)
	}
	return r, err
}

// hear notes the position of an answer.
func (c *nodeCaller) hear(r *reply, position string) {
	_, number, _ := strings.Cut(position, "/")
	at, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		c.t.Errorf("an answer has the position %q", position)
	}
	if r.at = at; at >= c.seen {
		c.told, c.seen = position, at
	}
	for {
		newest := c.newest.Load()
		if at <= newest || c.newest.CompareAndSwap(newest, at) {
			return
		}
	}
}

// begin is an operation that is about to be asked for.
func (c *nodeCaller) begin(input any, header ...string) told {
	o := told{Operation: porcupine.Operation{ClientId: c.number, Input: input, Call: c.since()}, after: c.newest.Load()}
	if len(header) > 0 && header[1] != "strong" {
		o.isLocal, o.after = true, 0
		if header[0] == "Ledger-After" {
			o.after = c.seen
		}
	}
	return o
}

// end notes what came of an operation.
func (c *nodeCaller) end(m *nodesMeter, o told, r reply, output any) {
	o.Output, o.at, o.Return = output, r.at, c.since()
	if output == unanswered {
		o.Return = openEnd
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done = append(m.done, o)
}

// changed notes what came of a change, and reports whether it was judged. What was certainly not recorded is no operation.
func (c *nodeCaller) changed(m *nodesMeter, o told, r reply, err error) bool {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		c.tally("not reached")
		return false
	case err != nil || r.isOpen():
		c.end(m, o, r, unanswered)
		return false
	case r.status == http.StatusOK:
		c.end(m, o, r, success)
		return true
	}
	return c.refused(m, o, r, r.Code)
}

// refused notes a refusal.
func (c *nodeCaller) refused(m *nodesMeter, o told, r reply, code meter.Code) bool {
	switch {
	case code == meter.CodeReadingConflict || code == meter.CodeReadingDecreases || code == meter.CodeExchangeConflict:
		c.end(m, o, r, outcome(code))
		return true
	case code.Passes():
		c.tally("put off")
		return false
	}
	c.t.Errorf("%+v of meter %s was answered %s: %s", o.Input, m.id, code, r.body)
	return false
}

func (c *nodeCaller) postSingly(node *programs.Program, m *nodesMeter) bool {
	p := anyPost(c.chance)
	o := c.begin(p)
	parameters := url.Values{"meter_id": {string(m.id)}, "timestamp": {c.stamps[p.point]}, "reading": {strconv.Itoa(p.register)}}
	r, err := c.ask(node, http.MethodPost, "/receive_meter_reading?"+parameters.Encode(), "", "")
	return c.changed(m, o, r, err)
}

// postTogether posts a batch. Its rows are operations of their own.
func (c *nodeCaller) postTogether(node *programs.Program, m *nodesMeter) bool {
	body := "meter_id,timestamp,reading\n"
	var rows []told
	for range 1 + c.chance.IntN(2) {
		p := anyPost(c.chance)
		rows = append(rows, c.begin(p))
		body += fmt.Sprintf("%s,%s,%d\n", m.id, c.stamps[p.point], p.register)
	}
	r, err := c.ask(node, http.MethodPost, "/receive_meter_readings", "text/csv", body)
	var batch api.BatchResult
	if json.Unmarshal(r.body, &batch) != nil || r.status != http.StatusOK && len(batch.Errors) == 0 {
		for _, o := range rows {
			c.changed(m, o, r, err)
		}
		return false
	}
	taken := success
	switch {
	case batch.Accepted == 0:
		taken = duplicate
	case batch.Duplicates == 0:
		taken = accepted
	}
	isJudged := true
	for i, o := range rows {
		at := slices.IndexFunc(batch.Errors, func(e api.RowError) bool { return e.Row == i+1 })
		if at < 0 {
			c.end(m, o, r, taken)
			continue
		}
		one := r
		one.status, one.Code, one.Detail = http.StatusServiceUnavailable, batch.Errors[at].Code, batch.Errors[at].Detail
		if !one.Code.Passes() {
			one.status = http.StatusBadRequest
		}
		isJudged = c.changed(m, o, one, nil) && isJudged
	}
	return isJudged
}

// change exchanges the dial of a meter, or corrects a reading of it.
func (c *nodeCaller) change(node *programs.Program, m *nodesMeter) bool {
	p := anyPost(c.chance)
	other := 100 + 4*p.point + c.chance.IntN(12)
	path := "/meters/" + string(m.id)
	if c.chance.IntN(2) == 0 {
		e := exchange{p.point, dials{p.register, other}}
		o := c.begin(e)
		r, err := c.ask(node, http.MethodPost, path+"/exchange", "application/json",
			fmt.Sprintf(`{"at":"%s","old_reading":%d,"new_reading":%d}`, tenAfter(c.stamps[e.point]), e.old, e.first))
		return c.changed(m, o, r, err)
	}
	if last := m.anyAt(p.point); last != 0 { // else it mostly expects what is not there
		p.register = last
	}
	if other == p.register {
		other++
	}
	k, corrected := correction{p.point, p.register, other}, strconv.Itoa(other)
	if c.chance.IntN(4) == 0 {
		k.register, corrected = 0, "null"
	}
	o := c.begin(k)
	r, err := c.ask(node, http.MethodPost, path+"/corrections", "application/json",
		fmt.Sprintf(`{"reason":"%d","corrections":[{"timestamp":"%s","reading":%s,"expect":%d}]}`, c.since(), c.stamps[k.point], corrected, k.expect))
	return c.changed(m, o, r, err)
}

// read asks a question, and reports whether it was answered. A meter may be unknown only to a node that may be behind.
func (c *nodeCaller) read(node *programs.Program, m *nodesMeter, o told, target string, header []string) (r reply, ok bool) {
	r, err := c.ask(node, http.MethodGet, target, "", "", header...)
	switch {
	case err != nil:
		c.tally("not reached")
	case r.status == http.StatusOK || r.Code == meter.CodeNotEnoughReadings:
		return r, true
	case r.status == http.StatusServiceUnavailable:
		c.tally("put off")
	case r.Code == meter.CodeMeterNotFound && o.isLocal && o.after == 0:
		c.tally("not registered yet")
	default:
		c.t.Errorf("%s %v is answered %s", target, header, r.body)
	}
	return r, false
}

// query asks for half hours, whose registers are of one moment; a CSV is read a month at a time.
func (c *nodeCaller) query(node *programs.Program, m *nodesMeter, header ...string) bool {
	o := c.begin(query{}, header...)
	parameters := url.Values{"meter_id": {string(m.id)}, "interval": {"30min"}, "start": {c.stamps[0]}, "end": {c.stamps[pointsMax-1]}}
	r, ok := c.read(node, m, o, "/get_readings?"+parameters.Encode(), header)
	if !ok {
		return false
	}
	var page api.Intervals
	if err := json.Unmarshal(r.body, &page); err != nil || len(page.Results) != pointsMax-1 {
		c.t.Errorf("meter %s: %v in %s", m.id, err, r.body)
		return false
	}
	var seen registers
	for point, half := range page.Results {
		c.look(&seen, point, half.Start, half.StartReading)
		c.look(&seen, point+1, half.End, half.EndReading)
	}
	m.note(seen)
	c.end(m, o, r, seen)
	return true
}

// look takes one end of a half hour. Neighbours must agree on what they share.
func (c *nodeCaller) look(seen *registers, point int, stamp string, register *meter.Register) {
	value := 0
	if register != nil {
		value, _ = strconv.Atoi(register.String()) // else nothing explains it
	}
	if stamp != c.stamps[point] || seen[point] != 0 && seen[point] != value {
		c.t.Errorf("%s has %d, beside %d of %s", stamp, value, seen[point], c.stamps[point])
	}
	seen[point] = value
}

func (c *nodeCaller) usage(node *programs.Program, m *nodesMeter, header ...string) bool {
	o := c.begin(usageQuery{}, header...)
	parameters := url.Values{"meter_id": {string(m.id)}, "period": {"custom"}, "start": {c.stamps[0]}, "end": {c.stamps[pointsMax-1]}}
	r, ok := c.read(node, m, o, "/get_consumption?"+parameters.Encode(), header)
	if !ok {
		return false
	}
	var u usageAnswer
	if r.status == http.StatusOK {
		var said struct {
			First    int `json:"start_reading"`
			Last     int `json:"end_reading"`
			Readings int `json:"readings"`
			Used     int `json:"consumption"`
		}
		if err := json.Unmarshal(r.body, &said); err != nil {
			c.t.Errorf("meter %s: %v in %s", m.id, err, r.body)
		}
		u = usageAnswer{said.First, said.Last, said.Readings, said.Used}
	}
	c.end(m, o, r, u)
	return true
}
