package httpkit

import (
	"regexp"
	"strings"
)

// secret is a token of the suite, whole or cut, or a JWT.
var secret = regexp.MustCompile(`(ml[oamh]_|eyJ)[0-9A-Za-z_-]{16,}(\.[0-9A-Za-z_-]*)*`)

// withoutSecrets returns text of a caller as logs may have it: a token that was sent in the wrong
// place, such as a path, is shown by its prefix only.
func withoutSecrets(s string) string { return secret.ReplaceAllString(s, "${1}…") }

// loggedBytesMax is how much of a caller's text a line of the log has.
const loggedBytesMax = 200

// logged returns text of a caller as a line of a log has it: without secrets, and cut if it is long.
func logged(s string) string {
	s = withoutSecrets(s)
	if len(s) <= loggedBytesMax {
		return s
	}
	return strings.ToValidUTF8(s[:loggedBytesMax], "") + "…"
}
