package rest

import (
	"testing"

	"meterledger/api"
	"meterledger/api/apitest"
	"meterledger/internal/meter"
)

func TestRoutesAreThoseOfTheDocument(t *testing.T) {
	features := Features()
	features["GET /"] = "operations" // which package pages adds
	apitest.WantRoutes(t, api.ProgramAPI, features)
}

// HomeRoutes returns the patterns of what households may ask about a meter.
func HomeRoutes() (patterns []string) {
	for _, route := range (&app{}).routes() {
		if route.roles == meter.Homes {
			patterns = append(patterns, route.pattern)
		}
	}
	return patterns
}

// Features returns the feature of each route, by its method and pattern.
func Features() map[string]string {
	features := make(map[string]string)
	for _, route := range (&app{}).routes() {
		features[route.method+" "+route.pattern] = route.feature
	}
	return features
}
