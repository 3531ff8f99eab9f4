package api_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

func TestEveryOperationIsExplained(t *testing.T) {
	doc := load(t)
	seen := make(map[string]string)
	for name, operation := range operations(doc) {
		if operation.Summary == "" || operation.Description == "" || len(operation.Tags) == 0 {
			t.Errorf("%s lacks a summary, a description or a tag", name)
		}
		for _, tag := range operation.Tags {
			if doc.Tags.Get(tag) == nil {
				t.Errorf("%s has the tag %s, which is not described", name, tag)
			}
		}
		if other, taken := seen[operation.OperationID]; taken || operation.OperationID == "" {
			t.Errorf("%s has the operation id %q, as has %q", name, operation.OperationID, other)
		}
		seen[operation.OperationID] = name
		for _, parameter := range operation.Parameters {
			p := parameter.Value
			if p.Description == "" || p.Example == nil && p.Examples == nil {
				t.Errorf("%s: parameter %s lacks a description or an example", name, p.Name)
			}
		}
		if body := operation.RequestBody; body != nil {
			wantContent(t, name+" request", body.Value.Content)
		}
	}
}

func TestEveryAnswerHasASchemaAndAnExample(t *testing.T) {
	for name, operation := range operations(load(t)) {
		for status, response := range operation.Responses.Map() {
			at := name + " " + status
			if response.Value.Description == nil || *response.Value.Description == "" {
				t.Errorf("%s is not described", at)
			}
			if status != "302" && status != "303" && status != "304" && len(response.Value.Content) == 0 {
				t.Errorf("%s has no content", at)
			}
			wantContent(t, at, response.Value.Content)
			if status >= "400" && response.Value.Content["application/problem+json"] == nil {
				t.Errorf("%s is not a problem", at)
			}
			if (status == "429" || status == "503") && !requiresHeader(response.Value, "Retry-After") {
				t.Errorf("%s does not promise Retry-After", at)
			}
		}
	}
}

func wantContent(t *testing.T, at string, content openapi3.Content) {
	t.Helper()
	for media, c := range content {
		if c.Schema == nil || c.Example == nil && len(c.Examples) == 0 {
			t.Errorf("%s as %s lacks a schema or an example", at, media)
		}
	}
}

func requiresHeader(response *openapi3.Response, name string) bool {
	header := response.Headers[name]
	return header != nil && header.Value.Required
}

func TestAnswersHaveExactlyTheFieldsThatAreNamed(t *testing.T) {
	for name, operation := range operations(load(t)) {
		if name == "GET /openapi.json" { // its schema is OpenAPI's own
			continue
		}
		for status, response := range operation.Responses.Map() {
			for _, content := range response.Value.Content {
				wantStrict(t, name+" "+status, content.Schema)
			}
		}
	}
}

// ofBatch are the members of a BatchProblem that are not always there.
var ofBatch = []string{"field", "reason", "instance", "accepted", "duplicates", "rejected", "retry", "errors"}

// wantStrict walks a schema, which must not be recursive.
func wantStrict(t *testing.T, at string, ref *openapi3.SchemaRef) {
	t.Helper()
	schema := ref.Value
	if schema.Type == nil {
		t.Errorf("%s: a schema has no type", at)
		return
	}
	if schema.Items != nil {
		wantStrict(t, at+"[]", schema.Items)
	}
	if !schema.Type.Is("object") {
		return
	}
	if more := schema.AdditionalProperties.Has; more == nil || *more {
		t.Errorf("%s allows fields that it does not name", at)
	}
	for name, property := range schema.Properties {
		optional := strings.HasSuffix(ref.Ref, "/Problem") && (name == "field" || name == "reason" || name == "instance") ||
			strings.HasSuffix(ref.Ref, "/BatchProblem") && slices.Contains(ofBatch, name) ||
			strings.HasSuffix(ref.Ref, "/PeriodConsumption") && name == "previous" ||
			name == "register_changes" && !strings.HasSuffix(ref.Ref, "/Meter") || name == "estimated_kwh"
		if slices.Contains(schema.Required, name) == optional {
			t.Errorf("%s: field %s is optional: %v", at, name, !optional)
		}
		wantStrict(t, at+"."+name, property)
	}
}
