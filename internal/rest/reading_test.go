package rest

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

func loadSingapore(t testing.TB) *meter.Zone {
	t.Helper()
	zone, err := meter.LoadZone("Asia/Singapore")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// checkObject wants an object that is plain to be what the general way makes of it,
// and reports whether it was taken for plain.
func checkObject(t interface{ Fatalf(string, ...any) }, zone *meter.Zone, object string) bool {
	p := newJSONRowParser(zone, meter.CodeInvalidRow)
	got, plain := p.parsePlain([]byte(object))
	if !plain {
		return false
	}
	var q readingRequest
	if err := httpkit.BindJSON([]byte(object), zone, &q, meter.CodeInvalidRow); err != nil || !json.Valid([]byte(object)) {
		t.Fatalf("%q is plain, but not JSON: %v", object, err)
	}
	if want := q.reading(); string(got.Meter) != string(want.Meter) || got.Slot != want.Slot || got.Register != want.Register {
		t.Fatalf("%q is plain: %s %d %v, but should be %v", object, got.Meter, got.Slot, got.Register, want)
	}
	return true
}

func TestPlainObjectsAreThoseOfTheGeneralParser(t *testing.T) {
	zone := loadSingapore(t)
	pieces := rapid.SampledFrom([]string{
		`"meter_id":"A"`, `"meter_id": "B-1"`, `"meter_id":5`, `"timestamp":"2026-11-23T00:30:00"`, `"timestamp" : "2026-11-23 01:00:00"`,
		`"reading":7.125`, `"reading":"007.5"`, `"reading":007.5`, `"reading":0`, `"reading":00`, `"reading":1e1`, `"reading":1.`, `"reading":.5`,
		`"reading":1.2.3`, `"reading":-1`, `"reading":null`, `"reading":""`, `"METER_ID":"A"`, `"meter\u005fid":"A"`, `"meter_id":"A\""`, `"x":"y"`, ``, `{}`,
	})
	number := rapid.SampledFrom([]string{"0", "00", "007.5", "0.5", "1.", ".5", "1.2.3", "-1", "1e1", `"007.5"`, `""`, "null"})
	plain := 0
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.OneOf(
			rapid.SliceOfN(pieces, 0, 4),
			rapid.Permutation([]string{`"meter_id":"A"`, `"timestamp":"2026-11-23T00:30:00"`, `"reading":7.125`}),
			rapid.Permutation([]string{`"meter_id":"A"`, `"timestamp":"2026-11-23T00:30:00"`, `"reading":` + number.Draw(t, "number")}),
		).Draw(t, "parts")
		between := rapid.SampledFrom([]string{",", ",", ", ", " ,\t", "", ",,", ":"}).Draw(t, "between")
		ends := rapid.SampledFrom([][2]string{{"{", "}"}, {"{", "}"}, {"{ ", "\r}"}, {"{", ""}, {"", "}"}, {"{", "}}"}, {"{", ",}"}, {"[", "]"}}).Draw(t, "ends")
		if checkObject(t, zone, ends[0]+strings.Join(parts, between)+ends[1]) {
			plain++
		}
	})
	if plain == 0 {
		t.Error("no object was plain: nothing was compared")
	}
}

func FuzzPlainObject(f *testing.F) {
	f.Add(`{"meter_id":"A","timestamp":"2026-11-23T00:30:00","reading":7.125}`)
	f.Add(`{ "reading" : "7", "timestamp":"2026-11-23 00:30:00","meter_id":"A" }`)
	zone := loadSingapore(f)
	f.Fuzz(func(t *testing.T, object string) { checkObject(t, zone, object) })
}

func TestPlainLinesAreReadWithoutAllocating(t *testing.T) {
	p := newJSONRowParser(loadSingapore(t), meter.CodeInvalidRow)
	line := []byte(`{"meter_id": "SG-1000007", "timestamp": "2026-11-23T00:30:00", "reading": 61234.567}`)
	allocated := testing.AllocsPerRun(100, func() {
		if _, plain := p.parsePlain(line); !plain {
			t.Fatal("the line is not plain")
		}
	})
	if allocated != 0 {
		t.Errorf("%v allocations a row", allocated)
	}
}

func TestNumbersThatAreNoJSONAreNotPlain(t *testing.T) {
	zone := loadSingapore(t)
	for number, want := range map[string]bool{"0": true, "0.5": true, "7": true, "00": false, "007.5": false, "1.": false, ".5": false, "1.2.3": false, "-1": false} {
		object := `{"meter_id":"A","timestamp":"2026-11-23T00:30:00","reading":` + number + `}`
		if plain := checkObject(t, zone, object); plain != want {
			t.Errorf("%s: plain is %v", number, plain)
		}
	}
}
