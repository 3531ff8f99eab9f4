package rest

import (
	"bytes"
	"encoding/json"
	"fmt"

	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

// jsonRowParser reads {"meter_id":…,"timestamp":…,"reading":…}, by the rules for the
// parameters of a single reading. What is not so breaks the row; what is no JSON breaks
// the batch.
type jsonRowParser struct {
	zone *meter.Zone
	rows meter.RowParser
}

func newJSONRowParser(zone *meter.Zone) jsonRowParser {
	return jsonRowParser{zone, meter.NewRowParser(zone)}
}

func (p *jsonRowParser) parse(object []byte) (meter.Row, error) {
	if r, ok := p.parsePlain(object); ok {
		return r, nil
	}
	if !json.Valid(object) {
		return meter.Row{}, fmt.Errorf("%w: the line is not JSON", meter.ErrRowSyntax)
	}
	var q receiveReadingRequest
	if err := httpkit.BindJSON(object, &q); err != nil {
		return meter.Row{}, err
	}
	r, err := meter.ParseRow(p.zone, q.MeterID, q.Timestamp, q.Reading)
	return r.Row(), err
}

// parsePlain reads an object that has the three names once each and no other, with
// strings for values or, for the reading, digits. It does not look into the strings: in
// values that are right there are no escapes. It reports false for all other objects,
// wrong or not.
func (p *jsonRowParser) parsePlain(object []byte) (meter.Row, bool) {
	o, opener := objectScanner{rest: object}, byte('{')
	var id, timestamp, reading []byte
	for range 3 {
		o.mark(opener)
		name := o.text()
		o.mark(':')
		switch string(name) {
		case "meter_id":
			id = o.text()
		case "timestamp":
			timestamp = o.text()
		case "reading":
			reading = o.number()
		}
		opener = ','
	}
	o.mark('}')
	if o.failed || len(o.rest) > 0 || id == nil || timestamp == nil || reading == nil {
		return meter.Row{}, false
	}
	r, err := p.rows.Row(id, timestamp, reading)
	return r, err == nil
}

// objectScanner reads an object from left to right. Once it has failed it stays failed,
// so that only the end needs to look.
type objectScanner struct {
	rest   []byte
	failed bool
}

// mark passes over a mark, and over the blanks around it.
func (o *objectScanner) mark(mark byte) {
	rest := skipBlanks(o.rest)
	if len(rest) == 0 || rest[0] != mark {
		o.failed, o.rest = true, nil
		return
	}
	o.rest = skipBlanks(rest[1:])
}

func skipBlanks(b []byte) []byte {
	for len(b) > 0 && b[0] <= ' ' && (b[0] == ' ' || b[0] == '\t' || b[0] == '\r' || b[0] == '\n') {
		b = b[1:]
	}
	return b
}

// text returns what stands between two quotes.
func (o *objectScanner) text() []byte {
	if len(o.rest) > 0 && o.rest[0] == '"' {
		if end := bytes.IndexByte(o.rest[1:], '"'); end >= 0 {
			content := o.rest[1 : 1+end]
			o.rest = o.rest[end+2:]
			return content
		}
	}
	o.failed, o.rest = true, nil
	return nil
}

// number returns a text, or digits and points that do not begin as no JSON number may.
// Whether they are a register is not decided here.
func (o *objectScanner) number() []byte {
	end := 0
	for end < len(o.rest) && (o.rest[end] == '.' || '0' <= o.rest[end] && o.rest[end] <= '9') {
		end++
	}
	if end == 0 {
		return o.text()
	}
	number := o.rest[:end]
	o.failed = o.failed || end > 1 && number[0] == '0' && number[1] != '.'
	o.rest = o.rest[end:]
	return number
}
