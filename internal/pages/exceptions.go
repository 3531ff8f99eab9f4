package pages

import (
	"net/http"
	"net/url"
	"strings"

	"meterledger/api"
	"meterledger/internal/meter"
)

// exceptionsView is a page of the exceptions at which somebody should look.
type exceptionsView struct {
	Problem     string
	Fields      []field
	Rows        []exceptionRow
	NotComputed string // days of which nothing is known
	First, Next string // pages; empty if there is none
	CSV         string
	IsOperator  bool
}

// exceptionRow is an exception as pages show it.
type exceptionRow struct {
	api.Exception

	Rule                 string
	From, To, ResolvedAt moment
	Meter                string // the page of its meter in that month
	Class                string // of its status
	Resolve              string // the page to resolve it
}

// ruleTexts are what exceptions are called.
var ruleTexts = map[string]string{
	meter.RuleHigh.String():       "Above its limit",
	meter.RuleSpike.String():      "Single peak",
	meter.RuleZeroRun.String():    "Stands still",
	meter.RuleHighLow.String():    "Unlike its weekdays",
	meter.RuleMissing.String():    "Readings missing",
	meter.RuleProlonged.String():  "Missing for a week",
	meter.RuleDecreasing.String(): "Readings refused",
}

var statusClasses = map[string]string{"open": "warn", "accepted": "good", "corrected": "good"}

const exceptionsPath = "/ui/operator/exceptions"

// exceptions lists what the rules found and what people said of it.
func (s *site) exceptions(w http.ResponseWriter, r *http.Request) error {
	known := r.URL.Query()
	asked := given(known, "status", "rule", "meter_id", "date", "month")
	asked.Set("format", "csv")
	view := exceptionsView{Fields: exceptionFields(known), CSV: "/exceptions?" + asked.Encode(), IsOperator: isOperator(r)}
	asked.Del("format")
	found, err := ask[api.Exceptions](s, r, "/exceptions", pageOf(asked, known))
	status, err := excuse(r, err, &view.Problem)
	if err != nil {
		return err
	}
	for _, e := range found.Results {
		view.Rows = append(view.Rows, exceptionRowOf(e, exceptionsPath+"?"+known.Encode()))
	}
	view.NotComputed = strings.Join(found.NotComputed, ", ")
	view.First, view.Next = turns(exceptionsPath, known, found.Next)
	return s.showAs(w, r, status, staff("Exceptions", "/exceptions"), "exceptions", view)
}

func exceptionFields(known url.Values) []field {
	rules := []option{{"", "All"}}
	for _, rule := range meter.ExceptionRules() {
		rules = append(rules, option{rule.String(), ruleTexts[rule.String()]})
	}
	return []field{
		{Name: "status", Label: "State", Type: "select", Value: known.Get("status"), Options: []option{
			{"", "Open"}, {"accepted", "Accepted"}, {"corrected", "Corrected"}, {"all", "All"},
		}},
		{Name: "rule", Label: "Rule", Type: "select", Value: known.Get("rule"), Options: rules},
		{Name: "meter_id", Label: "Meter", Type: "text", Value: known.Get("meter_id")},
		{Name: "date", Label: "Found on the day", Type: "date", Value: known.Get("date")},
		{Name: "month", Label: "or in the month", Type: "month", Value: known.Get("month")},
	}
}

// exceptionRowOf returns an exception for the page at a path.
func exceptionRowOf(e api.Exception, here string) exceptionRow {
	row := exceptionRow{
		Exception: e, Rule: ruleTexts[e.Rule], From: momentOf(e.From), To: momentOf(e.To), Class: statusClasses[e.Status],
		Meter:   staffPath(e.MeterID) + "?month=" + e.From[:len("2006-01")],
		Resolve: actionPath("resolve", here, "meter_id", string(e.MeterID), "rule", e.Rule, "from", e.From),
	}
	if e.ResolvedAt != nil {
		row.ResolvedAt = momentOf(*e.ResolvedAt)
	}
	return row
}
