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
)

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
		if tooLong := len(line) > archive.RowBytesMax; tooLong {
			n.row++
			return meter.Row{}, archive.ErrRowTooLong
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
		return n.parse(line)
	}
}

func (n *ndjsonRows) parse(line []byte) (meter.Row, error) {
	if row, ok := n.rows.parsePlain(line); ok {
		return row, nil
	}
	if !json.Valid(line) {
		return meter.Row{}, fmt.Errorf("%w: the line is not JSON", archive.ErrSyntax)
	}
	return n.rows.parse(line)
}
