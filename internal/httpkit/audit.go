package httpkit

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"meterledger/api"
	"meterledger/internal/meter"
)

// Audit keeps what people change, and who is refused at the door.
type Audit interface {
	// Begin writes the line of a change that is about to be made. After an error it must not be made.
	Begin(api.AuditLine) error
	// End writes how a change was answered.
	End(api.AuditLine)
	// Refused writes the line of a request that was refused before it was looked at.
	Refused(api.AuditLine)
}

// beginChange writes that a change begins: what only operators may do and is no question. Readings,
// which meters send too, are none; what a page changes it asks for, and that is the change.
func (a *answer) beginChange(r *http.Request, roles meter.Roles) error {
	if a.program.Audit == nil || roles != meter.Operators || r.Method == http.MethodGet || r.Method == http.MethodHead || isOfPages(r) {
		return nil
	}
	line := a.line(r)
	line.Outcome, line.By = api.AuditBegun, unlessEmpty(a.caller.Label)
	for _, p := range parametersIn(r.URL.RawQuery) {
		note(&line, p.Name, *p.Value)
	}
	if err := a.program.Audit.Begin(line); err != nil {
		return err
	}
	a.change = &line
	return nil
}

// audit writes how a change was answered, or that a request was refused.
func (a *answer) audit(r *http.Request) {
	switch {
	case a.change != nil:
		a.change.Outcome, a.change.Status = a.outcome(), &a.status
		a.program.Audit.End(*a.change)
	case a.program.Audit != nil && (a.status == http.StatusUnauthorized || a.status == http.StatusForbidden || a.status == http.StatusTooManyRequests):
		line := a.line(r)
		line.Outcome, line.Status = api.AuditRefused, &a.status
		a.program.Audit.Refused(line)
	}
}

func (a *answer) outcome() api.AuditOutcome {
	switch {
	case a.status == statusClientGone:
		return api.AuditGone
	case a.status < http.StatusBadRequest && a.cause == nil:
		return api.AuditDone
	case a.status == http.StatusServiceUnavailable || a.status/100 == 4:
		return api.AuditRefused
	default:
		return api.AuditFailed
	}
}

// line returns what is known of a request before it is looked at.
func (a *answer) line(r *http.Request) api.AuditLine {
	return api.AuditLine{
		RequestID: a.id[0], Credential: unlessEmpty(a.caller.Credential), Role: a.caller.Role.String(),
		Address: ClientAddr(r).String(), What: logged(r.Method) + " " + LoggedPath(r), Parameters: []api.AuditParameter{}, Count: 1,
	}
}

func unlessEmpty(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// loggedParameters are the parameters whose values may stand in logs: none is a person's name or
// address, free text, or a secret.
var loggedParameters = []string{
	"archives", "at", "clock", "credential_id", "date", "dry_run", "estimated_kwh", "expires_at", "from", "maintenance_type", "max_kw",
	"meter_id", "meters", "month", "name", "new_reading", "new_serial", "old_reading", "role", "rolls_over_at", "rule", "until", "verdict", "wait",
}

// Note adds a parameter to the audit line of the change that a request makes. It does nothing for
// a request that makes none.
func Note(ctx context.Context, name, value string) {
	if a, ok := ctx.Value(answerKey{}).(*answer); ok && a.change != nil {
		note(a.change, name, value)
	}
}

// note adds a parameter that was given, with its value if logs may have it.
func note(line *api.AuditLine, name, value string) {
	p := api.AuditParameter{Name: name}
	if slices.Contains(loggedParameters, name) {
		p.Value = new(logged(value))
	}
	switch {
	case name != "by":
		line.Parameters = append(line.Parameters, p)
	case value != "" && line.Credential == nil:
		line.By = new(logged(value))
	}
}

// note makes the parameters that were bound those of a change.
func (b *binder) note(change *api.AuditLine) {
	change.Parameters = change.Parameters[:0:0]
	for i := range b.fields {
		if given := b.given &^ b.inPath; given&(1<<i) != 0 {
			note(change, b.fields[i].name, b.values[i])
		}
	}
}

// parametersIn returns what logs may have of a query string.
func parametersIn(query string) (kept []api.AuditParameter) {
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		name, value, _ := strings.Cut(pair, "=")
		value, err := url.QueryUnescape(value)
		if err == nil && (name == "by" || slices.Contains(loggedParameters, name)) && len(kept) < fieldsMax {
			kept = append(kept, api.AuditParameter{Name: name, Value: &value})
		}
	}
	return kept
}

// loggedQuery returns what logs may have of a query string, as a query string.
func loggedQuery(query string) string {
	var pairs []string
	for _, p := range parametersIn(query) {
		pairs = append(pairs, p.Name+"="+*p.Value)
	}
	return logged(strings.Join(pairs, "&"))
}
