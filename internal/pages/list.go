package pages

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

// linesMax is how many lines a page of a list has.
const linesMax = 50

// pageOf adds to a question which page of the list a page shows.
func pageOf(asked, known url.Values) url.Values {
	asked.Set("page_size", strconv.Itoa(linesMax))
	if cursor := known.Get("cursor"); cursor != "" {
		asked.Set("cursor", cursor)
	}
	return asked
}

// turns returns the paths of the first page of a list, unless this is it, and of the next.
func turns(path string, known url.Values, cursor *string) (first, next string) {
	parameters := make(url.Values)
	for name := range known {
		parameters.Set(name, known.Get(name))
	}
	if cursor != nil {
		parameters.Set("cursor", *cursor)
		next = path + "?" + parameters.Encode()
	}
	if known.Get("cursor") != "" {
		parameters.Del("cursor")
		first = path + "?" + parameters.Encode()
	}
	return first, next
}

// excused are the errors that a page says beside its form: something else may be asked then, or the same
// a little later, and what was typed is still there.
var excused = []meter.Kind{meter.KindInvalid, meter.KindNotFound, meter.KindTooMany, meter.KindUnavailable}

// excuse has a page say why it cannot do what a browser asked of it, and returns its status. Other errors
// are returned.
func excuse(r *http.Request, err error, problem *string) (status int, other error) {
	if e, ok := errors.AsType[*meter.Error](err); ok && slices.Contains(excused, e.Kind) && httpkit.WantsPage(r) {
		*problem = httpkit.Sentence(strings.TrimPrefix(e.Detail, "corrections[0].")) // a form has but one
		return httpkit.StatusOf(e.Kind), nil
	}
	return http.StatusOK, err
}
