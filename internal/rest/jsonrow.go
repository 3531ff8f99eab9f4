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
	var q readingRequest
	if err := httpkit.BindJSON(object, p.zone, &q); err != nil {
		return meter.Row{}, err
	}
	return q.reading().Row(), nil
}

// parsePlain reads an object that has the three names once each and no other, with
// strings for values or, for the reading, digits. It does not look into the strings: in
// values that are right there are no escapes. It reports false for all other objects,
// wrong or not.
func (p *jsonRowParser) parsePlain(object []byte) (meter.Row, bool) {
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

// after returns what stands behind a mark and the blanks around it, or nil if the mark is
// not there.
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

// quoted returns what stands between two quotes, and what follows; nil if there are none.
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

// quotedOrNumber also takes digits and points that do not begin as no JSON number may.
// Whether they are a register is not decided here.
func quotedOrNumber(b []byte) (content, rest []byte) {
	end := 0
	for end < len(b) && (b[end] == '.' || '0' <= b[end] && b[end] <= '9') {
		end++
	}
	if end == 0 {
		return quoted(b)
	}
	if leadingZero := end > 1 && b[0] == '0' && b[1] != '.'; leadingZero {
		return nil, nil
	}
	return b[:end], b[end:]
}
