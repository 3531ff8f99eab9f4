package apitest

import (
	"log/slog"
	"maps"
	"slices"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-chi/chi/v5"

	"meterledger/api"
	"meterledger/internal/httpkit"
)

// WantRoutes compares the routes of a program with the document, both ways. features
// has the tag of each route by method and pattern, such as "GET /account". The program
// must answer all other paths of its document too.
func WantRoutes(t testing.TB, program api.Program, features map[string]string) {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(api.DocumentOf(program))
	if err != nil {
		t.Fatalf("loading the OpenAPI document: %v", err)
	}
	everywhere := httpkit.NewRouter(httpkit.Program{
		Name: program, Log: slog.New(slog.DiscardHandler), Metrics: httpkit.NewMetrics(), SwaggerUI: httpkit.SwaggerUI(),
	})
	unknown := maps.Clone(features)
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			name := method + " " + path
			feature, routed := features[name]
			delete(unknown, name)
			if !routed && !everywhere.Match(chi.NewRouteContext(), method, path) {
				t.Errorf("the document has %s, which nobody answers", name)
			}
			if routed && !slices.Contains(operation.Tags, feature) {
				t.Errorf("%s belongs to %s, in the document to %v", name, feature, operation.Tags)
			}
		}
	}
	for name := range unknown {
		t.Errorf("the document does not know %s", name)
	}
}
