package rest

import (
	"net/http"
	"regexp"

	"meterledger/internal/httpkit"
)

// numberForm is how an answer writes the numbers that may have a fraction: as JSON numbers,
// or as strings for callers whose JSON numbers are floats.
type numberForm string

const numbersAsStrings numberForm = "string"

// fractions matches those members of an answer. Within a string of JSON the first quote
// would be escaped, so that nothing else is matched.
var fractions = regexp.MustCompile(`("(?:start_reading|end_reading|last_reading|consumption|difference|percent)":)(-?[0-9.]+)`)

// encode returns an encoded answer in that form.
func (f numberForm) encode(answer []byte) []byte {
	if f == numbersAsStrings {
		return fractions.ReplaceAll(answer, []byte(`$1"$2"`))
	}
	return answer
}

// write answers with 200 and body as JSON.
func (f numberForm) write(w http.ResponseWriter, body any) {
	httpkit.WriteEncoded(w, http.StatusOK, f.encode(httpkit.Encode(body)))
}
