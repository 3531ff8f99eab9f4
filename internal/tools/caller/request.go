package caller

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"meterledger/internal/meter"
	"meterledger/internal/tools/witness"
)

// Get asks path with some parameters.
func (c *Caller) Get(ctx context.Context, path string, query url.Values) (Answer, error) {
	c.begin(http.MethodGet, path, query)
	c.request = append(c.request, "\r\n"...)
	return c.Do(ctx, c.request, nil)
}

// Post sends its parameters in the query string, as the original clients do.
func (c *Caller) Post(ctx context.Context, path string, query url.Values) (Answer, error) {
	c.begin(http.MethodPost, path, query)
	c.request = append(c.request, "Content-Length: 0\r\n\r\n"...)
	return c.Do(ctx, c.request, nil)
}

// PostBody sends a body.
func (c *Caller) PostBody(ctx context.Context, path, contentType string, body []byte) (Answer, error) {
	c.begin(http.MethodPost, path, nil)
	c.request = append(append(append(c.request, "Content-Type: "...), contentType...), "\r\nContent-Length: "...)
	c.request = append(strconv.AppendInt(c.request, int64(len(body)), 10), "\r\n\r\n"...)
	return c.Do(ctx, c.request, body)
}

func (c *Caller) begin(method, path string, query url.Values) {
	c.request = append(append(append(c.request[:0], method...), ' '), path...)
	if len(query) > 0 {
		c.request = append(append(c.request, '?'), query.Encode()...)
	}
	c.request = append(append(append(c.request, " HTTP/1.1\r\nHost: "...), c.Host...), "\r\n"...)
}

// Register registers a meter.
func (c *Caller) Register(ctx context.Context, id meter.ID, owner, address string) (Answer, error) {
	return c.Post(ctx, "/register_account", url.Values{"meter_id": {string(id)}, "owner_name": {owner}, "address": {address}})
}

// Record posts one reading by itself.
func (c *Caller) Record(ctx context.Context, r witness.Reading) (Answer, error) {
	return c.Post(ctx, "/receive_meter_reading", url.Values{"meter_id": {string(r.Meter)}, "timestamp": {r.Stamp}, "reading": {r.Register}})
}

// Readings asks for all that the api has of a meter in a span. A meter that is not
// registered has nothing, and known is false.
func (c *Caller) Readings(ctx context.Context, id meter.ID, span witness.Span) (found []witness.Reading, known bool, err error) {
	a, err := c.Get(ctx, "/get_readings", url.Values{"meter_id": {string(id)}, "start": {span.From}, "end": {span.To}, "format": {"csv"}})
	switch {
	case err != nil:
		return nil, false, err
	case a.Code() == meter.CodeMeterNotFound:
		return nil, false, nil
	case !a.OK():
		return nil, false, fmt.Errorf("asking for the readings of %s: %s", id, a)
	}
	err = witness.ReadCSV(bytes.NewReader(a.Body), func(_ int, r witness.Reading) error {
		found = append(found, r)
		return nil
	})
	return found, true, err
}
