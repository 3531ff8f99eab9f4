package rest_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"meterledger/api"
	"meterledger/internal/meter"
)

// registersOfManyLengths rise. Household meters show the first ones, industrial meters
// the others.
var registersOfManyLengths = []string{
	"0", "0.001", "0.01", "0.999", "1", "1.5", "9.99", "10", "999.999", "1000", "1000.01", "99999.9", "100000", "999999.999",
	"1000000", "1000000.5", "1000000.5001", "1000001", "2000000.123456789", "123456789012345.678", "999999999999999.999",
}

func TestRegistersOfManyLengthsStandInASeriesAsTheyCame(t *testing.T) {
	s := newScript(t, "series of many lengths")
	from := s.zone.DayStart(meter.Day{Year: 2026, Month: 11, Day: 1}) - 10 // over midnight and the month's end
	var readings []meter.Reading
	for i, text := range registersOfManyLengths {
		register, err := meter.ParseRegister(text)
		if err != nil {
			t.Fatal(err)
		}
		readings = append(readings, meter.Reading{Meter: "M", Slot: from + meter.Slot(i), Register: register})
	}
	if err := s.node.Register(t.Context(), "M", "Tan", "Road"); err != nil {
		t.Fatal(err)
	}
	recordMany(t, s.node, readings)

	want := api.Intervals{MeterID: "M", Interval: "30min", Count: len(readings) - 1, Terms: api.TermsIn(s.zone.String())}
	for i := range readings[1:] {
		used := readings[i+1].Register.Total().Sub(readings[i].Register.Total())
		want.Results = append(want.Results, api.Interval{
			Start: s.zone.Stamp(readings[i].Slot), End: s.zone.Stamp(readings[i+1].Slot), Complete: true,
			StartReading: &readings[i].Register, EndReading: &readings[i+1].Register, Consumption: &used,
			Certainty: api.Certainty{Quality: new("ACTUAL")},
		})
	}
	path := "/get_readings?meter_id=M&start=" + s.zone.Stamp(from) + "&end=" + s.zone.Stamp(from+meter.Slot(want.Count))
	for _, order := range []string{"asc", "desc"} {
		if order == "desc" {
			slices.Reverse(want.Results)
		}
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff("200 OK\n"+string(text)+"\n", s.body(t, path+"&order="+order)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", order, diff)
		}
	}
}
