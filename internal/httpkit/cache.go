package httpkit

import (
	"net/http"
	"strings"
)

// What a cache may do with an answer about somebody's readings. Only the caller's
// own cache may keep it, and only to ask each time whether it still holds: a late
// reading can change the past.
const (
	KeepNothing = "no-store"
	KeepAndAsk  = "private, no-cache"
)

// NotModified says by which tag an answer is known, and reports whether the caller
// has that answer already, which it is then told. It is for answers that can be
// computed again from a state of ours; the tag names the state and the question.
func NotModified(w http.ResponseWriter, r *http.Request, tag string) bool {
	tag = `"` + tag + `"`
	w.Header().Set("ETag", tag)
	w.Header().Set("Cache-Control", KeepAndAsk)
	if !anyMatches(r.Header.Values("If-None-Match"), tag) {
		return false
	}
	w.WriteHeader(http.StatusNotModified)
	return true
}

// anyMatches compares as RFC 9110 has it for If-None-Match: a weak tag is as good
// as a strong one.
func anyMatches(lists []string, tag string) bool {
	for _, list := range lists {
		for given := range strings.SplitSeq(list, ",") {
			given = strings.TrimSpace(given)
			if given == "*" || strings.TrimPrefix(given, "W/") == tag {
				return true
			}
		}
	}
	return false
}
