package rest

import (
	"bytes"
	"net/http"

	"meterledger/api"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

type readingRequest struct {
	Meter     meter.ID       `param:"meter_id,required"`
	Timestamp meter.Slot     `param:"timestamp,required"`
	Reading   meter.Register `param:"reading,required"`
}

func (q *readingRequest) reading() meter.Reading {
	return meter.Reading{Meter: q.Meter, Slot: q.Timestamp, Register: q.Reading}
}

var recorded = httpkit.NewConstant(api.ReadingRecorded{Success: true, Message: "Reading recorded successfully"})

func (a *app) receiveReading(w http.ResponseWriter, r *http.Request) error {
	var q readingRequest
	if err := httpkit.Bind(r, a.zone, &q); err != nil {
		a.ledger.CountRefusal(err)
		return err
	}
	if _, err := a.ledger.RecordWithin(r.Context(), &httpkit.CallerOf(r.Context()).Scope, q.reading()); err != nil {
		return err
	}
	recorded.Write(w)
	return nil
}

// jsonRowParser reads {"meter_id":…,"timestamp":…,"reading":…} by the rules for the
// parameters of a single reading.
type jsonRowParser struct {
	zone      *meter.Zone
	rows      meter.RowParser
	malformed meter.Code // of a row that is no object with these members
}

func newJSONRowParser(zone *meter.Zone, malformed meter.Code) jsonRowParser {
	return jsonRowParser{zone, meter.NewRowParser(zone), malformed}
}

// parse reads an object. Its error is a *meter.Error about this row.
func (p *jsonRowParser) parse(object []byte) (meter.Row, error) {
	if r, ok := p.parsePlain(object); ok {
		return r, nil
	}
	var q readingRequest
	if err := httpkit.BindJSON(object, p.zone, &q, p.malformed); err != nil {
		return meter.Row{}, err
	}
	return q.reading().Row(), nil
}

// parsePlain reads an object that has exactly the three names, each once, with strings for
// values or, for the reading, digits. Right values have no escapes, so it looks for none. ok
// is false for all other objects, right or wrong.
func (p *jsonRowParser) parsePlain(object []byte) (row meter.Row, ok bool) {
	var name, id, timestamp, reading []byte
	rest, opener := object, byte('{')
	for range 3 {
		name, rest = quoted(after(rest, opener))
		rest = after(rest, ':')
		switch string(name) {
		case "meter_id":
			id, rest = quoted(rest)
		case "timestamp":
			timestamp, rest = quoted(rest)
		case "reading":
			reading, rest = quotedOrNumber(rest)
		}
		opener = ','
	}
	if rest = after(rest, '}'); rest == nil || len(rest) > 0 || id == nil || timestamp == nil || reading == nil {
		return meter.Row{}, false
	}
	row, err := p.rows.Row(id, timestamp, reading)
	return row, err == nil
}

// after returns what follows a mark and the blanks around it, or nil if b does not begin
// so.
func after(b []byte, mark byte) []byte {
	b = skipBlanks(b)
	if len(b) == 0 || b[0] != mark {
		return nil
	}
	return skipBlanks(b[1:])
}

func skipBlanks(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t' || b[0] == '\r' || b[0] == '\n') {
		b = b[1:]
	}
	return b
}

// quoted returns the text between two quotes and what follows it; nil if b does not begin
// so.
func quoted(b []byte) (content, rest []byte) {
	if len(b) == 0 || b[0] != '"' {
		return nil, nil
	}
	end := bytes.IndexByte(b[1:], '"')
	if end < 0 {
		return nil, nil
	}
	return b[1 : 1+end], b[end+2:]
}

// quotedOrNumber also accepts digits and points, unless a leading zero rules out a JSON
// number. It does not check that they are a register.
func quotedOrNumber(b []byte) (content, rest []byte) {
	end := 0
	for end < len(b) && (b[end] == '.' || '0' <= b[end] && b[end] <= '9') {
		end++
	}
	if end == 0 {
		return quoted(b)
	}
	if end > 1 && b[0] == '0' && b[1] != '.' { // a leading zero
		return nil, nil
	}
	return b[:end], b[end:]
}
