package httpkit_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/go-cmp/cmp"

	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
	"meterledger/internal/rules"
)

// order is a request struct as handlers have them.
type order struct {
	MeterID meter.ID    `param:"meter_id,required"`
	Owner   string      `param:"owner_name" validate:"omitempty,text"`
	Reading string      `param:"reading"`
	Period  span        `param:"period" oneof:"today this_week custom"`
	Start   string      `param:"start" validate:"when=Period custom"`
	Date    meter.Day   `param:"date"`
	Month   meter.Month `param:"month"`
	Wait    *bool       `param:"wait"`
}

func (o *order) Check() error { return rules.Check(o) }

// span is a string that has a name, as those of a handler have.
type span string

const (
	form    = "application/x-www-form-urlencoded"
	jsonUTF = "application/json; charset=utf-8"
)

// post makes a POST; body may be nil.
func post(query, contentType string, body io.Reader) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/order", body)
	r.URL.RawQuery = query
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return r
}

// bind is httpkit.Bind in UTC.
func bind(r *http.Request, into any) error { return httpkit.Bind(r, utc, into) }

var utc = func() *meter.Zone {
	zone, err := meter.LoadZone("UTC")
	if err != nil {
		panic(err)
	}
	return zone
}()

func multipartBody(t *testing.T, write func(*multipart.Writer) error) (contentType string, body io.Reader) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	if err := errors.Join(write(w), w.Close()); err != nil {
		t.Fatal(err)
	}
	return w.FormDataContentType(), &b
}

func TestBindTakesParametersFromQueryFormAndJSON(t *testing.T) {
	multipartType, multipartForm := multipartBody(t, func(w *multipart.Writer) error {
		return errors.Join(w.WriteField("meter_id", "m-1"), w.WriteField("reading", "1.50"))
	})
	get := httptest.NewRequest(http.MethodGet, "/order?meter_id=m-1", strings.NewReader("meter_id=not-read"))
	get.Header.Set("Content-Type", form)
	for name, tt := range map[string]struct {
		request *http.Request
		want    order
	}{
		"query":               {post("meter_id=m-1&reading=1.50", "", nil), order{MeterID: "m-1", Reading: "1.50"}},
		"query with escapes":  {post("meter_id=m%2D1&owner_name=Tan+Ah%20Kow", "", nil), order{MeterID: "m-1", Owner: "Tan Ah Kow"}},
		"query with gaps":     {post("&&meter_id=m-1&", "", nil), order{MeterID: "m-1"}},
		"query, empty body":   {post("meter_id=m-1", "text/csv", strings.NewReader("")), order{MeterID: "m-1"}},
		"form":                {post("", form, strings.NewReader("meter_id=m-1&reading=1.50")), order{MeterID: "m-1", Reading: "1.50"}},
		"query and form":      {post("meter_id=m-1", form, strings.NewReader("reading=1.50")), order{MeterID: "m-1", Reading: "1.50"}},
		"multipart form":      {post("", multipartType, multipartForm), order{MeterID: "m-1", Reading: "1.50"}},
		"JSON":                {post("", jsonUTF, strings.NewReader(` {"meter_id":"m-1","reading":1.50} `)), order{MeterID: "m-1", Reading: "1.50"}},
		"JSON, exact numbers": {post("", jsonUTF, strings.NewReader(`{"meter_id":1,"reading":123456789.1234567890}`)), order{MeterID: "1", Reading: "123456789.1234567890"}},
		"JSON, exponent":      {post("", jsonUTF, strings.NewReader(`{"meter_id":"m","reading":1e1000000}`)), order{MeterID: "m", Reading: "1e1000000"}},
		"JSON, booleans":      {post("", jsonUTF, strings.NewReader(`{"meter_id":"m","wait":false}`)), order{MeterID: "m", Wait: new(bool)}},
		"JSON, escapes":       {post("", jsonUTF, strings.NewReader(`{"meter_id":"m","owner_name":"\u00c5\ud83d\ude00"}`)), order{MeterID: "m", Owner: "Å😀"}},
		"JSON and query":      {post("period=custom&start=x", jsonUTF, strings.NewReader(`{"meter_id":"m"}`)), order{MeterID: "m", Period: "custom", Start: "x"}},
		"GET, body not read":  {get, order{MeterID: "m-1"}},
		"day and month":       {post("meter_id=m-1&date=2026-02-28&month=2026-02", "", nil), order{MeterID: "m-1", Date: meter.Day{Year: 2026, Month: 2, Day: 28}, Month: meter.Month{Year: 2026, Month: 2}}},
	} {
		t.Run(name, func(t *testing.T) {
			var got order
			if err := bind(tt.request, &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBindRefusesBadParametersAndNamesThem(t *testing.T) {
	long := strings.Repeat("x", 1000)
	tests := map[string]struct {
		request *http.Request
		field   string
		detail  string
	}{
		"missing":              {post("", "", nil), "meter_id", "meter_id is missing"},
		"empty":                {post("meter_id=", "", nil), "meter_id", "meter_id is empty"},
		"empty optional":       {post("meter_id=m-1&date=", "", nil), "date", "date is empty"},
		"missing, conditional": {post("meter_id=m&period=custom", "", nil), "start", "start is missing"},
		"without a value":      {post("meter_id", "", nil), "meter_id", "meter_id is empty"},
		"repeated":             {post("meter_id=a&meter_id=a", "", nil), "meter_id", "meter_id is given more than once"},
		"repeated, empty":      {post("meter_id=&meter_id=", "", nil), "meter_id", "meter_id is empty"},
		"in query and form":    {post("meter_id=a", form, strings.NewReader("meter_id=a")), "meter_id", "meter_id is given more than once"},
		"in query and JSON":    {post("meter_id=a", jsonUTF, strings.NewReader(`{"meter_id":"a"}`)), "meter_id", "meter_id is given more than once"},
		"repeated in JSON":     {post("", jsonUTF, strings.NewReader(`{"meter_id":"a","meter_id":"a"}`)), "meter_id", "meter_id is given more than once"},
		"unknown":              {post("meter_id=a&colour=red", "", nil), "colour", "colour is not a parameter here; known are meter_id, owner_name, reading, period, start, date, month, wait"},
		"unknown, odd":         {post("a%22b%0A=1", "", nil), `"a\"b\n"`, `"a\"b\n" is not a parameter here; known are meter_id, owner_name, reading, period, start, date, month, wait`},
		"unknown, long":        {post(long+"=1", "", nil), `"` + long[:40] + `"…`, `"` + long[:40] + `"… is not a parameter here; known are meter_id, owner_name, reading, period, start, date, month, wait`},
		"unknown, no name":     {post("=1", "", nil), `""`, `"" is not a parameter here; known are meter_id, owner_name, reading, period, start, date, month, wait`},
		"other case":           {post("METER_ID=1", "", nil), "METER_ID", "METER_ID is not a parameter here; known are meter_id, owner_name, reading, period, start, date, month, wait"},
		"name not UTF-8":       {post("%ff=1", "", nil), `"\xff"`, `"\xff" is not a parameter here; known are meter_id, owner_name, reading, period, start, date, month, wait`},
		"value not UTF-8":      {post("owner_name=%c3%28", "", nil), "owner_name", "owner_name is not valid UTF-8"},
		"bad escape":           {post("meter_id=%zz", "", nil), "", `"meter_id=%zz" is not percent-encoded as a parameter must be`},
		"cut escape":           {post("meter_id=%2", "", nil), "", `"meter_id=%2" is not percent-encoded as a parameter must be`},
		"semicolon":            {post("meter_id=a;reading=1", "", nil), "", `"meter_id=a;reading=1" is not percent-encoded as a parameter must be`},
		"bad escape in form":   {post("", form, strings.NewReader("meter_id=%")), "", `"meter_id=%" is not percent-encoded as a parameter must be`},

		"meter_id with a slash": {post("meter_id=a/b", "", nil), "meter_id", "meter_id must be 1 to 64 of A-Z a-z 0-9 . _ - and begin with a letter or a digit"},
		"meter_id too long":     {post("meter_id="+long, "", nil), "meter_id", "meter_id is 1000 bytes long, at most 64 are allowed"},
		"owner too long":        {post("meter_id=a&owner_name="+strings.Repeat("é", 201), "", nil), "owner_name", "owner_name must be 1 to 200 characters of valid UTF-8 without control characters"},
		"owner with a newline":  {post("meter_id=a&owner_name=a%0Ab", "", nil), "owner_name", "owner_name must be 1 to 200 characters of valid UTF-8 without control characters"},
		"not one of":            {post("meter_id=a&period=year", "", nil), "period", "period must be one of today, this_week, custom"},
		"not a day":             {post("meter_id=a&date=2026-02-29", "", nil), "date", "date must be a day such as 2026-11-23"},
		"not a month":           {post("meter_id=a&month=2026-13", "", nil), "month", "month must be a month such as 2026-11"},
		"wait not a boolean":    {post("meter_id=a&wait=1", "", nil), "wait", "wait must be one of true, false"},

		"JSON null":           {post("", jsonUTF, strings.NewReader(`{"meter_id":null}`)), "meter_id", "meter_id must be a string, a number, true or false"},
		"JSON object inside":  {post("", jsonUTF, strings.NewReader(`{"meter_id":{"a":1}}`)), "meter_id", "meter_id must be a string, a number, true or false"},
		"JSON array inside":   {post("", jsonUTF, strings.NewReader(`{"meter_id":["a"]}`)), "meter_id", "meter_id must be a string, a number, true or false"},
		"JSON half surrogate": {post("", jsonUTF, strings.NewReader(`{"meter_id":"a","owner_name":"\ud83d"}`)), "owner_name", "owner_name is not valid UTF-8"},
		"JSON unknown":        {post("", jsonUTF, strings.NewReader(`{"colour":"red"}`)), "colour", "colour is not a parameter here; known are meter_id, owner_name, reading, period, start, date, month, wait"},
		"JSON not UTF-8":      {post("", jsonUTF, strings.NewReader("{\"meter_id\":\"\xff\"}")), "", "the JSON is not valid UTF-8"},
		"JSON and more":       {post("", jsonUTF, strings.NewReader(`{"meter_id":"a"} {}`)), "", "something follows the JSON object"},
		"JSON and junk":       {post("", jsonUTF, strings.NewReader(`{"meter_id":"a"}}`)), "", "something follows the JSON object"},

		"body breaks off": {post("", form, iotest.ErrReader(io.ErrUnexpectedEOF)), "", "the body breaks off before its end"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := bind(tt.request, &order{})
			want := &meter.Error{Kind: meter.KindInvalid, Code: meter.CodeInvalidParameter, Field: tt.field, Detail: tt.detail}
			if diff := cmp.Diff(want, asError(t, err)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// celsius is a type with a parser of its own.
type celsius int

func (c *celsius) UnmarshalText(text []byte) error {
	if _, err := fmt.Sscanf(string(text), "%dC", c); err != nil {
		return errors.New("must be a temperature such as 20C")
	}
	return nil
}

// visit is a request struct with every type of field and every rule between fields.
type visit struct {
	Meter       meter.ID       `path:"meter_id"`
	At          meter.Slot     `param:"at"`
	Register    meter.Register `param:"register"`
	Temperature celsius        `param:"temperature"`
	Urgent      bool           `param:"urgent"`
	Floor       *celsius       `param:"floor"`
	Kind        span           `param:"kind" oneof:"read mend"`
	Part        string         `param:"part" validate:"when=Kind mend"`
	Day         meter.Day      `param:"day" validate:"required_without=Month,excluded_with=Month"`
	Month       meter.Month    `param:"month" validate:"excluded_if=Kind mend"`
}

func (v *visit) Check() error { return rules.Check(v) }

// visiting routes a query to Bind, as the path's parameters need it.
func visiting(path, query string) (v visit, err error) {
	r := chi.NewRouter()
	r.Get("/meters/{meter_id}", func(_ http.ResponseWriter, r *http.Request) { err = bind(r, &v) })
	r.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path+"?"+query, nil))
	return v, err
}

func TestBindParsesEachFieldByItsType(t *testing.T) {
	got, err := visiting("/meters/m-1", "at=1970-01-01T01:00:00Z&register=1.50&temperature=-3C&urgent=true&floor=4C&kind=read&day=2026-02-28")
	if err == nil || err.Error() != "at lies outside the years 2000 to 9999" {
		t.Errorf("got %+v, %v", got, err)
	}
	got, err = visiting("/meters/m-1", "at=2000-01-01T01:00:00Z&register=1.50&temperature=-3C&urgent=true&floor=4C&kind=read&day=2026-02-28")
	if err != nil {
		t.Fatal(err)
	}
	floor := celsius(4)
	register, err := meter.ParseRegister("1.5")
	if err != nil {
		t.Fatal(err)
	}
	want := visit{
		Meter: "m-1", At: utc.Floor(time.Date(2000, 1, 1, 1, 0, 0, 0, time.UTC)), Register: register, Temperature: -3, Urgent: true,
		Floor: &floor, Kind: "read", Day: meter.Day{Year: 2026, Month: 2, Day: 28},
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b meter.Register) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

// send binds a request whose thing stands in the path.
func (c *change) send(method, query, body string) (err error) {
	r := httptest.NewRequest(method, "/meters/M-1?"+query, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	routes := chi.NewRouter()
	routes.MethodFunc(method, "/meters/{meter_id}", func(_ http.ResponseWriter, r *http.Request) { err = bind(r, c) })
	routes.ServeHTTP(httptest.NewRecorder(), r)
	return err
}

// change is a request whose parameters can be unset.
type change struct {
	Meter meter.ID        `path:"meter_id"`
	At    meter.Instant   `param:"at"`
	Limit *meter.Register `param:"limit,nullable"`
	Other *meter.Register `param:"other,nullable"`
}

func TestBindTakesAnyMethodWithABodyAnySecondAndNull(t *testing.T) {
	at := meter.Instant(time.Date(2026, 11, 23, 10, 17, 5, 0, time.UTC).Unix())
	five, _ := meter.ParseRegister("5")
	zero := meter.Register{}
	for name, c := range map[string]struct {
		method, query, body string
		want                change
	}{
		"instant in the query": {http.MethodDelete, "at=2026-11-23T10:17:05", "", change{At: at}},
		"null and a number":    {http.MethodPatch, "", `{"limit":null,"other":5}`, change{Limit: &zero, Other: &five}},
		"the word in a query":  {http.MethodPatch, "limit=null&other=5", "", change{Limit: &zero, Other: &five}},
		"neither":              {http.MethodPatch, "at=2026-11-23T10:17:05Z", "", change{At: at}},
	} {
		var got change
		if err := got.send(c.method, c.query, c.body); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		c.want.Meter = "M-1"
		if diff := cmp.Diff(c.want, got, cmp.Comparer(func(a, b meter.Register) bool { return a == b })); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for body, want := range map[string]string{
		`{"at":null}`:                     "at must be a string, a number, true or false",
		`{"at":"2026-11-23T10:17:05.5Z"}`: "at must be a whole second",
		`{"limit":"none"}`:                "limit must be a decimal number such as 1234.567",
		`{"unknown":null}`:                "unknown is not a parameter here; known are at, limit, other",
	} {
		if err := new(change).send(http.MethodPatch, "", body); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", body, err, want)
		}
	}
}

// words are texts with commas between them.
type words []string

func (w *words) UnmarshalText(text []byte) error {
	*w = strings.Split(string(text), ",")
	return nil
}

func TestBindTakesAListInJSONAsOneWithCommasElsewhere(t *testing.T) {
	type request struct {
		Words words  `param:"words,list"`
		Kind  string `param:"kind"`
	}
	bind := func(query, body string) (q request, err error) {
		r := httptest.NewRequest(http.MethodPost, "/?"+query, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		return q, httpkit.Bind(r, nil, &q)
	}
	for _, c := range [][2]string{{"words=a,b", ""}, {"", `{"words":["a","b"]}`}, {"", `{"words":"a,b"}`}} {
		if q, err := bind(c[0], c[1]); err != nil || !slices.Equal(q.Words, words{"a", "b"}) {
			t.Errorf("%q: %v, %v", c, q.Words, err)
		}
	}
	const noList = "words must be a list of texts without commas"
	for body, want := range map[string]string{
		`{"words":[]}`:                  "words is empty",
		`{"words":["a,b"]}`:             noList,
		`{"words":[""]}`:                noList,
		`{"words":[1]}`:                 noList,
		`{"words":[null]}`:              noList,
		`{"words":[["a"]]}`:             noList,
		`{"words":[{"a":1}]}`:           noList,
		`{"words":["\ud800"]}`:          "words is not valid UTF-8",
		`{"words":["a"`:                 `what was sent is not one whole JSON object such as {"meter_id":"123-456-789"}`,
		`{"words":{"a":1}}`:             "words must be a string, a number, true or false",
		`{"kind":["a"]}`:                "kind must be a string, a number, true or false",
		`{"words":["a"],"words":["b"]}`: "words is given more than once",
	} {
		if _, err := bind("", body); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", body, err, want)
		}
	}
}

func TestBindRefusesWhatDoesNotGoTogether(t *testing.T) {
	for _, tt := range []struct{ path, query, want string }{
		{"/meters/m-1", "day=2026-02-28&urgent=false", ""},
		{"/meters/-1", "day=2026-02-28", "meter_id must be 1 to 64 of A-Z a-z 0-9 . _ - and begin with a letter or a digit"},
		{"/meters/m-1", "meter_id=m-1", "meter_id is not a parameter here; known are at, register, temperature, urgent, floor, kind, part, day, month"},
		{"/meters/m-1", "", "day is missing, and so is month: one of them is needed"},
		{"/meters/m-1", "day=2026-02-28&month=2026-02", "day does not go with month"},
		{"/meters/m-1", "day=2026-02-28&kind=mend", "part is missing"},
		{"/meters/m-1", "day=2026-02-28&kind=mend&part=dial", ""},
		{"/meters/m-1", "day=2026-02-28&kind=read&part=dial", "part only goes with kind=mend"},
		{"/meters/m-1", "day=2026-02-28&part=dial", "part only goes with kind=mend"},
		{"/meters/m-1", "month=2026-02&kind=mend&part=dial", "month does not go with kind=mend"},
		{"/meters/m-1", "register=-1", "register must not be negative"},
		{"/meters/m-1", "temperature=hot", "temperature must be a temperature such as 20C"},
		{"/meters/m-1", "floor=hot", "floor must be a temperature such as 20C"},
		{"/meters/m-1", "urgent=TRUE", "urgent must be one of true, false"},
		{"/meters/m-1", "kind=sell&part=dial", "kind must be one of read, mend"},
	} {
		_, err := visiting(tt.path, tt.query)
		got := ""
		if err != nil {
			got = asError(t, err).Detail
		}
		if got != tt.want {
			t.Errorf("%s?%s is answered %q, want %q", tt.path, tt.query, got, tt.want)
		}
	}
}

func TestBindQueryLeavesTheBodyAlone(t *testing.T) {
	r := post("now=1", form, strings.NewReader("meter_id=a"))
	if got := asError(t, httpkit.BindQuery(r, utc, &struct{}{})); got.Detail != "now is not a parameter here; none is taken" {
		t.Errorf("got %q", got.Detail)
	}
	r = post("", form, strings.NewReader("meter_id=a"))
	if err := httpkit.BindQuery(r, utc, &struct{}{}); err != nil {
		t.Error(err)
	}
	if rest, err := io.ReadAll(r.Body); err != nil || string(rest) != "meter_id=a" {
		t.Errorf("left of the body: %q, %v", rest, err)
	}
}

func TestFirstMissingParameterIsNamedWhereNothingElseIsAsked(t *testing.T) {
	type plain struct {
		First    string `param:"first,required"`
		Optional string `param:"optional"`
		Second   string `param:"second,required"`
	}
	for query, want := range map[string]string{
		"": "first is missing", "second=2": "first is missing", "first=1": "second is missing", "first=1&second=2": "",
		"first=&second=2": "first is empty",
	} {
		err, got := bind(post(query, "", nil), &plain{}), ""
		if err != nil {
			got = asError(t, err).Detail
		}
		if got != want {
			t.Errorf("%q is answered %q, want %q", query, got, want)
		}
	}
}

func TestBindRefusesBodiesThatAreNotOneWholeJSONObject(t *testing.T) {
	for _, body := range []string{
		" ", "{", `{"meter_id"`, `{"meter_id":`, `{"meter_id":"a`, `{"meter_id":"a"`, `{"meter_id":"a",`, `{"meter_id":"a",}`,
		`{"meter_id" "a"}`, `{meter_id:"a"}`, `{'meter_id':'a'}`, `{"meter_id":a}`, `{"meter_id":01}`, `{"meter_id":.5}`,
		`{"meter_id":NaN}`, `{"meter_id":0x10}`, `{"meter_id":1,2}`, `[]`, `[{"meter_id":"a"}]`, `"a"`, `null`, `1`,
		"\ufeff", "{\ufeff}", "\ufeff\ufeff{}", `meter_id=a`, `}`, `{"a\`, "{\"meter_id\":\"a\nb\"}",
	} {
		err := bind(post("", jsonUTF, strings.NewReader(body)), &order{})
		if got := asError(t, err); got.Kind != meter.KindInvalid || !strings.HasPrefix(got.Detail, "what was sent is not one whole JSON object") {
			t.Errorf("%q: got %v", body, err)
		}
	}
}

func TestBindRefusesOddMultipartForms(t *testing.T) {
	fileType, file := multipartBody(t, func(w *multipart.Writer) error {
		part, err := w.CreateFormFile("meter_id", "meters.csv")
		_, errWrite := io.WriteString(part, "m-1")
		return errors.Join(err, errWrite)
	})
	const cut = "--b\r\nContent-Disposition: form-data; name=\"meter_id\"\r\n\r\nm-1"
	const notWhole = "the body is not a whole multipart form"
	for name, tt := range map[string]struct {
		request *http.Request
		detail  string
	}{
		"a file":      {post("", fileType, file), "meter_id must be a value, not a file"},
		"cut off":     {post("", "multipart/form-data; boundary=b", strings.NewReader(cut)), notWhole},
		"no boundary": {post("", "multipart/form-data", strings.NewReader(cut)), notWhole},
		"no parts":    {post("", "multipart/form-data; boundary=b", strings.NewReader("meter_id=m-1")), "meter_id is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := asError(t, bind(tt.request, &order{})); got.Kind != meter.KindInvalid || got.Detail != tt.detail {
				t.Errorf("got %+v, want %q", got, tt.detail)
			}
		})
	}
}

func TestBindRefusesOtherContentTypes(t *testing.T) {
	for _, contentType := range []string{"", "text/plain", "text/csv", "application/xml", "application/json; =", "nonsense"} {
		err := bind(post("meter_id=a", contentType, strings.NewReader("x")), &order{})
		if got := asError(t, err); got.Kind != meter.KindUnsupportedMedia || got.Code != meter.CodeUnsupportedMedia {
			t.Errorf("%q: got %+v", contentType, got)
		}
	}
}

func TestBindSaysWhichHeaderABodyOfJSONLacks(t *testing.T) {
	for contentType, want := range map[string]string{
		"": "the header Content-Type is missing", form: "send the header Content-Type: application/json",
	} {
		for _, body := range []string{`{"meter_id":"a"}`, "\ufeff\r\n {}", "[]"} {
			got := asError(t, bind(post("", contentType, strings.NewReader(body)), &order{}))
			if got.Kind != meter.KindUnsupportedMedia || !strings.Contains(got.Detail, want) || got.Field != "" {
				t.Errorf("%q as %q: got %+v", body, contentType, got)
			}
		}
	}
}

func TestBindTakesNoEncodedBody(t *testing.T) {
	for encoding, isTaken := range map[string]bool{"gzip": false, "zstd": false, "br": false, "identity": true, "Identity": true} {
		r := post("", jsonUTF, strings.NewReader(`{"meter_id":"a"}`))
		r.Header.Set("Content-Encoding", encoding)
		err := bind(r, &order{})
		if isTaken && err != nil || !isTaken && asError(t, err).Kind != meter.KindUnsupportedMedia {
			t.Errorf("%s: %v", encoding, err)
		}
		r = post("meter_id=a", "", nil)
		r.Header.Set("Content-Encoding", encoding)
		if err := bind(r, &order{}); err != nil {
			t.Errorf("%s of nothing: %v", encoding, err)
		}
	}
}

func TestBindReadsNoMoreThanItsLimit(t *testing.T) {
	const limit = 64 << 10
	fits := "meter_id=a&reading=" + strings.Repeat("1", limit-len("meter_id=a&reading="))
	if err := bind(post("", form, strings.NewReader(fits)), &order{}); err != nil {
		t.Errorf("a body of %d bytes: %v", limit, err)
	}
	var tooLarge *http.MaxBytesError
	err := bind(post("", form, strings.NewReader(fits+"1")), &order{})
	if !errors.As(err, &tooLarge) {
		t.Errorf("a body of %d bytes: got %v", limit+1, err)
	}
}

func TestBindOfAnEndpointWithoutParametersRefusesAny(t *testing.T) {
	if err := bind(post("", "", nil), &struct{}{}); err != nil {
		t.Error(err)
	}
	got := asError(t, bind(post("now=1", "", nil), &struct{}{}))
	if want := "now is not a parameter here; none is taken"; got.Detail != want {
		t.Errorf("got %q, want %q", got.Detail, want)
	}
}

func asError(t *testing.T, err error) *meter.Error {
	t.Helper()
	var e *meter.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want a *meter.Error", err)
	}
	return e
}

// FuzzBindReadsQueriesLikeNetURL holds Bind's own reading of a query against
// url.ParseQuery: what both take they take alike, and Bind refuses the rest.
func FuzzBindReadsQueriesLikeNetURL(f *testing.F) {
	for _, seed := range []string{
		"", "a=1&b=2", "a=%31&b=+", "a=1;b=2", "a", "=", "&&a=1&", "a=%", "%61=1", "a=1&a=2", "a=\xff", "a=b=c", "a=%00",
	} {
		f.Add(seed)
	}
	type parameters struct {
		A string `param:"a"`
		B string `param:"b"`
	}
	f.Fuzz(func(t *testing.T, query string) {
		var got parameters
		if err := bind(post(query, "", nil), &got); err != nil {
			asError(t, err)
			return
		}
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatalf("%q was taken, url.ParseQuery says %v", query, err)
		}
		want := parameters{values.Get("a"), values.Get("b")}
		delete(values, "a")
		delete(values, "b")
		if got != want || len(values) != 0 {
			t.Errorf("%q: got %+v, want %+v, left over %v", query, got, want, values)
		}
	})
}

// BenchmarkBind is the hot path: one reading in a query string.
func BenchmarkBind(b *testing.B) {
	type reading struct {
		MeterID   meter.ID       `param:"meter_id,required"`
		Timestamp meter.Slot     `param:"timestamp,required"`
		Reading   meter.Register `param:"reading,required"`
	}
	request := post("meter_id=123-456-789&timestamp=2026-11-23T14:30:00&reading=1234.567", "", nil)
	b.ReportAllocs()
	for b.Loop() {
		var into reading
		if err := bind(request, &into); err != nil {
			b.Fatal(err)
		}
	}
}

func ExampleBind() {
	request := httptest.NewRequest(http.MethodPost, "/receive_meter_reading?meter_id=123-456-789&reading=0.3", nil)
	var reading struct {
		MeterID   meter.ID       `param:"meter_id,required"`
		Reading   meter.Register `param:"reading,required"`
		Timestamp meter.Slot     `param:"timestamp,required"`
	}
	fmt.Println(httpkit.Bind(request, utc, &reading))
	// Output: timestamp is missing
}
