package maintenance

import (
	"testing"

	"meterledger/api"
	"meterledger/api/apitest"
)

func TestRoutesAreThoseOfTheDocument(t *testing.T) {
	for program, kind := range map[api.Program]Kind{api.ProgramDaily: Daily(), api.ProgramMonthly: Monthly()} {
		features := make(map[string]string)
		for _, route := range (&Service{kind: kind}).routes() {
			features[route.method+" "+route.pattern] = route.feature
		}
		apitest.WantRoutes(t, program, features)
	}
}
