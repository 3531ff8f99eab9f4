package main

import (
	"bufio"
	"fmt"
	"strings"

	"meterledger/internal/meter"
	"meterledger/internal/tools/soak/witness"
)

const csvHeader = "meter_id,timestamp,reading"

// csvRows reads rows exactly as the contract has them written, and nothing else:
// the header, then three fields a row without quotes.
type csvRows struct {
	in      *bufio.Scanner
	row     int // the header is 0
	reading witness.Reading
	err     error
}

func (c *csvRows) next() bool {
	if c.row == 0 && c.err == nil {
		if !c.in.Scan() || c.in.Text() != csvHeader {
			c.err = fmt.Errorf("the header is %q, not %q", c.in.Text(), csvHeader)
		}
	}
	if c.err != nil || !c.in.Scan() {
		if c.err == nil {
			c.err = c.in.Err()
		}
		return false
	}
	c.row++
	fields := strings.Split(c.in.Text(), ",")
	if len(fields) != 3 || len(fields[1]) != len(stampLayout) {
		c.err = fmt.Errorf("row %d is %q, not %s", c.row, c.in.Text(), csvHeader)
		return false
	}
	c.reading = witness.Reading{Meter: meter.ID(fields[0]), Stamp: fields[1], Register: fields[2]}
	return true
}
