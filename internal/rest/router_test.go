package rest

import (
	"testing"

	"meterledger/api"
	"meterledger/api/apitest"
)

func TestRoutesAreThoseOfTheDocument(t *testing.T) { apitest.WantRoutes(t, api.ProgramAPI, Features()) }

// Features returns the feature of each route, by its method and pattern.
func Features() map[string]string {
	features := make(map[string]string)
	for _, route := range (&app{}).routes() {
		features[route.method+" "+route.pattern] = route.feature
	}
	return features
}
