package pages

import (
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
