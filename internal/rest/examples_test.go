package rest_test

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"meterledger/api"
	"meterledger/internal/meter"
	"meterledger/internal/vee"
)

// anchors are the registers that the document's examples show. Between two of them
// the meter reads what lies on the line.
var anchors = []struct{ at, register string }{
	{"2026-10-01T00:00:00", "900"},
	{"2026-10-01T00:30:00", "900.2"},
	{"2026-11-01T00:00:00", "1198.25"},
	{"2026-11-22T00:00:00", "1400"},
	{"2026-11-22T14:30:00", "1404.5"},
	{"2026-11-23T00:00:00", "1408.125"},
	{"2026-11-23T12:30:00", "1412.75"},
	{"2026-11-23T13:00:00", "1413"},
	{"2026-11-23T14:00:00", "1413.5"},
	{"2026-11-23T14:30:00", "1413.75"},
}

// exampleMissing is the one reading that did not come.
const exampleMissing = "2026-11-23T13:30:00"

// newExample is an api in the state that the document's examples are taken from.
func newExample(t testing.TB) *script {
	t.Helper()
	s := newScript(t, "examples")
	s.run(`
now 2026-09-28T09:12:40
POST /register_account?owner_name=Tan+Mei+Ling&address=12+Serangoon+Road,+Singapore+218227&meter_id=123-456-789
=> 200
now 2026-09-28T09:15:00
POST /register_account?owner_name=Lim&address=1+Orchard+Road&meter_id=MAC000003
=> 200
now 2026-11-23T14:25:00
POST /register_account?owner_name=Lee&address=2+Orchard+Road&meter_id=MAC000004
=> 200
now 2026-11-23T14:30:05
POST /receive_meter_reading?meter_id=MAC000003&timestamp=2026-10-01T00:00:00&reading=17.0635
=> 200`)
	var readings []meter.Reading
	for i := 1; i < len(anchors); i++ {
		line := vee.Estimator{Mode: vee.LinearOnly}
		from, to := s.point(anchors[i-1].at, anchors[i-1].register), s.point(anchors[i].at, anchors[i].register)
		for at := from.Slot; at < to.Slot || i == len(anchors)-1 && at == to.Slot; at++ {
			if s.zone.Stamp(at) != exampleMissing {
				readings = append(readings, meter.Reading{Meter: "123-456-789", Slot: at, Register: line.At(at, &from, &to).Register})
			}
		}
	}
	recordMany(t, s.node, readings)
	if err := s.closeMonth("2026-10"); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *script) point(stamp, register string) meter.Point {
	s.t.Helper()
	slot, err := s.zone.ParseSlot("timestamp", stamp)
	if err != nil {
		s.t.Fatal(err)
	}
	k, err := meter.ParseRegister(register)
	if err != nil {
		s.t.Fatal(err)
	}
	return meter.Point{Slot: slot, Register: k}
}

func TestExamplesOfTheDocumentAreWhatIsAnswered(t *testing.T) {
	s := newExample(t)
	const window = "meter_id=123-456-789&start=2026-11-23T12:30:00&end=2026-11-23T14:30:00"
	for _, c := range []struct{ path, query, example string }{
		{"/account", "meter_id=123-456-789", ""},
		{"/get_consumption", "meter_id=123-456-789&period=today", "today"},
		{"/get_consumption", "meter_id=123-456-789&period=last_30min", "last_30min"},
		{"/get_consumption", "meter_id=123-456-789&period=this_month", "this_month"},
		{"/get_consumption", "meter_id=123-456-789&period=last_month", "last_month"},
		{"/get_consumption", "period=custom&" + window, "custom"},
		{"/get_consumption", "meter_id=123-456-789&period=today&compare=previous", "compared"},
		{"/get_readings", window, "last_page"},
		{"/get_readings", window + "&interval=hour", "clipped"},
		{"/get_readings", "meter_id=123-456-789&start=2026-11-23T13:00:00&end=2026-11-23T14:00:00&order=desc&estimate=linear", "estimated"},
		{"/get_readings", window + "&page_size=2", "more"},
		{"/get_readings", window + "&format=csv", ""},
		{"/get_bill", "meter_id=123-456-789&month=2026-10", ""},
		{"/get_last_month_bill", "meter_id=123-456-789", ""},
		{"/meters", "stale_for=24h", ""},
		{"/meters/{meter_id}", "", ""},
		{"/meters/{meter_id}/gaps", "month=2026-11", ""},
	} {
		answer, err := s.client.Get(s.server.URL + strings.ReplaceAll(c.path, "{meter_id}", "123-456-789") + "?" + c.query)
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		mediaType, _, _ := strings.Cut(answer.Header.Get("Content-Type"), ";")
		want := s.example(c.path, mediaType, c.example)
		var got any = string(content)
		if mediaType == "application/json" {
			got = s.decode(content)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s?%s: the example (-) and the answer (+) differ:\n%s", c.path, c.query, diff)
		}
	}
}

// example returns what the document shows as the answer to a GET.
func (s *script) example(path, mediaType, name string) any {
	s.t.Helper()
	value := s.decode(api.Document())
	for _, key := range []string{"paths", path, "get", "responses", "200", "content", mediaType} {
		value = value.(map[string]any)[key]
	}
	if name == "" {
		return value.(map[string]any)["example"]
	}
	return value.(map[string]any)["examples"].(map[string]any)[name].(map[string]any)["value"]
}

// TestExamplesOfTheParametersWorkWhenPasted sends what the documentation pages fill in
// for each question: the example of each parameter, or the first of its examples.
func TestExamplesOfTheParametersWorkWhenPasted(t *testing.T) {
	s := newExample(t)
	doc, err := openapi3.NewLoader().LoadFromData(api.DocumentOf(api.ProgramAPI))
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	for path, item := range doc.Paths.Map() {
		if item.Get == nil || slices.Contains([]string{"/docs", "/redoc"}, path) {
			continue
		}
		query, headers := url.Values{}, http.Header{}
		for _, ref := range item.Get.Parameters {
			value, filled := filledIn(t, ref.Value)
			switch {
			case !filled:
			case ref.Value.In == "query":
				query.Set(ref.Value.Name, value)
			case ref.Value.In == "header":
				headers.Set(ref.Value.Name, value)
			default:
				path = strings.ReplaceAll(path, "{"+ref.Value.Name+"}", value)
			}
		}
		answer := s.send(http.MethodGet, path+"?"+query.Encode(), headers, "")
		content, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Errorf("GET %s?%s is %s, %v: %s", path, query.Encode(), answer.Status, err, bytes.TrimSpace(content))
		}
		asked++
	}
	if asked < 12 {
		t.Errorf("only %d questions were asked", asked)
	}
}

// filledIn returns what a documentation page puts into a parameter's field, and false
// where that stays empty.
func filledIn(t *testing.T, p *openapi3.Parameter) (string, bool) {
	t.Helper()
	value := p.Example
	if names := slices.Sorted(maps.Keys(p.Examples)); len(names) > 0 {
		if slices.Contains(names, "left_out") { // the first one in the document
			return "", false
		}
		value = p.Examples[names[0]].Value.Value
	}
	if text, ok := value.(string); ok {
		return text, text != ""
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(encoded), true
}
