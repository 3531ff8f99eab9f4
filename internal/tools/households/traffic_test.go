package households_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"meterledger/internal/meter"
	"meterledger/internal/tools/households"
)

func newTraffic(t *testing.T) *households.Traffic {
	t.Helper()
	zone, err := meter.LoadZone("Asia/Singapore")
	if err != nil {
		t.Fatal(err)
	}
	homes, err := households.Load()
	if err != nil {
		t.Fatal(err)
	}
	meters, err := households.NewPopulation("m-", 3, zone, homes)
	if err != nil {
		t.Fatal(err)
	}
	return households.NewTraffic("api.example:8000", meters, zone, zone.Floor(time.Date(2026, time.November, 22, 23, 30, 0, 0, zone.Location())), 2)
}

// parsed reads a request as a server does.
func parsed(t *testing.T, request []byte) *http.Request {
	t.Helper()
	in := bufio.NewReader(bytes.NewReader(request))
	r, err := http.ReadRequest(in)
	if err != nil {
		t.Fatalf("%v in %q", err, request)
	}
	if rest, err := io.ReadAll(in); err != nil || len(rest) > 0 || r.Host != "api.example:8000" {
		t.Fatalf("%q is not one request to api.example:8000", request)
	}
	return r
}

func TestReadingsComeHalfHourByHalfHour(t *testing.T) {
	tr := newTraffic(t)
	var got []string
	for n := range tr.Len() {
		r := parsed(t, tr.AppendPost(nil, n))
		got = append(got, r.Method+" "+r.URL.Path+" "+r.FormValue("meter_id")+" "+r.FormValue("timestamp"))
		if reading := r.FormValue("reading"); reading != tr.Register(n).String() {
			t.Errorf("reading %d says %s, want %s", n, reading, tr.Register(n))
		}
	}
	want := []string{
		"POST /receive_meter_reading m-0000000 2026-11-22T23:30:00",
		"POST /receive_meter_reading m-0000001 2026-11-22T23:30:00",
		"POST /receive_meter_reading m-0000002 2026-11-22T23:30:00",
		"POST /receive_meter_reading m-0000000 2026-11-23T00:00:00",
		"POST /receive_meter_reading m-0000001 2026-11-23T00:00:00",
		"POST /receive_meter_reading m-0000002 2026-11-23T00:00:00",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestReadingsByMeterAreTheSameInAnotherOrder(t *testing.T) {
	tr := newTraffic(t)
	var got []string
	for i := range tr.Len() {
		meterID, stamp, _ := strings.Cut(string(tr.AppendRow(nil, tr.ByMeter(i))), ",")
		stamp, _, _ = strings.Cut(stamp, ",")
		got = append(got, meterID+" "+stamp)
	}
	want := []string{
		"m-0000000 2026-11-22T23:30:00", "m-0000000 2026-11-23T00:00:00", "m-0000001 2026-11-22T23:30:00",
		"m-0000001 2026-11-23T00:00:00", "m-0000002 2026-11-22T23:30:00", "m-0000002 2026-11-23T00:00:00",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRowSaysWhatThePostSays(t *testing.T) {
	tr := newTraffic(t)
	for n := range tr.Len() {
		q := parsed(t, tr.AppendPost(nil, n)).URL.Query()
		want := q.Get("meter_id") + "," + q.Get("timestamp") + "," + q.Get("reading") + "\n"
		if row := string(tr.AppendRow(nil, n)); row != want {
			t.Errorf("row %d is %q, want %q", n, row, want)
		}
		var object struct {
			MeterID   string      `json:"meter_id"`
			Timestamp string      `json:"timestamp"`
			Reading   json.Number `json:"reading"`
		}
		line := bytes.NewReader(tr.AppendObject(nil, n))
		in := json.NewDecoder(line)
		in.UseNumber()
		if err := in.Decode(&object); err != nil || line.Len() > 0 {
			t.Fatalf("object %d: %v, and %d bytes more", n, err, line.Len())
		}
		if got := object.MeterID + "," + object.Timestamp + "," + object.Reading.String() + "\n"; got != want {
			t.Errorf("object %d says %q, want %q", n, got, want)
		}
	}
}

func TestAccountsAreReadAsTheApiReadsThem(t *testing.T) {
	tr := newTraffic(t)
	rows, err := meter.NewAccountReader(bytes.NewReader(tr.AppendAccount([]byte(meter.AccountHeader+"\n"), 2)))
	if err != nil {
		t.Fatal(err)
	}
	account, err := rows.Next()
	if want := (meter.Account{ID: "m-0000002", OwnerName: "Household 2", Address: "London"}); err != nil || account != want {
		t.Errorf("the account is %+v, %v, want %+v", account, err, want)
	}
}

func TestQuestionIsHTTP(t *testing.T) {
	tr := newTraffic(t)
	question := parsed(t, tr.AppendQuestion(nil, "/get_bill", 1, "&month=2026-10"))
	if question.Method != http.MethodGet || question.URL.String() != "/get_bill?meter_id=m-0000001&month=2026-10" {
		t.Errorf("the question is %v", question)
	}
}

func TestWritingRequestsAllocatesNothing(t *testing.T) {
	tr := newTraffic(t)
	buffer := make([]byte, 0, 4096)
	allocations := testing.AllocsPerRun(100, func() {
		buffer = tr.AppendPost(buffer[:0], 4)
		buffer = tr.AppendRow(buffer, 4)
	})
	if allocations > 0 {
		t.Errorf("a request costs %v allocations", allocations)
	}
}
