package importtest_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

const module = "meterledger/"

// floors says on which floor a package lives; a slash at the end stands for all
// that is below it.
var floors = map[string]int{
	"internal/meter": 1, "internal/chain": 1, "internal/durable": 1, "internal/config": 1, "internal/mutant": 1, "internal/metric": 1, "internal/rules": 1, "internal/pace": 2, "api": 1,
	"internal/journal": 2, "internal/cluster": 2, "internal/snapshot": 2, "internal/store": 2, "internal/archive": 2, "internal/billing": 2, "internal/vee": 2, "internal/httpkit": 2, "internal/access": 2, "internal/audit": 2,
	"internal/ledger": 3, "internal/query": 3, "internal/closing": 3, "internal/client": 3, "internal/etcd": 3,
	"internal/rest": 4, "internal/pages": 4, "internal/node": 4, "internal/peer": 4, "internal/maintenance": 4,
	"cmd/": 5,
	// Beside the house: they may use every room, and no room uses them.
	"internal/tools/": outside, "api/apitest": outside, "internal/faulttest": outside, "internal/dialtest": outside, "internal/clustertest": outside, "internal/etcdtest": outside, "internal/issuertest": outside, "internal/e2e": outside, "internal/importtest": outside, "internal/deploy": outside,
}

// sameFloor lists the imports between rooms of one floor that are right all the
// same: every room of the first floor may speak the language of the domain.
var sameFloor = map[string]bool{
	"api internal/meter":             true,
	"internal/config internal/meter": true,
	"internal/rules internal/meter":  true,
}

const (
	outside  = 6
	chainMax = 5 // packages of ours in one chain of imports
)

func floorOf(name string) int {
	for room, floor := range floors {
		if name == room || strings.HasSuffix(room, "/") && strings.HasPrefix(name, room) {
			return floor
		}
	}
	return 0
}

// ours lists the packages of the module: what each imports of it, and its comment.
func ours(t *testing.T) (imports map[string][]string, docs map[string]string) {
	t.Helper()
	command := exec.Command("go", "list", "-e", "-json=ImportPath,Imports,Doc", "./...")
	command.Dir = "../.."
	out, err := command.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	imports, docs = map[string][]string{}, map[string]string{}
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath, Doc string
			Imports         []string
		}
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return imports, docs
		} else if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(p.ImportPath, module)
		imports[name], docs[name] = nil, p.Doc
		for _, imported := range p.Imports {
			if rest, ok := strings.CutPrefix(imported, module); ok {
				imports[name] = append(imports[name], rest)
			}
		}
	}
}

func TestImportsPointDownOnly(t *testing.T) {
	imports, _ := ours(t)
	if len(imports["internal/archive"]) == 0 {
		t.Fatal("internal/archive imports nothing: the imports were not listed")
	}
	for name, list := range imports {
		if floorOf(name) == 0 {
			t.Errorf("%s lives on no floor: give it one in this test and in the plan", name)
		}
		for _, imported := range list {
			if why := wrong(name, imported); why != "" {
				t.Errorf("%s imports %s: %s", name, imported, why)
			}
		}
	}
}

func wrong(name, imported string) string {
	from, to := floorOf(name), floorOf(imported)
	switch {
	case from == outside && strings.HasPrefix(imported, "internal/tools/"):
		return ""
	case to == outside:
		return "nothing may depend on what stands beside the house"
	case from < to:
		return "imports point down only"
	case from == to && !sameFloor[name+" "+imported]:
		return "rooms on one floor do not know each other"
	}
	return ""
}

func TestTheDomainImportsNothingOfOurs(t *testing.T) {
	imports, _ := ours(t)
	if list := imports["internal/meter"]; len(list) > 0 {
		t.Errorf("internal/meter imports %v: the domain knows nothing of the rest", list)
	}
}

func TestNoChainOfImportsIsLong(t *testing.T) {
	imports, _ := ours(t)
	var longest func(name string) []string
	longest = func(name string) (chain []string) {
		for _, imported := range imports[name] {
			if below := longest(imported); len(below) > len(chain) {
				chain = below
			}
		}
		return append([]string{name}, chain...)
	}
	for name := range imports {
		if chain := longest(name); floorOf(name) < outside && len(chain) > chainMax {
			t.Errorf("%s is a chain of %d packages, at most %d are allowed", strings.Join(chain, " imports "), len(chain), chainMax)
		}
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	_, docs := ours(t)
	for name, doc := range docs {
		if doc == "" {
			t.Errorf("%s has no package comment: say in it what the package promises", name)
		}
	}
}

func TestAWrongImportIsSeen(t *testing.T) {
	for _, c := range []struct {
		name, imported string
		wrong          bool
	}{
		{"internal/ledger", "internal/store", false},
		{"internal/rest", "internal/meter", false},
		{"cmd/api", "internal/rest", false},
		{"internal/httpkit", "api", false},
		{"internal/config", "internal/meter", false},
		{"internal/tools/feeder", "internal/client", false},
		{"internal/tools/feeder", "internal/tools/households", false},
		{"internal/e2e", "cmd/api", false},
		{"internal/store", "internal/ledger", true},
		{"internal/store", "internal/archive", true},
		{"internal/meter", "internal/durable", true},
		{"internal/rest", "internal/maintenance", true},
		{"internal/client", "internal/tools/feeder", true},
		{"internal/tools/feeder", "internal/e2e", true},
		{"internal/rest", "internal/e2e", true},
	} {
		if why := wrong(c.name, c.imported); (why != "") != c.wrong {
			t.Errorf("%s imports %s: %q, want it to be wrong: %v", c.name, c.imported, why, c.wrong)
		}
	}
}
