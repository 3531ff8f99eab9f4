package pages

import (
	"fmt"
	"net/http"
	"strings"

	"meterledger/api"
	"meterledger/internal/meter"
)

// logView is a page of the audit log: who changed what, and whom the door refused.
type logView struct {
	Problem     string
	Fields      []field
	Rows        []logRow
	First, Next string
}

// logRow is a line of the log as a page shows it.
type logRow struct {
	api.AuditLine

	At         moment
	Who        string
	Text       string // what was done, in words; empty if there are none
	Parameters string
	Times      string // how often, if the line stands for many requests
	Class      string // of its outcome
}

const logPath = "/ui/operator/log"

// log lists who did what, the newest first. Of a change that was answered on the same page its
// beginning is left out.
func (s *site) log(w http.ResponseWriter, r *http.Request) error {
	known := r.URL.Query()
	view := logView{Fields: []field{
		{Name: "from", Label: "From", Type: "date", Value: known.Get("from")},
		{Name: "to", Label: "To the end of", Type: "date", Value: known.Get("to")},
	}}
	asked := given(known, "from", "to")
	if to, isDay := meter.ParseDay(known.Get("to")); isDay {
		asked.Set("to", to.AddDays(1).String()) // of which the api means the beginning
	}
	page, err := ask[api.Audit](s, r, "/audit", pageOf(asked, known))
	status, err := excuse(r, err, &view.Problem)
	if err != nil {
		return err
	}
	answered := make(map[string]int)
	for _, line := range page.Lines {
		change := line.RequestID + " " + line.What
		if line.Outcome != api.AuditBegun {
			answered[change]++
		} else if answered[change] > 0 {
			answered[change]--
			continue
		}
		view.Rows = append(view.Rows, logRowOf(line))
	}
	view.First, view.Next = turns(logPath, known, page.Next)
	return s.showAs(w, r, status, staff("Log", "/log"), "log", view)
}

func logRowOf(line api.AuditLine) logRow {
	row := logRow{AuditLine: line, Text: logText(line.What), Class: outcomeClasses[line.Outcome]}
	if line.Time != nil {
		row.At = momentOf(*line.Time)
	}
	switch {
	case line.By != nil:
		row.Who = *line.By
	case line.Credential != nil:
		row.Who = *line.Credential
	}
	if line.Count > 1 {
		row.Times = fmt.Sprintf("%d times", line.Count)
	}
	var parameters []string
	for _, p := range line.Parameters {
		if p.Value == nil {
			parameters = append(parameters, p.Name)
		} else {
			parameters = append(parameters, p.Name+"="+*p.Value)
		}
	}
	row.Parameters = strings.Join(parameters, ", ")
	return row
}

var outcomeClasses = map[api.AuditOutcome]string{
	api.AuditDone: "good", api.AuditRefused: "warn", api.AuditFailed: "bad", api.AuditTorn: "bad", api.AuditGone: "warn",
}

// logTexts are what changes are called. Those of one meter or credential have its id left out.
var logTexts = map[string]string{
	"POST /register_account":   "Register a meter",
	"POST /import_accounts":    "Import accounts",
	"POST /maintenance/start":  "Archive",
	"POST /backup":             "Make a backup",
	"POST /restore_data":       "Restore from the archives",
	"POST /shutdown":           "Shut reception down",
	"POST /resume":             "Resume reception",
	"POST /exceptions/resolve": "Resolve an exception",
	"POST /credentials":        "Issue a credential",
	"DELETE /credentials":      "Revoke a credential",
	"PATCH /meters":            "Change a meter's settings",
	"POST /meters corrections": "Correct readings",
	"POST /meters retake":      "Retake refused readings",
	"POST /meters exchange":    "Enter an exchange",
	"DELETE /meters exchange":  "Take an exchange back",
}

// logText words a change by its method and path.
func logText(what string) string {
	parts := strings.Split(what, "/")
	if len(parts) > 2 && (parts[1] == "meters" || parts[1] == "credentials") {
		what = parts[0] + "/" + parts[1]
		if len(parts) > 3 {
			what += " " + parts[3]
		}
	}
	return logTexts[what]
}
