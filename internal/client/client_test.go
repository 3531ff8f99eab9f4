package client_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"meterledger/api"
	"meterledger/api/apitest"
	"meterledger/internal/client"
	"meterledger/internal/meter"
)

// serve returns a client of an api that gives one answer to everything, and the
// request that it was last asked. Both are held against the OpenAPI document.
func serve(t *testing.T, status int, contentType, answer string) (c *client.Client, asked *string) {
	t.Helper()
	asked = new(string)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		*asked = strings.TrimSpace(fmt.Sprintf("%s %s %s %s", r.Method, r.URL, r.Header.Get("Content-Type"), body))
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Cache-Control", "no-store")
		if status == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", "7")
		}
		w.WriteHeader(status)
		io.WriteString(w, answer)
	}))
	t.Cleanup(s.Close)
	return client.New(address(t, s), &http.Client{Transport: apitest.NewTransport(t, http.DefaultTransport)}), asked
}

func address(t *testing.T, s *httptest.Server) *url.URL {
	t.Helper()
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func kWh(t *testing.T, s string) meter.Register {
	t.Helper()
	k, err := meter.ParseRegister(s)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func energy(t *testing.T, s string) meter.Energy {
	t.Helper()
	return kWh(t, s).Total().Sub(meter.Total{})
}

// exactly compares quantities by their values.
var exactly = cmp.Options{
	cmp.Comparer(func(a, b meter.Register) bool { return a == b }),
	cmp.Comparer(func(a, b meter.Energy) bool { return a.Equal(b.Decimal) }),
	cmpopts.EquateEmpty(),
}

const (
	usage = `{"meter_id":"m-1","period":%q,"start_reading":100000000.000000001,"end_reading":100000000.300000001,"consumption":0.3,
		"start_time":"2026-10-01T00:00:00","end_time":"2026-11-01T00:00:00","readings":1489,"expected_readings":1489,"complete":true%s,"timezone":"Asia/Singapore","unit":"kWh"}`
	archive  = `{"period":"2026-10","file":"Archive/monthly_2026-10.csv","rows":17856,"sha256":"4b1d8e02f96a37c5d0e48b7a15f3c2960a7d5e1b83c94f2670d6a9e3b58c1f47"}`
	refusals = `{"file":"daily_2026-11-22.csv","row":17,"code":"invalid_reading","detail":"reading must not be negative"}`
)

func TestEachCallAsksAndReadsWhatTheDocumentSays(t *testing.T) {
	twelve, seven := uint64(12), int64(7)
	wantArchive := api.Archive{
		Period: "2026-10", File: "Archive/monthly_2026-10.csv", Rows: 17856,
		SHA256: "4b1d8e02f96a37c5d0e48b7a15f3c2960a7d5e1b83c94f2670d6a9e3b58c1f47",
	}
	actual := api.Certainty{Quality: new("ACTUAL")}
	wantUsage := func(period string) api.Usage {
		return api.Usage{
			MeterID: "m-1", Period: period, StartReading: kWh(t, "100000000.000000001"), EndReading: kWh(t, "100000000.300000001"),
			Consumption: energy(t, "0.3"), StartTime: "2026-10-01T00:00:00", EndTime: "2026-11-01T00:00:00",
			Readings: 1489, ExpectedReadings: 1489, Complete: true,
		}
	}
	exchanged := wantUsage("last_month")
	exchanged.RegisterChanges = []api.RegisterChange{{At: "2026-10-12T10:10:07", Kind: "exchange", OldReading: kWh(t, "1"), NewReading: kWh(t, "2.5"), Serial: new("S-2")}}
	bill := fmt.Sprintf(usage, "2026-10", `,"revision":2,"revised_at":"2026-12-01T00:15:09","previous":{"start_reading":1,"end_reading":2.5,"consumption":1.5,
	"start_time":"2026-10-01T00:00:00","end_time":"2026-10-02T00:00:00","readings":49,"complete":false,"lines":[]},"success":true,"message":"Bill details retrieved successfully",
	"lines":[{"serial":"S-2","start_time":"2026-10-01T00:00:00","end_time":"2026-11-01T00:00:00","start_reading":1,"end_reading":2.5,"consumption":1.5}]`)
	revised := "2026-12-01T00:15:09"
	terms := api.TermsIn("Asia/Singapore")
	wantBill := api.Bill{
		MeterID: "m-1", Period: "2026-10", StartReading: new(kWh(t, "100000000.000000001")), EndReading: new(kWh(t, "100000000.300000001")),
		Consumption: new(energy(t, "0.3")), StartTime: new("2026-10-01T00:00:00"), EndTime: new("2026-11-01T00:00:00"),
		Readings: 1489, ExpectedReadings: 1489, Complete: true, Revision: 2, RevisedAt: &revised,
		Previous: &api.BillFigures{
			StartReading: new(kWh(t, "1")), EndReading: new(kWh(t, "2.5")), Consumption: new(energy(t, "1.5")),
			StartTime: new("2026-10-01T00:00:00"), EndTime: new("2026-10-02T00:00:00"), Readings: 49, Lines: []api.BillLine{},
		},
		Lines: []api.BillLine{{
			Serial: new("S-2"), StartTime: "2026-10-01T00:00:00", EndTime: "2026-11-01T00:00:00",
			StartReading: kWh(t, "1"), EndReading: kWh(t, "2.5"), Consumption: energy(t, "1.5"),
		}},
		Success: true, Message: "Bill details retrieved successfully", Terms: terms,
	}
	october := meter.Month{Year: 2026, Month: time.October}
	next, start, one, two, zero := "AAdcAA", "start", kWh(t, "1"), kWh(t, "2.5"), energy(t, "1.5")
	for name, tt := range map[string]struct {
		answer string
		call   func(context.Context, *client.Client) (any, error)
		asked  string
		want   any
	}{
		"register": {
			`{"meter_id":"m-1","message":"Account successfully created"}`,
			func(ctx context.Context, c *client.Client) (any, error) {
				return nil, c.RegisterAccount(ctx, "m-1", "Tan Ah Kow", "1 Ang Mo Kio & Co")
			},
			"POST /register_account?address=1+Ang+Mo+Kio+%26+Co&meter_id=m-1&owner_name=Tan+Ah+Kow", nil,
		},
		"account": {
			`{"meter_id":"m-1","owner_name":"Tan","address":"1 Ang Mo Kio","registered_at":"2026-11-23T14:30:05","timezone":"Asia/Singapore"}`,
			func(ctx context.Context, c *client.Client) (any, error) { return c.Account(ctx, "m-1") },
			"GET /account?meter_id=m-1",
			api.Account{MeterID: "m-1", OwnerName: new("Tan"), Address: new("1 Ang Mo Kio"), RegisteredAt: new("2026-11-23T14:30:05"), Timezone: "Asia/Singapore"},
		},
		"reading": {
			`{"success":true,"message":"Reading recorded successfully"}`,
			func(ctx context.Context, c *client.Client) (any, error) {
				return nil, c.RecordReading(ctx, "m-1", "2026-11-23T14:30:00+08:00", kWh(t, "100000000.3"))
			},
			"POST /receive_meter_reading?meter_id=m-1&reading=100000000.3&timestamp=2026-11-23T14%3A30%3A00%2B08%3A00", nil,
		},
		"readings": {
			`{"accepted":1,"duplicates":2,"rejected":1,"retry":0,"errors":[{"row":3,"code":"invalid_reading","detail":"reading must not be negative"}]}`,
			func(ctx context.Context, c *client.Client) (any, error) {
				return c.RecordReadings(ctx, "text/csv", bytes.NewBufferString("meter_id,timestamp,reading\n"))
			},
			"POST /receive_meter_readings text/csv meter_id,timestamp,reading",
			api.BatchResult{Accepted: 1, Duplicates: 2, Rejected: 1, Errors: []api.RowError{{Row: 3, Code: meter.CodeInvalidReading, Detail: "reading must not be negative"}}},
		},
		"series": {
			`{"meter_id":"m-1","interval":"hour","count":2,"next":"AAdcAA","results":[
			{"interval_start":"2026-11-23T00:00:00","interval_end":"2026-11-23T01:00:00","start_reading":1,"end_reading":2.5,"consumption":1.5,
			 "complete":true,"clipped":true,"estimated":true,"missing":"start","quality":"SUBSTITUTE","method":"linear"},
			{"interval_start":"2026-11-23T01:00:00","interval_end":"2026-11-23T02:00:00","start_reading":2.5,"end_reading":null,"consumption":null,
			 "complete":false,"clipped":false,"estimated":false,"missing":null,"quality":null,"method":null}],"timezone":"Asia/Singapore","unit":"kWh"}`,
			func(ctx context.Context, c *client.Client) (any, error) {
				return c.Readings(ctx, client.ReadingsQuery{MeterID: "m-1", Interval: "hour", Order: "asc", Estimate: "linear", PageSize: 2})
			},
			"GET /get_readings?estimate=linear&interval=hour&meter_id=m-1&order=asc&page_size=2",
			api.Intervals{MeterID: "m-1", Interval: "hour", Count: 2, Next: &next, Terms: terms, Results: []api.Interval{
				{
					Start: "2026-11-23T00:00:00", End: "2026-11-23T01:00:00", StartReading: &one, EndReading: &two, Consumption: &zero, Complete: true, Clipped: true, Estimated: true, Missing: &start,
					Certainty: api.Certainty{Quality: new("SUBSTITUTE"), Method: new("linear")},
				},
				{Start: "2026-11-23T01:00:00", End: "2026-11-23T02:00:00", StartReading: &two},
			}},
		},
		"consumption": {
			fmt.Sprintf(usage, "last_month", `,"quality":"ACTUAL","method":null,"register_changes":[{"at":"2026-10-12T10:10:07","kind":"exchange","old_reading":1,"new_reading":2.5,"serial":"S-2"}]`),
			func(ctx context.Context, c *client.Client) (any, error) {
				return c.Consumption(ctx, "m-1", client.Period{Name: "last_month"})
			},
			"GET /get_consumption?meter_id=m-1&period=last_month",
			api.PeriodConsumption{Usage: exchanged, Terms: terms, Certainty: actual},
		},
		"custom consumption": {
			fmt.Sprintf(usage, "custom", `,"quality":"ACTUAL","method":null`),
			func(ctx context.Context, c *client.Client) (any, error) {
				return c.Consumption(ctx, "m-1", client.Period{Name: "custom", Start: "2026-10-01T00:00", End: "2026-11-01T00:00"})
			},
			"GET /get_consumption?end=2026-11-01T00%3A00&meter_id=m-1&period=custom&start=2026-10-01T00%3A00",
			api.PeriodConsumption{Usage: wantUsage("custom"), Terms: terms, Certainty: actual},
		},
		"bill": {
			bill,
			func(ctx context.Context, c *client.Client) (any, error) { return c.Bill(ctx, "m-1", october) },
			"GET /get_bill?meter_id=m-1&month=2026-10", wantBill,
		},
		"last month's bill": {
			bill,
			func(ctx context.Context, c *client.Client) (any, error) { return c.LastMonthBill(ctx, "m-1") },
			"GET /get_last_month_bill?meter_id=m-1", wantBill,
		},
		"maintenance": {
			`{"success":true,"message":"done","timestamp":"2026-11-23T14:30:05","maintenance_type":"monthly","archives":[` + archive + `]}`,
			func(ctx context.Context, c *client.Client) (any, error) {
				return c.StartMaintenance(ctx, client.MaintenanceRequest{Type: api.Monthly, Month: "2026-10"})
			},
			"POST /maintenance/start?maintenance_type=monthly&month=2026-10",
			api.MaintenanceResult{Success: true, Message: "done", Timestamp: "2026-11-23T14:30:05", Type: api.Monthly, Archives: []api.Archive{wantArchive}},
		},
		"maintenance status": {
			`{"is_maintenance_mode":false,"is_receiving_data":true,"accepting":{"readings":true,"reason":null},"timestamp":"2026-11-23T14:30:05","timezone":"Asia/Singapore","running":null,"last_runs":{"daily":null,
			"monthly":{"period":"2026-10","success":true,"message":"done","started_at":"2026-11-01T00:15:00","finished_at":"2026-11-01T00:15:04","archives":[` + archive + `]}},
			"archives":[` + strings.TrimSuffix(archive, "}") + `,"written_at":"2026-11-01T00:15:04","state":"good","meters":12,
			"first":null,"last":null,"bytes":7,"version":null}],"due":[{"period":"2026-09","reason":"rows_since"}],"meters":12}`,
			func(ctx context.Context, c *client.Client) (any, error) { return c.MaintenanceStatus(ctx) },
			"GET /maintenance/status",
			api.MaintenanceStatus{
				IsReceivingData: true, Accepting: api.Accepting{Readings: true}, Timestamp: "2026-11-23T14:30:05", Timezone: "Asia/Singapore",
				Due: []api.DuePeriod{{Period: "2026-09", Reason: "rows_since"}}, Meters: 12,
				Archives: []api.ArchiveListing{{
					Archive: wantArchive, WrittenAt: "2026-11-01T00:15:04", State: "good", Meters: &twelve, Bytes: &seven,
				}},
				LastRuns: map[api.MaintenanceType]*api.MaintenanceRun{
					api.Daily: nil,
					api.Monthly: {
						Period: "2026-10", Success: true, Message: "done", StartedAt: "2026-11-01T00:15:00",
						FinishedAt: "2026-11-01T00:15:04", Archives: []api.Archive{wantArchive},
					},
				},
			},
		},
		"shutdown": {
			`{"success":true,"message":"Reception is shut down","timestamp":"2026-11-23T14:30:05","is_receiving_data":false}`,
			func(ctx context.Context, c *client.Client) (any, error) { return nil, c.Shutdown(ctx) },
			"POST /shutdown", nil,
		},
		"resume": {
			`{"success":true,"message":"Reception is resumed","timestamp":"2026-11-23T14:30:05","is_receiving_data":true}`,
			func(ctx context.Context, c *client.Client) (any, error) { return nil, c.Resume(ctx) },
			"POST /resume", nil,
		},
		"restore": {
			`{"success":true,"message":"restored","complete":false,"timestamp":"2026-11-23T14:30:05","restored_accounts_count":4,"restored_events_count":5,
			"restored_meters_count":12,"restored_readings_count":574,
			"duplicates_count":3,"refused_count":1,"refused":[` + refusals + `],"unverified":["daily_2026-11-21.csv"]}`,
			func(ctx context.Context, c *client.Client) (any, error) { return c.Restore(ctx) },
			"POST /restore_data",
			api.RestoreResult{
				Success: true, Message: "restored", Timestamp: "2026-11-23T14:30:05", Accounts: 4, Events: 5, Meters: 12, Readings: 574, Duplicates: 3, Refused: 1,
				Unverified: []string{"daily_2026-11-21.csv"},
				Rows:       []api.RefusedRow{{File: "daily_2026-11-22.csv", Row: 17, Code: meter.CodeInvalidReading, Detail: "reading must not be negative"}},
			},
		},
		"ready": {
			`{"status":"ready"}`,
			func(ctx context.Context, c *client.Client) (any, error) { return nil, c.Ready(ctx) },
			"GET /readyz", nil,
		},
		"healthy": {
			`{"status":"ok"}`,
			func(ctx context.Context, c *client.Client) (any, error) { return nil, c.Healthy(ctx) },
			"GET /healthz", nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, asked := serve(t, http.StatusOK, "application/json", tt.answer)
			got, err := tt.call(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			if *asked != tt.asked {
				t.Errorf("asked %s, want %s", *asked, tt.asked)
			}
			if diff := cmp.Diff(tt.want, got, exactly); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRunNeedNotBeWaitedFor(t *testing.T) {
	c, asked := serve(t, http.StatusAccepted, "application/json",
		`{"success":true,"message":"started","timestamp":"2026-11-23T14:30:05","maintenance_type":"both","archives":[]}`)
	got, err := c.StartMaintenance(t.Context(), client.MaintenanceRequest{Type: api.Both, Date: "2026-11-22", Month: "2026-10", NoWait: true})
	if err != nil || got.Type != api.Both {
		t.Errorf("got %+v, %v", got, err)
	}
	if want := "POST /maintenance/start?date=2026-11-22&maintenance_type=both&month=2026-10&wait=false"; *asked != want {
		t.Errorf("asked %s, want %s", *asked, want)
	}
}

func TestProblemIsHandedBackWhole(t *testing.T) {
	c, _ := serve(t, http.StatusServiceUnavailable, "application/problem+json",
		`{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"daily maintenance is running","code":"maintenance_running"}`)
	_, err := c.Restore(t.Context())
	var p *api.Problem
	if !errors.As(err, &p) {
		t.Fatalf("got %v", err)
	}
	want := api.Problem{Type: "about:blank", Title: "Service Unavailable", Status: 503, Code: meter.CodeMaintenanceRunning, Detail: "daily maintenance is running", RetryAfter: 7 * time.Second}
	if *p != want || err.Error() != "daily maintenance is running (503 maintenance_running)" {
		t.Errorf("got %+v: %v", *p, err)
	}
}

func TestBatchIsCountedAlsoBesideAProblem(t *testing.T) {
	c, _ := serve(t, http.StatusServiceUnavailable, "application/problem+json",
		`{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"2026-10 is being archived","code":"maintenance_running",
		"accepted":2,"duplicates":1,"rejected":1,"retry":1,"errors":[{"row":3,"code":"maintenance_running","detail":"2026-10 is being archived"}]}`)
	got, err := c.RecordReadings(t.Context(), "text/csv", strings.NewReader("meter_id,timestamp,reading\n"))
	var p *api.Problem
	if !errors.As(err, &p) || p.Code != meter.CodeMaintenanceRunning || p.RetryAfter == 0 {
		t.Fatalf("got %v", err)
	}
	want := api.BatchResult{
		Accepted: 2, Duplicates: 1, Rejected: 1, Retry: 1,
		Errors: []api.RowError{{Row: 3, Code: meter.CodeMaintenanceRunning, Detail: "2026-10 is being archived"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// raw returns a client of a server that the OpenAPI document does not describe.
func raw(t *testing.T, h http.HandlerFunc) *client.Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return client.New(address(t, s), http.DefaultClient)
}

func TestAnswerThatIsNotTheAPIsIsAProblemWithoutACode(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"a page":          func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>", http.StatusBadGateway) },
		"no code":         problemOf(`{"detail":"no"}`),
		"not JSON":        problemOf(`<html>`),
		"cut-off JSON":    problemOf(`{"code":"internal"`),
		"no content type": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
	} {
		t.Run(name, func(t *testing.T) {
			var p *api.Problem
			if err := raw(t, h).Healthy(t.Context()); !errors.As(err, &p) || p.Status != 502 || p.Code != "" ||
				!strings.HasSuffix(err.Error(), "answered 502 Bad Gateway, which is not an answer of the api") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func problemOf(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusBadGateway)
		io.WriteString(w, body)
	}
}

func TestUnreadableAnswerIsNoProblem(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"not JSON": func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>") },
		"cut off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "9")
			io.WriteString(w, "{")
		},
		"broken off": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			_, err := raw(t, h).MaintenanceStatus(t.Context())
			var p *api.Problem
			if err == nil || errors.As(err, &p) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAnswerIsReadToALimit(t *testing.T) {
	c := raw(t, func(w http.ResponseWriter, _ *http.Request) {
		chunk := bytes.Repeat([]byte(" "), 1<<20)
		for range 65 {
			if _, err := w.Write(chunk); err != nil {
				return // the client has read enough
			}
		}
	})
	if _, err := c.MaintenanceStatus(t.Context()); err == nil || !strings.Contains(err.Error(), "larger than 67108864 bytes") {
		t.Errorf("got %v", err)
	}
}

func TestCallEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := raw(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	if err := c.Ready(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestBasePathIsKept(t *testing.T) {
	var path string
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { path = r.URL.Path }))
	defer s.Close()
	err := client.New(address(t, s).JoinPath("meters"), http.DefaultClient).Healthy(t.Context())
	if err != nil || path != "/meters/healthz" {
		t.Errorf("asked %s, %v", path, err)
	}
}

func ExampleClient_Consumption() {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"start_reading":0.1,"end_reading":0.4,"consumption":0.3}`)
	}))
	defer s.Close()
	base, _ := url.Parse(s.URL)
	used, err := client.New(base, http.DefaultClient).Consumption(context.Background(), "123-456-789", client.Period{Name: "today"})
	fmt.Println(used.Consumption, err)
	encoded, _ := json.Marshal(used.Consumption)
	fmt.Println(string(encoded))
	// Output:
	// 0.3 <nil>
	// 0.3
}

func TestAPIIsToldWhichProgramAsks(t *testing.T) {
	var agent string
	c := raw(t, func(_ http.ResponseWriter, r *http.Request) { agent = r.UserAgent() })
	if err := c.As("daily").Healthy(t.Context()); agent != "daily" || err != nil {
		t.Errorf("%q asked, %v", agent, err)
	}
}
