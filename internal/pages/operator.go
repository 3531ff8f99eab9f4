package pages

import "meterledger/internal/httpkit"

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
