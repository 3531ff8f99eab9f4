package api_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"testing"

	"github.com/shopspring/decimal"

	"meterledger/api"
)

// walk calls visit for every JSON object in value, at a path such as
// /paths/~docs/get.
func walk(at string, value any, visit func(at string, object map[string]any)) {
	switch value := value.(type) {
	case map[string]any:
		visit(at, value)
		for name, member := range value {
			walk(at+"/"+name, member, visit)
		}
	case []any:
		for i, element := range value {
			walk(at+"/"+strconv.Itoa(i), element, visit)
		}
	}
}

// rawDocument returns the document with its numbers as they are written.
func rawDocument(t *testing.T) any {
	t.Helper()
	in := json.NewDecoder(bytes.NewReader(api.Document()))
	in.UseNumber()
	var document any
	if err := in.Decode(&document); err != nil {
		t.Fatalf("decoding the document: %v", err)
	}
	return document
}

func TestRegistersInExamplesAddUp(t *testing.T) {
	checked := 0
	walk("", rawDocument(t), func(at string, object map[string]any) {
		consumption, isNumber := object["consumption"].(json.Number)
		if !isNumber {
			return
		}
		checked++
		start := number(t, at, object["start_reading"])
		end := number(t, at, object["end_reading"])
		if used := number(t, at, consumption); !end.Sub(start).Equal(used) {
			t.Errorf("%s: %v to %v kWh is not %v kWh", at, start, end, used)
		}
	})
	if checked == 0 {
		t.Error("no example has a consumption")
	}
}

func number(t *testing.T, at string, value any) decimal.Decimal {
	t.Helper()
	text, isNumber := value.(json.Number)
	d, err := decimal.NewFromString(text.String())
	if err != nil || !isNumber {
		t.Errorf("%s: %v is not a decimal", at, value)
	}
	return d
}

func TestCompleteExamplesHaveAllTheirReadings(t *testing.T) {
	checked := 0
	walk("", rawDocument(t), func(at string, object map[string]any) {
		expected, isNumber := object["expected_readings"].(json.Number)
		if !isNumber {
			return
		}
		checked++
		if complete := object["readings"] == expected; object["complete"] != complete {
			t.Errorf("%s: %v of %v readings, yet complete is %v", at, object["readings"], expected, object["complete"])
		}
	})
	if checked == 0 {
		t.Error("no example counts its readings")
	}
}

func TestProblemExamplesHaveTheStatusTheyStandUnder(t *testing.T) {
	for name, operation := range operations(load(t)) {
		for status, response := range operation.Responses.Map() {
			content := response.Value.Content["application/problem+json"]
			if content == nil {
				continue
			}
			examples := []any{content.Example}
			for _, example := range content.Examples {
				examples = append(examples, example.Value.Value)
			}
			for _, example := range examples {
				wantStatus(t, name+" "+status, status, example)
			}
		}
	}
}

func wantStatus(t *testing.T, at, status string, example any) {
	t.Helper()
	problem, isObject := example.(map[string]any)
	if !isObject { // one of example and examples is always absent
		return
	}
	code, err := strconv.Atoi(status)
	if err != nil {
		t.Fatal(err)
	}
	if problem["title"] != http.StatusText(code) || problem["status"] != float64(code) {
		t.Errorf("%s: an example is a %v %v", at, problem["status"], problem["title"])
	}
}
