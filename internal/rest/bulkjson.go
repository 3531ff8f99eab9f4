package rest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"meterledger/internal/archive"
	"meterledger/internal/meter"
)

// errJSON says that a batch is not the JSON that it should be.
var errJSON = fmt.Errorf("%w or JSON rows", archive.ErrSyntax)

// jsonRows reads a JSON array of rows, one element at a time.
type jsonRows struct {
	in   *json.Decoder
	zone *meter.Zone
	row  int
}

func newJSONRows(r io.Reader, zone *meter.Zone) (*jsonRows, error) {
	j := &jsonRows{in: json.NewDecoder(r), zone: zone}
	if token, err := j.in.Token(); err != nil || token != json.Delim('[') {
		if err == nil || isJSONSyntax(err) || errors.Is(err, io.EOF) {
			return nil, meter.Invalid(meter.CodeInvalidParameter, "body", "must be a JSON array of readings")
		}
		return nil, unreadable(err)
	}
	return j, nil
}

func (j *jsonRows) Row() int { return j.row }

func (j *jsonRows) Next() (meter.Reading, error) {
	if !j.in.More() {
		return meter.Reading{}, j.end()
	}
	j.row++
	var element json.RawMessage
	if err := j.in.Decode(&element); err != nil {
		if isJSONSyntax(err) {
			return meter.Reading{}, fmt.Errorf("%w: %v", errJSON, err)
		}
		return meter.Reading{}, j.cut(err)
	}
	return parseJSONRow(j.zone, element)
}

// end makes sure that the array is closed and nothing follows it. What else
// stands there is counted as a row.
func (j *jsonRows) end() error {
	_, err := j.in.Token()
	if err == nil {
		if _, err = j.in.Token(); errors.Is(err, io.EOF) {
			return io.EOF
		}
		err = nil
	}
	j.row++
	switch {
	case err == nil:
		return fmt.Errorf("%w: something follows the array", errJSON)
	case isJSONSyntax(err):
		return fmt.Errorf("%w: %v", errJSON, err)
	}
	return j.cut(err)
}

// cut words the end of the body where the array had not ended.
func (j *jsonRows) cut(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func isJSONSyntax(err error) bool {
	var syntax *json.SyntaxError
	return errors.As(err, &syntax)
}

// ndjsonLineMax is far above any row.
const ndjsonLineMax = 64 << 10

// ndjsonRows reads one JSON object a line. Empty lines are passed over.
type ndjsonRows struct {
	lines *bufio.Scanner
	zone  *meter.Zone
	row   int
}

func newNDJSONRows(r io.Reader, zone *meter.Zone) *ndjsonRows {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, ndjsonLineMax)
	return &ndjsonRows{lines: lines, zone: zone}
}

func (n *ndjsonRows) Row() int { return n.row }

func (n *ndjsonRows) Next() (meter.Reading, error) {
	for n.lines.Scan() {
		line := bytes.TrimSpace(n.lines.Bytes())
		if len(line) == 0 {
			continue
		}
		n.row++
		if !json.Valid(line) {
			return meter.Reading{}, fmt.Errorf("%w: the line is not JSON", errJSON)
		}
		return parseJSONRow(n.zone, line)
	}
	err := n.lines.Err()
	if err == nil {
		return meter.Reading{}, io.EOF
	}
	n.row++
	if errors.Is(err, bufio.ErrTooLong) {
		err = fmt.Errorf("%w: the line is longer than %d bytes", errJSON, ndjsonLineMax)
	}
	return meter.Reading{}, err
}

// parseJSONRow reads {"meter_id":…,"timestamp":…,"reading":…}; the reading may be a
// number or a string. What is not so breaks the row, not the batch.
func parseJSONRow(zone *meter.Zone, b []byte) (meter.Reading, error) {
	var row struct {
		MeterID   *string      `json:"meter_id"`
		Timestamp *string      `json:"timestamp"`
		Reading   *json.Number `json:"reading"`
	}
	if !utf8.Valid(b) {
		return meter.Reading{}, meter.Invalid(meter.CodeInvalidParameter, "row", "is not valid UTF-8")
	}
	in := json.NewDecoder(bytes.NewReader(b))
	in.DisallowUnknownFields()
	if err := in.Decode(&row); err != nil {
		return meter.Reading{}, rowError(err)
	}
	switch {
	case row.MeterID == nil:
		return meter.Reading{}, meter.Invalid(meter.CodeInvalidParameter, "meter_id", "is missing")
	case row.Timestamp == nil:
		return meter.Reading{}, meter.Invalid(meter.CodeInvalidParameter, "timestamp", "is missing")
	case row.Reading == nil:
		return meter.Reading{}, meter.Invalid(meter.CodeInvalidParameter, "reading", "is missing")
	}
	return archive.ParseRow(zone, *row.MeterID, *row.Timestamp, row.Reading.String())
}

func rowError(err error) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) && wrong.Field != "" {
		code := meter.CodeInvalidParameter
		if wrong.Field == "reading" {
			code = meter.CodeInvalidReading
		}
		return meter.Invalid(code, wrong.Field, "must not be a JSON %s", wrong.Value)
	}
	return meter.Invalid(meter.CodeInvalidParameter, "row", "must be an object of meter_id, timestamp and reading")
}
