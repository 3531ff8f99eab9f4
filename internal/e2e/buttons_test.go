package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"meterledger/api"
)

// button is what a person does with a button of a page, and what comes of it.
type button struct {
	route  string // program and path that its form is sent to in the end; of an action its name
	page   string // address
	link   string // a part of the path that a link of the page leads to, which has the form; empty if the page has it
	forms  []fields
	comes  func() string
	wanted string // is a part of what comes of it
}

const logout = "api /ui/logout"

// fields are values by the names of fields of a form; what a form has already may be left out.
type fields map[string]string

// TestEveryButtonDoesItsWork presses each button of the three programs on a real api, as an operator does.
func TestEveryButtonDoesItsWork(t *testing.T) {
	n := startNation(t, owners)
	b := newTab(t, browse(t))
	if err := b.login(n.API.URL, n.tokens["operator"]); err != nil {
		t.Fatal(err)
	}
	pressed := map[string]bool{"api /ui/login": true}
	var routes []string
	for _, button := range slices.Concat(n.buttonsOfRuns(), n.buttonsOfMeters(b), n.buttonsOfReception(b)) {
		if routes == nil && button.route == logout {
			routes = n.buttonRoutes(b) // as long as somebody may see them
		}
		if err := b.press(button); err != nil {
			t.Errorf("%s: %v", button.route, err)
		} else if came := button.comes(); !strings.Contains(came, button.wanted) {
			t.Errorf("%s: no %s in what came of it: %s", button.route, button.wanted, came)
		}
		pressed[button.route] = true
	}
	for _, route := range routes {
		if !pressed[route] {
			t.Errorf("nobody has pressed the button of %s: say here what it does", route)
		}
	}
	if faults := b.takeFaults(); len(faults) > 0 {
		t.Error(faults)
	}
	if err := n.Stop(); err != nil {
		t.Error(err)
	}
}

// buttonRoutes are the routes that forms are sent to, and the actions that pages lead to. All programs log
// in and out alike.
func (n *nation) buttonRoutes(b *tab) (routes []string) {
	for program := range n.bases() {
		for _, route := range routesOf(n.t, program) {
			path, isPost := strings.CutPrefix(route, http.MethodPost+" ")
			isShared := program != "api" && (path == "/ui/login" || path == "/ui/logout")
			if isPost && isPagePath(path) && !strings.HasSuffix(path, "/{action}") && !isShared {
				routes = append(routes, program+" "+path)
			}
		}
	}
	for _, page := range []string{"/ui/operator", "/ui/operator/archives", "/ui/operator/exceptions", "/ui/operator/meters/" + n.homes[0].id} {
		if _, err := b.visit(n.API.URL + page); err != nil {
			n.t.Fatal(err)
		}
		leads, err := ask[[]string](b, links)
		if err != nil {
			n.t.Fatal(err)
		}
		for _, path := range leads {
			if name, isAction := strings.CutPrefix(path, "/ui/operator/actions/"); isAction {
				name, _, _ = strings.Cut(name, "?")
				routes = append(routes, "api "+name)
			}
		}
	}
	return routes
}

// press opens the page, and fills in and sends one form after the other.
func (b *tab) press(what button) error {
	_, err := b.visit(what.page)
	if err == nil && what.link != "" {
		var to string
		if to, err = ask[string](b, fmt.Sprintf(`document.querySelector("main a[href*='%s']").href`, what.link)); err == nil {
			_, err = b.visit(to)
		}
	}
	if err != nil {
		return err
	}
	for _, filled := range what.forms {
		values, err := json.Marshal(filled)
		if err != nil {
			return err
		}
		send := fmt.Sprintf(`(filled => {
			const form = document.querySelector(filled.form ?? "main form.act, main form[method=post]");
			delete filled.form;
			for (const [name, value] of Object.entries(filled)) form.elements[name].value = value;
			form.querySelector("button").click();
		})(%s)`, values)
		answer, err := chromedp.RunResponse(b.ctx, func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
			_, err := chromedp.Evaluate[any](send)(ctx, target)
			return chromedp.Void{}, err
		})
		if err != nil {
			return err
		}
		if answer.Status >= http.StatusBadRequest {
			return fmt.Errorf("the form %s is answered %d: %s", values, answer.Status, b.text())
		}
	}
	return nil
}

// asked returns what a program tells an operator.
func (n *nation) asked(address string) func() string {
	return func() string { return string(n.send(http.MethodGet, address, "", nil, "")) }
}

// untilRun waits until the api has run maintenance of a period, and returns the run.
func (n *nation) untilRun(kind api.MaintenanceType, period string) func() string {
	return func() string {
		for until := time.Now().Add(time.Minute); time.Now().Before(until); {
			var status api.MaintenanceStatus
			if err := json.Unmarshal(n.send(http.MethodGet, n.API.URL+"/maintenance/status", "", nil, ""), &status); err != nil {
				n.t.Fatal(err)
			}
			if done := status.LastRuns[kind]; done != nil && done.Period == period && status.Running == nil && !status.IsMaintenanceMode {
				return fmt.Sprint("success ", done.Success, " ", done.Message)
			}
		}
		return "no such run"
	}
}

func (n *nation) buttonsOfRuns() []button {
	before, month := n.now.AddDate(0, 0, -2).Format(time.DateOnly), lastMonth(n.zone)
	actions := n.API.URL + "/ui/operator/actions/"
	return []button{
		{"api archive", actions + "archive", "", []fields{{"date": before}, {}}, n.untilRun(api.Daily, before), "success true"},
		{"api close", actions + "close", "", []fields{{"month": month}, {}}, n.untilRun(api.Monthly, month), "success true"},
		{"daily /ui/run", n.Daily.URL, "", []fields{{}, {}}, n.asked(n.Daily.URL + "/status"), `"trigger":"request","success":true`},
		{"monthly /ui/run", n.Monthly.URL, "", []fields{{"month": month}, {}}, n.asked(n.Monthly.URL + "/status"), `"trigger":"request","success":true`},
		{"api backup", actions + "backup", "", []fields{{"name": "one"}}, func() string {
			made, err := os.Stat(filepath.Join(filepath.Dir(n.data), "backup", "one", "data", "FORMAT"))
			return fmt.Sprint(made, err)
		}, "FORMAT"},
	}
}

// buttonsOfMeters are pressed after the runs, which find exceptions.
func (n *nation) buttonsOfMeters(b *tab) []button {
	first := n.homes[0]
	wrong := first.registers[500]
	actions := n.API.URL + "/ui/operator/actions/"
	return []button{
		{
			"api resolve", n.API.URL + "/ui/operator/exceptions", "/actions/resolve?",
			[]fields{{"verdict": "accepted", "reason": "the house stood empty"}},
			n.asked(n.API.URL + "/exceptions?status=accepted"), "the house stood empty",
		},
		{"api correct", actions + "correct", "", []fields{
			{"meter_id": first.id, "timestamp": wrong.at.Format("2006-01-02T15:04")},
			{"correction": "replace", "reading": first.registers[501].value.String(), "reason": "read by eye"},
		}, n.asked(n.API.URL + "/meters/" + first.id + "/history"), "read by eye"},
		{"api retake", actions + "retake", "", []fields{{"meter_id": first.id}}, b.text, "Still refused\t1"},
	}
}

func (n *nation) buttonsOfReception(b *tab) []button {
	actions, status := n.API.URL+"/ui/operator/actions/", n.asked(n.API.URL+"/maintenance/status")
	return []button{
		{"api restore", actions + "restore", "", []fields{{}}, b.text, "The archives are restored"},
		{"api shutdown", actions + "shutdown", "", []fields{{}}, status, `"is_receiving_data":false`},
		{"who did it", n.API.URL + "/ui/operator/log", "", nil, b.text, "POST /shutdown"},
		{"api resume", actions + "resume", "", []fields{{}}, status, `"is_receiving_data":true`},
		{logout, n.API.URL + "/ui/operator", "", []fields{{"form": "header form"}}, b.text, "Token"},
	}
}
