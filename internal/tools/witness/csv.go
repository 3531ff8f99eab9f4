package witness

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"meterledger/internal/meter"
)

// CSVHeader is the first line of readings as CSV.
const CSVHeader = "meter_id,timestamp,reading"

const stampLayout = "2006-01-02T15:04:05"

// ReadCSV reads rows exactly as the contract has them written, and nothing else: the
// header, then three fields a row without quotes.
func ReadCSV(in io.Reader, each func(row int, r Reading) error) error {
	lines := bufio.NewScanner(in)
	if !lines.Scan() || lines.Text() != CSVHeader {
		return fmt.Errorf("the header is %q, not %q", lines.Text(), CSVHeader)
	}
	for row := 1; lines.Scan(); row++ {
		fields := strings.Split(lines.Text(), ",")
		if len(fields) != 3 || len(fields[1]) < len(stampLayout) {
			return fmt.Errorf("row %d is %q, not %s", row, lines.Text(), CSVHeader)
		}
		if err := each(row, Reading{Meter: meter.ID(fields[0]), Stamp: fields[1], Register: fields[2]}); err != nil {
			return err
		}
	}
	return lines.Err()
}
