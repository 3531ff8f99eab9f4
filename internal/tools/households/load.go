package households

import (
	_ "embed" // the sample is part of the program
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"meterledger/internal/meter"
)

//go:embed data/lcl_london_12_households_2013-03_to_2013-05.csv
var sample string

const (
	sampleHeader = "LCLid,tstp,energy(kWh/hh)"
	stampLayout  = "2006-01-02 15:04:05"
	halfHour     = 30 * time.Minute
)

// origin is half hour 0: the first stamp of the sample.
var origin = time.Date(2013, time.March, 1, 0, 0, 0, 0, time.UTC)

// Load returns the households of the sample in the order of their ids.
func Load() ([]Household, error) { return read(strings.NewReader(sample)) }

// read takes rows in order of household and time; an error names the line of the fault.
func read(in io.Reader) (homes []Household, err error) {
	rows, err := csv.NewReader(in).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("reading the sample: %w", err) // a csv.ParseError names its line
	}
	if len(rows) == 0 || strings.Join(rows[0], ",") != sampleHeader {
		return nil, fmt.Errorf("line 1: the header is not %q", sampleHeader)
	}
	for i, row := range rows[1:] {
		if homes, err = appendRow(homes, row); err != nil {
			return nil, fmt.Errorf("line %d: %w", i+2, err)
		}
	}
	return homes, nil
}

func appendRow(homes []Household, row []string) ([]Household, error) {
	interval, err := parseInterval(row[1], row[2])
	if err != nil {
		return nil, err
	}
	id, last := row[0], len(homes)-1
	switch {
	case last < 0 || homes[last].ID < id:
		if _, err := meter.ParseID(id); err != nil {
			return nil, fmt.Errorf("household %q: %w", id, err)
		}
		return append(homes, Household{id, []Interval{interval}}), nil
	case homes[last].ID > id:
		return nil, fmt.Errorf("household %s comes after %s", id, homes[last].ID)
	}
	home := &homes[last]
	if before := home.Intervals[len(home.Intervals)-1]; before.End >= interval.End {
		return nil, fmt.Errorf("%s does not come after the row before it", row[1])
	}
	home.Intervals = append(home.Intervals, interval)
	return homes, nil
}

func parseInterval(stamp, energy string) (Interval, error) {
	end, err := time.Parse(stampLayout, stamp)
	if err != nil {
		return Interval{}, fmt.Errorf("reading a stamp: %w", err)
	}
	since := end.Sub(origin)
	if since < 0 || since%halfHour != 0 {
		return Interval{}, fmt.Errorf("stamp %s is before %s or off the half hours", stamp, origin.Format(stampLayout))
	}
	switch kwh, err := decimal.NewFromString(strings.TrimSpace(energy)); {
	case err != nil:
		return Interval{}, fmt.Errorf("reading the energy %q: %w", energy, err)
	case kwh.IsNegative():
		return Interval{}, fmt.Errorf("the energy %s is negative", kwh)
	default:
		return Interval{int(since / halfHour), kwh}, nil
	}
}
