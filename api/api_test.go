package api_test

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"meterledger/api"
)

// The endpoints of the contract, and the statuses they answer with.
var contract = map[string]string{
	"POST /register_account":         "200 400 401 403 408 413 415 429 500 503",
	"GET /export_accounts":           "200 400 401 403 429 500 503",
	"POST /import_accounts":          "200 400 401 403 408 413 415 429 500 503",
	"GET /account":                   "200 400 401 403 404 429 500 503",
	"POST /receive_meter_reading":    "200 400 401 403 404 408 413 415 429 500 503",
	"POST /receive_meter_readings":   "200 400 401 403 408 413 415 429 500 503",
	"GET /get_consumption":           "200 304 400 401 403 404 429 500 503",
	"GET /get_readings":              "200 304 400 401 403 404 429 500 503",
	"GET /export_readings":           "200 304 400 401 403 429 500 503",
	"GET /meters":                    "200 400 401 403 429 500 503",
	"GET /meters/{meter_id}/gaps":    "200 304 400 401 403 404 429 500 503",
	"GET /exceptions":                "200 400 401 403 404 429 500 503",
	"POST /exceptions/resolve":       "200 400 401 403 404 408 413 415 429 500 503",
	"GET /get_last_month_bill":       "200 304 400 401 403 404 429 500 503",
	"GET /get_bill":                  "200 304 400 401 403 404 429 500 503",
	"POST /maintenance/start":        "200 202 400 401 403 408 413 415 429 500 503",
	"GET /maintenance/status":        "200 400 401 403 429 500 503",
	"GET /cluster":                   "200 400 401 403 429 500 503",
	"GET /audit":                     "200 400 401 403 429 500 503",
	"POST /shutdown":                 "200 400 401 403 408 413 415 429 500 503",
	"POST /resume":                   "200 400 401 403 408 413 415 429 500 503",
	"POST /backup":                   "200 400 401 403 408 413 415 429 500 503",
	"POST /restore_data":             "200 400 401 403 408 413 415 429 500 503",
	"POST /meters/{meter_id}/retake": "200 400 401 403 404 408 413 415 429 500 503",

	"POST /meters/{meter_id}/corrections": "200 400 401 403 404 408 413 415 429 500 503",
	"GET /meters/{meter_id}/history":      "200 400 401 403 404 429 500 503",
	"GET /meters/{meter_id}":              "200 400 401 403 404 429 500 503",
	"PATCH /meters/{meter_id}":            "200 400 401 403 404 408 413 415 429 500 503",
	"POST /meters/{meter_id}/exchange":    "200 400 401 403 404 408 413 415 429 500 503",
	"DELETE /meters/{meter_id}/exchange":  "200 400 401 403 404 429 500 503",

	"POST /credentials":                   "200 400 401 403 404 408 413 415 429 500 503",
	"GET /credentials":                    "200 400 401 403 404 429 500 503",
	"DELETE /credentials/{credential_id}": "200 400 401 403 404 429 500 503",
	"GET /whoami":                         "200 400 401 403 429 500 503",

	"GET /":             "200 303 304 401 403 429 500 503",
	"GET /docs":         "302 401 403 429 503",
	"GET /redoc":        "200 304 401 403 429 503",
	"GET /openapi.json": "200 304 401 403 429 503",
	"GET /healthz":      "200 401 403 429 503",
	"GET /readyz":       "200 400 401 403 429 503",
	"GET /metrics":      "200 401 403 429 503",

	"POST /perform_daily_maintenance":   "200 400 401 403 408 413 415 429 500 503",
	"POST /perform_monthly_maintenance": "200 400 401 403 408 413 415 429 500 503",
	"GET /status":                       "200 400 401 403 429 500 503",
}

func load(t *testing.T) *openapi3.T {
	t.Helper()
	return loadFrom(t, api.Document())
}

func loadFrom(t *testing.T, document []byte) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(document)
	if err != nil {
		t.Fatalf("loading the document: %v", err)
	}
	return doc
}

// operations returns the operations of a document by method and path.
func operations(doc *openapi3.T) map[string]*openapi3.Operation {
	found := make(map[string]*openapi3.Operation)
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			found[method+" "+path] = operation
		}
	}
	return found
}

func TestDocumentIsValidAndItsExamplesFitTheirSchemas(t *testing.T) {
	// "decimal" is of OpenAPI's registry of formats, which the validator knows only in part.
	openapi3.DefineNumberFormatValidator("decimal", openapi3.NewCallbackValidator(func(float64) error { return nil }))
	err := load(t).Validate(t.Context(),
		openapi3.EnableExamplesValidation(), openapi3.EnableSchemaFormatValidation(), openapi3.EnableMultiError())
	if err != nil {
		t.Error(err)
	}
}

func TestDocumentNamesEveryEndpointOfTheContractWithItsStatuses(t *testing.T) {
	documented := make(map[string]string)
	for name, operation := range operations(load(t)) {
		documented[name] = strings.Join(slices.Sorted(slices.Values(operation.Responses.Keys())), " ")
	}
	if diff := cmp.Diff(contract, documented); diff != "" {
		t.Errorf("the contract (-) and the document (+) differ:\n%s", diff)
	}
}

func TestDocumentOfAProgramHasItsOwnPathsAndLinksToItsSiblings(t *testing.T) {
	common := []string{"/", "/docs", "/healthz", "/metrics", "/openapi.json", "/readyz", "/redoc"}
	for program, own := range map[api.Program][]string{
		api.ProgramDaily:   {"/perform_daily_maintenance", "/status"},
		api.ProgramMonthly: {"/perform_monthly_maintenance", "/status"},
	} {
		doc := loadFrom(t, api.DocumentOf(program))
		want := slices.Sorted(slices.Values(append(own, common...)))
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(doc.Paths.Map()))); diff != "" {
			t.Errorf("paths of %s (-want +got):\n%s", program, diff)
		}
	}
	for _, program := range []api.Program{api.ProgramAPI, api.ProgramDaily, api.ProgramMonthly} {
		doc := loadFrom(t, api.DocumentOf(program))
		if doc.Paths.Find("/account") != nil != (program == api.ProgramAPI) || doc.Paths.Find("/status") != nil == (program == api.ProgramAPI) {
			t.Errorf("%s has paths of another program", program)
		}
		if len(doc.Servers) != 1 || doc.Servers[0].URL != "/" {
			t.Errorf("the paths of %s stand on %v, not on the program that serves the document", program, doc.Servers)
		}
		for _, port := range []string{"8000", "8001", "8002"} {
			if !strings.Contains(doc.Info.Description, "(http://localhost:"+port+"/docs)") {
				t.Errorf("%s does not link to the program on port %s", program, port)
			}
		}
		for member := range membersOf(t, api.Document()) { // among them security, without which the docs pages send no token
			if _, has := membersOf(t, api.DocumentOf(program))[member]; !has {
				t.Errorf("the document of %s has no %s", program, member)
			}
		}
		if unused := doc.Tags.Get("daily"); unused != nil != (program == api.ProgramDaily) {
			t.Errorf("the tags of %s are %v", program, doc.Tags)
		}
	}
}

func membersOf(t *testing.T, document []byte) (members map[string]json.RawMessage) {
	t.Helper()
	if err := json.Unmarshal(document, &members); err != nil {
		t.Fatal(err)
	}
	return members
}

func TestDestructiveOperationsAreMarked(t *testing.T) {
	marked := []string{}
	for _, operation := range operations(load(t)) {
		if strings.HasPrefix(operation.Summary, "⚠ ") && strings.HasPrefix(operation.Description, "**Careful: ") {
			marked = append(marked, operation.OperationID)
		}
	}
	slices.Sort(marked)
	want := []string{"performMonthlyMaintenance", "restoreData", "shutdown", "startMaintenance"}
	if !slices.Equal(marked, want) {
		t.Errorf("marked are %v, not %v", marked, want)
	}
}

func TestParametersOfAPostMayStandInQueryFormOrJSON(t *testing.T) {
	for name, operation := range operations(load(t)) {
		if !strings.HasPrefix(name, "POST ") && !strings.HasPrefix(name, "PATCH ") {
			continue
		}
		var inQuery []string
		for _, parameter := range operation.Parameters {
			if parameter.Value.In == openapi3.ParameterInPath {
				continue
			}
			inQuery = append(inQuery, parameter.Value.Name)
			if parameter.Value.Required {
				t.Errorf("%s: %s is required in the query, but may stand in the body", name, parameter.Value.Name)
			}
		}
		if len(inQuery) == 0 {
			continue
		}
		if operation.RequestBody.Value.Required {
			t.Errorf("%s: the body is required, but all may stand in the query", name)
		}
		slices.Sort(inQuery)
		for _, media := range []string{"application/x-www-form-urlencoded", "multipart/form-data", "application/json"} {
			inBody := bodyProperties(operation, media)
			if diff := cmp.Diff(inQuery, inBody); diff != "" {
				t.Errorf("%s: parameters of the query (-) and of the body as %s (+) differ:\n%s", name, media, diff)
			}
		}
	}
}

// bodyProperties returns what a request body of some type may hold, and nil
// where it has to hold something.
func bodyProperties(operation *openapi3.Operation, media string) []string {
	var names []string
	if content := operation.RequestBody.Value.Content[media]; content != nil && len(content.Schema.Value.Required) == 0 {
		for name := range content.Schema.Value.Properties {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func TestErrorCodesAreThoseOfTheDomain(t *testing.T) {
	source, err := os.ReadFile("../internal/meter/error.go")
	if err != nil {
		t.Fatal(err)
	}
	var domain, documented []string
	for _, match := range regexp.MustCompile(`Code = "([a-z_]+)"`).FindAllSubmatch(source, -1) {
		domain = append(domain, string(match[1]))
	}
	code := load(t).Components.Schemas["ErrorCode"].Value
	for _, value := range code.Enum {
		documented = append(documented, value.(string))
		if !strings.Contains(code.Description, "`"+value.(string)+"`") {
			t.Errorf("code %v is not explained", value)
		}
	}
	slices.Sort(domain)
	slices.Sort(documented)
	if diff := cmp.Diff(domain, documented); diff != "" {
		t.Errorf("the codes of the domain (-) and of the document (+) differ:\n%s", diff)
	}
}

func TestDocumentCannotBeChangedByItsReaders(t *testing.T) {
	clear(api.Document())
	if string(api.Document()[:1]) != "{" {
		t.Error("a reader changed the document for all others")
	}
}
