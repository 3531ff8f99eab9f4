package maintenance

import (
	"testing"

	"meterledger/api/apitest"
)

func TestRoutesAreThoseOfTheDocument(t *testing.T) {
	for server, kind := range map[string]Kind{"http://localhost:8001": Daily(), "http://localhost:8002": Monthly()} {
		features := make(map[string]string)
		for _, route := range (&Service{kind: kind}).routes() {
			features[route.method+" "+route.pattern] = route.feature
		}
		apitest.WantRoutes(t, server, features)
	}
}
