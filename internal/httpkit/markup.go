package httpkit

import (
	"fmt"
	"html"
)

// HTML is markup that may be sent as it is.
type HTML string

// Markup returns a format whose %s are filled with parts: an HTML as it is, and anything else as
// text, escaped so that it can stand between tags and within double quotes. Nothing else is safe
// for a part. Larger pages use html/template, which would add a fifth to a small program.
func Markup(format HTML, parts ...any) HTML {
	texts := make([]any, len(parts))
	for i, part := range parts {
		if markup, ok := part.(HTML); ok {
			texts[i] = string(markup)
		} else {
			texts[i] = html.EscapeString(fmt.Sprint(part))
		}
	}
	return HTML(fmt.Sprintf(string(format), texts...))
}
