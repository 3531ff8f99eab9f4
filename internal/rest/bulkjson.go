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
	oneByOne

	body *rowReader
	in   *json.Decoder
	rows jsonRowParser
	row  int
}

func newJSONRows(r io.Reader, zone *meter.Zone) (*jsonRows, error) {
	body := &rowReader{in: meter.SkipByteOrderMark(bufio.NewReader(r))}
	body.nextRow()
	j := &jsonRows{body: body, in: json.NewDecoder(body), rows: newJSONRowParser(zone, meter.CodeInvalidParameter)}
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
		return meter.Row{}, rowError(err)
	}
	return j.rows.parse(element)
}

// end checks that the array is closed and nothing follows it. Anything else counts as a
// row.
func (j *jsonRows) end() error {
	if _, err := j.in.Token(); err != nil {
		j.row++
		return rowError(err)
	}
	if _, err := j.in.Token(); errors.Is(err, io.EOF) {
		return io.EOF
	}
	j.row++
	return fmt.Errorf("%w: something follows the array", errBroken)
}

var (
	// errBroken says that an array is not JSON from a row on.
	errBroken = errors.New("cannot be parsed")
	// errElementTooLong says that an element of an array is longer than a row may be.
	errElementTooLong = errors.New("is too long")
)

// rowError returns the error of an array that cannot be read on.
func rowError(err error) error {
	switch {
	case isJSONSyntax(err):
		return fmt.Errorf("%w: %v", errBroken, err)
	case errors.Is(err, io.EOF):
		return io.ErrUnexpectedEOF // the array has not ended
	}
	return err
}

func isJSONSyntax(err error) bool {
	var syntax *json.SyntaxError
	return errors.As(err, &syntax)
}

// rowReader limits the length of a row. What the decoder reads ahead counts too, so the
// limit is a multiple of that of a row.
type rowReader struct {
	in   io.Reader
	left int // bytes
}

func (r *rowReader) nextRow() { r.left = 4 * meter.RowBytesMax }

func (r *rowReader) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, errElementTooLong
	}
	n, err := r.in.Read(p[:min(len(p), r.left)])
	r.left -= n
	return n, err
}

// readBytes is how much of a body is read at once.
const readBytes = 256 << 10

// ndjsonRows reads one JSON object a line, and skips empty lines.
type ndjsonRows struct {
	lines *bufio.Reader
	rows  jsonRowParser
	row   int
}

func newNDJSONRows(r io.Reader, zone *meter.Zone) *ndjsonRows {
	lines := meter.SkipByteOrderMark(bufio.NewReaderSize(r, readBytes))
	return &ndjsonRows{lines: lines, rows: newJSONRowParser(zone, meter.CodeInvalidRow)}
}

func (n *ndjsonRows) Row() int { return n.row }

func (n *ndjsonRows) AtHand(rows []meter.Row) (read int) {
	read = meter.ReadLines(n.lines, rows, func(row *meter.Row, text []byte) (length int) {
		end := bytes.IndexByte(text, '\n')
		if end < 0 || end >= meter.RowBytesMax {
			return 0
		}
		var ok bool
		if *row, ok = n.rows.parsePlain(text[:end]); !ok {
			return 0
		}
		return end + 1
	})
	n.row += read
	return read
}

func (n *ndjsonRows) Next() (meter.Row, error) {
	for {
		line, err := meter.ReadRowLine(n.lines)
		if errors.Is(err, io.EOF) {
			return meter.Row{}, io.EOF
		}
		if line = bytes.TrimSpace(line); len(line) == 0 && err == nil {
			continue
		}
		n.row++
		if err != nil {
			return meter.Row{}, err
		}
		return n.rows.parse(line)
	}
}
