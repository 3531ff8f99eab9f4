package httpkit

import (
	"strconv"

	"meterledger/internal/meter"
)

// quotedLengthMax is how many characters of a caller's text are shown back.
const quotedLengthMax = 40

// quote makes a caller's text safe to show: in quotes, with what cannot be
// printed escaped, and cut where it is long.
func quote(s string) string {
	count := 0
	for i := range s {
		if count == quotedLengthMax {
			return strconv.Quote(s[:i]) + "…"
		}
		count++
	}
	return strconv.Quote(s)
}

// showName returns the name of a parameter as it can be shown: as it is where
// it is a short word, else quoted.
func showName(name string) string {
	if _, err := meter.ParseID(name); err == nil && len(name) <= quotedLengthMax {
		return name
	}
	return quote(name)
}
