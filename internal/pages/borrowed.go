package pages

import (
	"net/http"
	"net/url"

	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

func isOperator(r *http.Request) bool {
	return httpkit.CallerOf(r.Context()).Role == meter.RoleOperator
}

func actionPath(name, back string, known ...string) string {
	parameters := url.Values{"back": {back}}
	for i := 0; i < len(known); i += 2 {
		parameters.Set(known[i], known[i+1])
	}
	return "/ui/operator/actions/" + name + "?" + parameters.Encode()
}
