package rest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"meterledger/internal/meter"
)

// jsonRows reads a JSON array of rows, one element at a time.
type jsonRows struct {
	body *rowLimit
	in   *json.Decoder
	rows jsonRowParser
	row  int
}

func newJSONRows(r io.Reader, zone *meter.Zone) (*jsonRows, error) {
	body := &rowLimit{in: r}
	body.nextRow()
	j := &jsonRows{body: body, in: json.NewDecoder(body), rows: newJSONRowParser(zone)}
	if token, err := j.in.Token(); err != nil || token != json.Delim('[') {
		if err == nil || isJSONSyntax(err) || errors.Is(err, io.EOF) {
			return nil, meter.Invalid(meter.CodeInvalidParameter, "body", "must be a JSON array of readings")
		}
		return nil, err
	}
	return j, nil
}

func (j *jsonRows) Row() int { return j.row }

func (j *jsonRows) Next() (meter.Row, error) {
	j.body.nextRow()
	if !j.in.More() {
		return meter.Row{}, j.end()
	}
	j.row++
	var element json.RawMessage
	if err := j.in.Decode(&element); err != nil {
		if isJSONSyntax(err) {
			return meter.Row{}, fmt.Errorf("%w: %v", meter.ErrRowSyntax, err)
		}
		return meter.Row{}, j.cut(err)
	}
	return j.rows.parse(element)
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
		return fmt.Errorf("%w: something follows the array", meter.ErrRowSyntax)
	case isJSONSyntax(err):
		return fmt.Errorf("%w: %v", meter.ErrRowSyntax, err)
	}
	return j.cut(err)
}

// cut words the end of a body whose array had not ended.
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

// rowLimit is a body of which no row may be read without end. What the decoder
// reads ahead counts too, so the limit is a multiple of what a row may have.
type rowLimit struct {
	in   io.Reader
	left int
}

func (l *rowLimit) nextRow() { l.left = 4 * meter.RowBytesMax }

func (l *rowLimit) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, meter.ErrRowTooLong
	}
	n, err := l.in.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}

// readBytes is how much of a body is read together.
const readBytes = 256 << 10

// ndjsonRows reads one JSON object a line. Empty lines are passed over.
type ndjsonRows struct {
	lines *bufio.Reader
	rows  jsonRowParser
	row   int
}

func newNDJSONRows(r io.Reader, zone *meter.Zone) *ndjsonRows {
	return &ndjsonRows{lines: bufio.NewReaderSize(r, readBytes), rows: newJSONRowParser(zone)}
}

func (n *ndjsonRows) Row() int { return n.row }

func (n *ndjsonRows) Next() (meter.Row, error) {
	for {
		line, err := n.lines.ReadSlice('\n')
		if tooLong := len(line) > meter.RowBytesMax; tooLong {
			n.row++
			return meter.Row{}, meter.ErrRowTooLong
		}
		last := errors.Is(err, io.EOF)
		if line = bytes.TrimSpace(line); len(line) == 0 && last {
			return meter.Row{}, io.EOF
		}
		if len(line) == 0 && err == nil {
			continue
		}
		n.row++
		if err != nil && !last {
			return meter.Row{}, err
		}
		return n.rows.parse(line)
	}
}
