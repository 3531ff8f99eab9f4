package rest

import (
	"reflect"
	"strings"
	"testing"

	"meterledger/api"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

func TestConsumptionIsEncodedAsEncodingJSONDoes(t *testing.T) {
	registers := []string{"0", "0.001", "9.99", "1234.5", "999999.999", "1000000.5001", "123456789012345.678", "999999999.999999999"}
	change := []api.RegisterChange{{At: "2026-11-23T10:00:00", Kind: "exchange"}}
	for i, text := range registers {
		start, err := meter.ParseRegister(text)
		if err != nil {
			t.Fatal(err)
		}
		end, err := meter.ParseRegister(registers[(i+3)%len(registers)])
		if err != nil {
			t.Fatal(err)
		}
		for _, certainty := range certainties {
			a := api.PeriodConsumption{
				Usage: api.Usage{
					MeterID: "A-1_2.b", Period: "this_month", StartReading: start, EndReading: end, Consumption: end.Total().Sub(start.Total()),
					StartTime: "2026-11-01T00:00:00", EndTime: "2026-11-01T01:30:00-07:00", Readings: i, ExpectedReadings: 1488, Complete: i%2 == 0,
				},
				Terms: api.TermsIn("America/Port-au-Prince"), Certainty: certainty,
			}
			wantEncoded(t, a)
			a.RegisterChanges = change
			wantEncoded(t, a)
			a.RegisterChanges, a.Previous = nil, &api.PreviousConsumption{Start: a.StartTime}
			wantEncoded(t, a)
		}
	}
}

func wantEncoded(t *testing.T, a api.PeriodConsumption) {
	t.Helper()
	if got, want := appendConsumption(nil, &a), httpkit.Encode(a); string(got) != string(want) {
		t.Errorf("an answer is encoded\n%s, want\n%s", got, want)
	}
}

// TestNoMoreMembersOfAConsumptionMayBeLeftOut finds what the comparison does not: a member that it leaves empty.
func TestNoMoreMembersOfAConsumptionMayBeLeftOut(t *testing.T) {
	optional := map[string]bool{}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[api.PeriodConsumption]()) {
		if _, options, _ := strings.Cut(f.Tag.Get("json"), ","); options == "omitempty" {
			optional[f.Name] = true
		}
	}
	if len(optional) != 2 || !optional["Previous"] || !optional["RegisterChanges"] {
		t.Errorf("appendConsumption knows of two members that may be left out, not of %v", optional)
	}
}
