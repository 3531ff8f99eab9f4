package api_test

import (
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"meterledger/api"
)

// structs are the answers as Go has them. Each is named after its schema.
var structs = []any{
	api.Problem{},
	api.Root{},
	api.Health{},
	api.Readiness{},
	api.Accepting{},
	api.DuePeriod{},
	api.OutstandingPeriod{},
	api.AccountCreated{},
	api.Account{},
	api.Meters{},
	api.MeterState{},
	api.Meter{},
	api.MeterSerial{},
	api.MeterChange{},
	api.RegisterChange{},
	api.ChangeRecorded{},
	api.Gaps{},
	api.Gap{},
	api.Exceptions{},
	api.Exception{},
	api.Corrected{},
	api.History{},
	api.PastCorrection{},
	api.Credential{},
	api.CredentialIssued{},
	api.Credentials{},
	api.Caller{},
	api.ReadingRecorded{},
	api.BatchResult{},
	api.BatchProblem{},
	api.RowError{},
	api.Intervals{},
	api.Interval{},
	api.PeriodConsumption{},
	api.PreviousConsumption{},
	api.Bill{},
	api.BillFigures{},
	api.BillLine{},
	api.MaintenanceResult{},
	api.Archive{},
	api.MaintenanceStatus{},
	api.MaintenanceProgress{},
	api.MaintenanceRun{},
	api.ArchiveListing{},
	api.Reception{},
	api.Backup{},
	api.Standing{},
	api.Cluster{},
	api.ClusterNode{},
	api.Audit{},
	api.AuditLine{},
	api.AuditParameter{},
	api.RestoreResult{},
	api.RefusedRow{},
	api.PerformResult{},
	api.ProgramStatus{},
	api.ScheduledRun{},
}

// member is what the document and a struct both say of a field.
type member struct{ nullable, optional bool }

func TestStructsHaveTheFieldsOfTheirSchemas(t *testing.T) {
	schemas := load(t).Components.Schemas
	for _, s := range structs {
		of := reflect.TypeOf(s)
		ref := schemas[of.Name()]
		if ref == nil {
			t.Errorf("the document has no schema %s", of.Name())
			continue
		}
		documented := make(map[string]member)
		for name, property := range ref.Value.Properties {
			documented[name] = member{property.Value.Nullable, !slices.Contains(ref.Value.Required, name)}
		}
		declared := make(map[string]member)
		addMembers(declared, of)
		if diff := cmp.Diff(documented, declared, cmp.AllowUnexported(member{})); diff != "" {
			t.Errorf("%s: the schema (-) and the struct (+) differ:\n%s", of.Name(), diff)
		}
	}
}

// addMembers adds the fields of a struct as encoding/json sees them. A field of its own
// hides one of the same name that is embedded. Those of an embedded pointer may be left out.
func addMembers(all map[string]member, of reflect.Type) {
	for _, field := range reflect.VisibleFields(of) {
		name, option, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.Anonymous || name == "-" {
			continue
		}
		parent := of.FieldByIndex(field.Index[:1])
		optional := option == "omitempty" || parent.Anonymous && parent.Type.Kind() == reflect.Pointer
		all[name] = member{field.Type.Kind() == reflect.Pointer && !optional, optional}
	}
}

func TestEveryAnswerInJSONHasAStruct(t *testing.T) {
	declared := make(map[string]bool)
	for _, s := range structs {
		declared[reflect.TypeOf(s).Name()] = true
	}
	for name, operation := range operations(load(t)) {
		for status, response := range operation.Responses.Map() {
			for media, content := range response.Value.Content {
				schema := path.Base(content.Schema.Ref)
				if strings.HasSuffix(media, "json") && !declared[schema] && name != "GET /openapi.json" {
					t.Errorf("%s %s is answered with a %q, which is no struct", name, status, schema)
				}
			}
		}
	}
}
