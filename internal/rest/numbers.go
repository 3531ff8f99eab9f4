package rest

import (
	"bytes"
	"net/http"
	"slices"

	"meterledger/internal/httpkit"
)

// numberForm is how an answer writes the numbers that may have a fraction: as JSON numbers,
// or as strings for callers whose JSON numbers are floats.
type numberForm string

const numbersAsStrings numberForm = "string"

// fractions are the ends of the names of members whose numbers may have a fraction. Within a
// string of JSON the quote after a name would be escaped, so that nothing else looks like them.
var fractions = [][]byte{
	[]byte(`_reading`), []byte(`"consumption`), []byte(`"difference`), []byte(`"percent`), []byte(`_kwh`), []byte(`_kw`), []byte(`"rolls_over_at`),
	[]byte(`"value`), []byte(`"threshold`), []byte(`"before`), []byte(`"after`),
}

// encode returns an encoded answer, or a part of one, in that form. A regular expression
// would take ten times as long, which counts for a page of 5 MB.
func (f numberForm) encode(answer []byte) []byte {
	if f != numbersAsStrings {
		return answer
	}
	quoted := make([]byte, 0, len(answer)+len(answer)/8)
	for {
		nameEnd := bytes.Index(answer, []byte(`":`))
		if nameEnd < 0 {
			return append(quoted, answer...)
		}
		value := nameEnd + len(`":`)
		quoted = append(quoted, answer[:value]...)
		isFraction := slices.ContainsFunc(fractions, func(name []byte) bool { return bytes.HasSuffix(answer[:nameEnd], name) })
		answer = answer[value:]
		if digits := numberLength(answer); isFraction && digits > 0 {
			quoted = append(append(append(quoted, '"'), answer[:digits]...), '"')
			answer = answer[digits:]
		}
	}
}

// numberLength returns how many bytes at the start of b are a number as answers have it.
func numberLength(b []byte) int {
	return len(b) - len(bytes.TrimLeft(b, "-.0123456789"))
}

// write answers with 200 and body as JSON.
func (f numberForm) write(w http.ResponseWriter, body any) {
	httpkit.WriteEncoded(w, http.StatusOK, f.encode(httpkit.Encode(body)))
}
