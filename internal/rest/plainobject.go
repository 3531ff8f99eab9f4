package rest

import "bytes"

// plainObject is the values of a row's JSON object, as they stand there.
type plainObject struct {
	meterID, timestamp, reading []byte
}

// scanPlainObject finds the three values where each name stands once and no other
// does, with strings for values or, for the reading, a number. It does not look
// into the strings: a value that turns out to be plain has no escapes in it. It
// reports false for every other object, wrong or not.
func scanPlainObject(b []byte) (o plainObject, ok bool) {
	if len(b) < 2 || b[0] != '{' || b[len(b)-1] != '}' {
		return o, false
	}
	rest := b[1 : len(b)-1]
	for {
		var name []byte
		if name, rest, ok = scanString(skipBlanks(rest)); !ok {
			return o, false
		}
		if rest = skipBlanks(rest); len(rest) == 0 || rest[0] != ':' {
			return o, false
		}
		if rest, ok = o.scanMember(name, skipBlanks(rest[1:])); !ok {
			return o, false
		}
		if rest = skipBlanks(rest); len(rest) == 0 {
			return o, o.meterID != nil && o.timestamp != nil && o.reading != nil
		}
		if rest[0] != ',' {
			return o, false
		}
		rest = rest[1:]
	}
}

// scanMember reads the value of a name that was not there before.
func (o *plainObject) scanMember(name, b []byte) (rest []byte, ok bool) {
	var value *[]byte
	switch string(name) {
	case "meter_id":
		value = &o.meterID
	case "timestamp":
		value = &o.timestamp
	case "reading":
		value = &o.reading
	}
	if value == nil || *value != nil {
		return nil, false
	}
	if value == &o.reading && len(b) > 0 && b[0] != '"' {
		*value, rest, ok = scanNumber(b)
		return rest, ok
	}
	*value, rest, ok = scanString(b)
	return rest, ok
}

func scanString(b []byte) (content, rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '"' {
		return nil, nil, false
	}
	end := bytes.IndexByte(b[1:], '"')
	if end < 0 {
		return nil, nil, false
	}
	return b[1 : 1+end], b[end+2:], true
}

// scanNumber reads digits and points that do not begin as no JSON number may.
// Whether they are a register is not decided here.
func scanNumber(b []byte) (number, rest []byte, ok bool) {
	end := 0
	for end < len(b) && (b[end] == '.' || '0' <= b[end] && b[end] <= '9') {
		end++
	}
	leadingZero := end > 1 && b[0] == '0' && b[1] != '.'
	return b[:end], b[end:], end > 0 && !leadingZero
}

func skipBlanks(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t' || b[0] == '\r' || b[0] == '\n') {
		b = b[1:]
	}
	return b
}
