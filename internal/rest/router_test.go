package rest

import (
	"net/http"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"meterledger/api"
	"meterledger/api/apitest"
	"meterledger/internal/meter"
)

func TestRoutesAreThoseOfTheDocument(t *testing.T) {
	features := Features()
	features["GET /"] = "operations" // which package pages adds
	apitest.WantRoutes(t, api.ProgramAPI, features)
}

// TestTheDocumentSaysWhereAllAnswersStand wants each endpoint that tells of the ledger to have the headers of positions in the document.
func TestTheDocumentSaysWhereAllAnswersStand(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData(api.Document())
	if err != nil {
		t.Fatal(err)
	}
	for _, route := range (&app{}).routes() {
		operation, isRead := doc.Paths.Value(route.pattern).GetOperation(route.method), route.method == http.MethodGet
		isPlaced := route.place != thisNode
		for status, answer := range operation.Responses.Map() {
			_, hasPosition := answer.Value.Headers[positionHeader]
			_, hasAge := answer.Value.Headers[stalenessHeader]
			if status < "400" && (hasPosition != isPlaced || hasAge != (isPlaced && isRead)) {
				t.Errorf("%s %s %s has a position: %v, an age: %v", route.method, route.pattern, status, hasPosition, hasAge)
			}
		}
		for _, name := range []string{afterHeader, consistencyHeader} {
			if has := operation.Parameters.GetByInAndName(openapi3.ParameterInHeader, name) != nil; has != (isPlaced && isRead) {
				t.Errorf("%s %s takes %s: %v", route.method, route.pattern, name, has)
			}
		}
	}
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
