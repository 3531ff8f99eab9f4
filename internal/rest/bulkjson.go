package rest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"meterledger/internal/archive"
	"meterledger/internal/meter"
	"meterledger/internal/web"
)

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
			return meter.Reading{}, fmt.Errorf("%w: %v", archive.ErrSyntax, err)
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
		return fmt.Errorf("%w: something follows the array", archive.ErrSyntax)
	case isJSONSyntax(err):
		return fmt.Errorf("%w: %v", archive.ErrSyntax, err)
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

// ndjsonRows reads one JSON object a line. Empty lines are passed over.
type ndjsonRows struct {
	lines *bufio.Reader
	zone  *meter.Zone
	row   int
}

func newNDJSONRows(r io.Reader, zone *meter.Zone) *ndjsonRows {
	return &ndjsonRows{lines: bufio.NewReaderSize(r, rowBytesMax), zone: zone}
}

func (n *ndjsonRows) Row() int { return n.row }

func (n *ndjsonRows) Next() (meter.Reading, error) {
	for {
		line, err := n.lines.ReadSlice('\n')
		last := errors.Is(err, io.EOF)
		if line = bytes.TrimSpace(line); len(line) == 0 && last {
			return meter.Reading{}, io.EOF
		}
		if len(line) == 0 && err == nil {
			continue
		}
		n.row++
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return meter.Reading{}, errRowTooLong
		case err != nil && !last:
			return meter.Reading{}, err
		case !json.Valid(line):
			return meter.Reading{}, fmt.Errorf("%w: the line is not JSON", archive.ErrSyntax)
		}
		return parseJSONRow(n.zone, line)
	}
}

// parseJSONRow reads {"meter_id":…,"timestamp":…,"reading":…}, by the rules for the
// parameters of a single reading. What is not so breaks the row, not the batch.
func parseJSONRow(zone *meter.Zone, object []byte) (meter.Reading, error) {
	var q receiveReadingRequest
	if err := web.BindJSON(object, &q); err != nil {
		return meter.Reading{}, err
	}
	return archive.ParseRow(zone, q.MeterID, q.Timestamp, q.Reading)
}
