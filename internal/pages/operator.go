package pages

import (
	"net/http"
	"net/url"

	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

// staff is the frame of a page about the nation.
func staff(title, here string) httpkit.Frame {
	return httpkit.Frame{Title: title, Here: "/ui/operator" + here, Nav: []httpkit.Link{
		{Href: "/ui/operator", Text: "Now"},
		{Href: "/ui/operator/meters", Text: "Meters"},
		{Href: "/ui/operator/gaps", Text: "Gaps"},
		{Href: "/ui/operator/exceptions", Text: "Exceptions"},
		{Href: "/ui/operator/archives", Text: "Archives"},
		{Href: "/ui/operator/runs", Text: "Runs"},
		{Href: "/ui/operator/log", Text: "Log"},
	}}
}

// staffPath is the path of a meter's page for those who run the nation.
func staffPath(id meter.ID) string { return "/ui/operator/meters/" + url.PathEscape(string(id)) }

// staffMonthPath is the path of that page in a month.
func staffMonthPath(id meter.ID, month meter.Month) string {
	return staffPath(id) + "?month=" + month.String()
}

// isOperator reports whether who asks may change something.
func isOperator(r *http.Request) bool {
	return httpkit.CallerOf(r.Context()).Role == meter.RoleOperator
}
