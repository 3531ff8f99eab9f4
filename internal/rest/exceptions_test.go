package rest_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"meterledger/api"
	"meterledger/internal/closing"
	"meterledger/internal/meter"
)

// TestAllExceptionsOfManyMetersAreListed has 25,000 that are found on two days each: every meter is
// silent since its registration. Pages and CSV tell each once.
func TestAllExceptionsOfManyMetersAreListed(t *testing.T) {
	const meters = 25_000
	s := newScript(t, "exceptions")
	s.setNow("2026-11-20T09:00:00")
	s.trustClock()
	accounts, err := s.node.ImportAccounts(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var want []meter.ID
	for n := range meters {
		want = append(want, meter.ID(fmt.Sprintf("m-%05d", (n*7919)%meters)))
		if err := accounts.Add(n+1, meter.Account{ID: want[n], OwnerName: "Tan", Address: "Road"}); err != nil {
			t.Fatal(err)
		}
	}
	if tally, err := accounts.Flush(); err != nil || tally.Accepted != meters {
		t.Fatal(tally, err)
	}
	s.setNow("2026-11-22T10:10:00")
	for _, day := range []int{20, 21} {
		run, err := s.node.Start(closing.Request{Kind: closing.Daily, Day: meter.Day{Year: 2026, Month: 11, Day: day}})
		if err != nil {
			t.Fatal(err)
		}
		if <-run.Done(); run.Err != nil {
			t.Fatal(run.Err)
		}
	}
	s.client.Transport = s.server.Client().Transport // holding such answers against the document takes long
	var paged []meter.ID
	for cursor, pages := "", 0; cursor != "" || pages == 0; pages++ {
		path := "/exceptions?page_size=999"
		if cursor != "" {
			path += "&cursor=" + cursor
		}
		answer := s.send(http.MethodGet, path, http.Header{}, "")
		var page api.Exceptions
		if err := json.NewDecoder(answer.Body).Decode(&page); err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		for _, e := range page.Results {
			paged = append(paged, e.MeterID)
		}
		if cursor = ""; page.Next != nil {
			cursor = *page.Next
		}
	}
	if !slices.Equal(paged, want) {
		t.Errorf("%d exceptions are on all pages, not %d in the order of registration", len(paged), meters)
	}
	answer := s.send(http.MethodGet, "/exceptions?format=csv", http.Header{}, "")
	defer answer.Body.Close()
	rows, err := csv.NewReader(answer.Body).ReadAll()
	if err != nil || len(rows) != meters+1 || rows[meters][0] != string(want[meters-1]) || rows[1][4] != "39" {
		t.Errorf("as CSV there are %d rows, %v", len(rows), err)
	}
}
