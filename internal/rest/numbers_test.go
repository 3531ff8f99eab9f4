package rest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"meterledger/api"
)

// fractions returns the names of the members that are numbers with a fraction in the document.
func fractions(t *testing.T) map[string]bool {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(api.Document())
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, schema := range doc.Components.Schemas {
		for name, member := range schema.Value.Properties {
			if member.Value.Type.Is(openapi3.TypeNumber) {
				names[name] = true
				if member.Value.Format != "decimal" {
					t.Errorf("the number %s has the format %q", name, member.Value.Format)
				}
			}
		}
	}
	return names
}

// withTexts returns an answer with the numbers of those names as strings.
func withTexts(answer any, names map[string]bool) any {
	switch answer := answer.(type) {
	case map[string]any:
		for name, value := range answer {
			if number, ok := value.(json.Number); ok && names[name] {
				answer[name] = number.String()
			} else {
				answer[name] = withTexts(value, names)
			}
		}
	case []any:
		for i := range answer {
			answer[i] = withTexts(answer[i], names)
		}
	}
	return answer
}

func TestNumbersComeAsStringsOfTheSameDigits(t *testing.T) {
	s := newExample(t)
	names := fractions(t)
	for _, path := range []string{
		"/get_consumption?meter_id=123-456-789&period=today&compare=previous",
		"/get_consumption?meter_id=123-456-789&period=last_month",
		"/get_readings?meter_id=123-456-789",
		"/get_readings?meter_id=123-456-789&interval=hour&estimate=linear&page_size=3",
		"/get_readings?meter_id=123-456-789&start=2026-10-01T00:00&page_size=25000", // sent in several pieces
		"/get_last_month_bill?meter_id=123-456-789",
		"/get_bill?meter_id=123-456-789&month=2026-10",
		"/meters?page_size=5",
	} {
		_, numbers, _ := strings.Cut(s.body(t, path), "\n")
		status, texts, _ := strings.Cut(s.body(t, path+"&numbers=string"), "\n")
		if status != "200 OK" {
			t.Fatalf("%s: %s %s", path, status, texts)
		}
		want := withTexts(s.decode([]byte(numbers)), names)
		if diff := cmp.Diff(want, s.decode([]byte(texts))); diff != "" {
			t.Errorf("%s as strings (-want +got):\n%s", path, diff)
		}
		if _, same, _ := strings.Cut(s.body(t, path+"&numbers=number"), "\n"); same != numbers {
			t.Errorf("%s with numbers=number is not what it is without", path)
		}
	}
}

func TestATagIsThatOfTheFormOfTheNumbers(t *testing.T) {
	s := newExample(t)
	tags := map[string]string{}
	for _, numbers := range []string{"", "&numbers=number", "&numbers=string"} {
		for _, path := range []string{"/get_bill?meter_id=123-456-789&month=2026-10", "/get_consumption?meter_id=123-456-789&period=last_month"} {
			answer := s.send(http.MethodGet, path+numbers, http.Header{}, "")
			answer.Body.Close()
			tag := answer.Header.Get("ETag")
			if other, taken := tags[tag]; taken || tag == "" {
				t.Errorf("%s has the tag %q, as has %s", path+numbers, tag, other)
			}
			tags[tag] = fmt.Sprint(path, numbers)
		}
	}
}
