package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"
)

// nation is the suite with access on, a few real homes to which all has happened that pages tell of, and
// the people who look at it.
type nation struct {
	*suite
	homes  []home
	now    time.Time
	tokens map[string]string // by role
}

// Owners of homes, as nobody should be called.
var owners = []string{
	`<script>document.title = "it ran"</script><img src=x onerror="console.error('it ran')">"'&amp;</title></bdi>`,
	"שָׁלוֹם (3) مرحبا > \u200f Lim",
	strings.Repeat("😀", 200),
	strings.Repeat("Wolfeschlegelsteinhausenbergerdorff", 5),
}

// startNation starts it, with further settings. The owners are called by the names given.
func startNation(t *testing.T, owners []string, more ...string) *nation {
	t.Helper()
	now := time.Now().In(loadSingapore(t))
	folder := t.TempDir()
	data := filepath.Join(folder, "data")
	s := startSuiteIn(t, folder, append(more, "AUTH=on", "API_TOKEN_FILE="+filepath.Join(data, "operator.token"))...)
	n := &nation{suite: s, homes: loadHomes(t, now)[:len(owners)], now: now}
	n.tokens = map[string]string{"operator": readToken(t, data)}
	n.live(owners)
	n.tokens["auditor"] = n.issue(map[string]any{"role": "auditor", "meters": []string{"*"}, "label": owners[0]})
	n.tokens["household"] = n.issue(map[string]any{"role": "household", "meters": []string{n.homes[0].id}, "label": owners[0]})
	n.tokens["landlord"] = n.issue(map[string]any{"role": "household", "meters": []string{n.homes[1].id, n.homes[2].id}})
	return n
}

// live registers the homes and sends their readings, but for a few hours of last month and of yesterday.
func (n *nation) live(owners []string) {
	n.t.Helper()
	today := time.Date(n.now.Year(), n.now.Month(), n.now.Day(), 0, 0, 0, 0, n.now.Location())
	lost := []time.Time{n.homes[0].registers[300].at, today.Add(-16 * time.Hour)}
	for i, h := range n.homes {
		n.post("/register_account", map[string]any{"meter_id": h.id, "owner_name": owners[i], "address": owners[len(owners)-1-i]})
		sent := slices.DeleteFunc(slices.Clone(h.registers), func(r register) bool {
			return i < 2 && slices.ContainsFunc(lost, func(from time.Time) bool { return !r.at.Before(from) && r.at.Before(from.Add(3*time.Hour)) })
		})
		_, rows := encodeBatch(h.id, sent, 1)
		n.send(http.MethodPost, n.API.URL+"/receive_meter_readings", "text/csv", rows, "")
	}
	n.post("/register_account", map[string]any{"meter_id": "MAC999999", "owner_name": "Nobody yet", "address": "-"})
	first, last := n.homes[0], n.homes[len(n.homes)-1]
	at := last.registers[700]
	n.post("/meters/"+last.id+"/exchange", map[string]any{
		"at": at.at.Add(10 * time.Minute).Format(stampLayout), "old_reading": at.value, "new_reading": "0.5", "new_serial": "N-2", "reason": "exchange",
	}, http.StatusBadRequest)
	n.post("/receive_meter_reading", map[string]any{"meter_id": first.id, "timestamp": lost[0].Format(stampLayout), "reading": "1"}, http.StatusBadRequest)
}

// settle archives yesterday and last month, and corrects a reading of what was billed.
func (n *nation) settle() {
	n.t.Helper()
	yesterday := n.now.AddDate(0, 0, -1).Format(time.DateOnly)
	n.send(http.MethodPost, n.Daily.URL+"/perform_daily_maintenance?date="+yesterday, "", nil, "")
	n.send(http.MethodPost, n.Monthly.URL+"/perform_monthly_maintenance?month="+lastMonth(n.zone), "", nil, "")
	first := n.homes[0]
	wrong := first.registers[0]
	n.post("/meters/"+first.id+"/corrections", map[string]any{"reason": owners[0], "corrections": []map[string]any{
		{"timestamp": wrong.at.Format(stampLayout), "reading": wrong.value.Sub(decimal.NewFromInt(1)), "expect": wrong.value},
	}})
}

// post sends parameters to the api as an operator, and wants one of some statuses, or 200.
func (n *nation) post(path string, parameters map[string]any, statuses ...int) []byte {
	n.t.Helper()
	body, err := json.Marshal(parameters)
	if err != nil {
		n.t.Fatal(err)
	}
	return n.send(http.MethodPost, n.API.URL+path, "application/json", body, "", statuses...)
}

// send sends a request with the token of a role, or an operator's, and wants one of some statuses, or 200.
func (n *nation) send(method, address, contentType string, body []byte, role string, statuses ...int) []byte {
	n.t.Helper()
	r, err := http.NewRequest(method, address, bytes.NewReader(body))
	if err != nil {
		n.t.Fatal(err)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	if role == "" {
		role = "operator"
	}
	r.Header.Set("Authorization", "Bearer "+n.tokens[role])
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		n.t.Fatal(err)
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	for _, status := range append(statuses, http.StatusOK) {
		if answer.StatusCode == status {
			return content
		}
	}
	n.t.Fatalf("%s %s: %s: %s", method, address, answer.Status, content)
	return nil
}

func (n *nation) issue(parameters map[string]any) string {
	n.t.Helper()
	var made struct{ Token string }
	if err := json.Unmarshal(n.post("/credentials", parameters), &made); err != nil || made.Token == "" {
		n.t.Fatal(fmt.Sprint(made, err))
	}
	return made.Token
}
