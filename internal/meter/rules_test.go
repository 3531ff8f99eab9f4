package meter

import (
	"slices"
	"testing"
	"time"
)

var ruleZones = []string{"Asia/Singapore", "Europe/London", "America/Los_Angeles", "Asia/Kathmandu", "Australia/Lord_Howe", "Asia/Almaty", "Pacific/Apia", "UTC"}

func TestAZoneIsTheSameByItsKeptRules(t *testing.T) {
	for _, name := range ruleZones {
		z, err := LoadZone(name)
		if err != nil {
			t.Fatal(err)
		}
		rules := z.Rules()
		if same, err := z.Keep(z.Standard(), rules, time.Unix(0, 0)); same != z || err != nil {
			t.Errorf("%s is another zone: %v", name, err)
		}
		kept, err := z.Keep(z.Standard()+1800, rules, rulesUntil) // any difference
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(kept.Rules(), rules) {
			t.Errorf("%s has the rules %v, want %v", name, kept.Rules(), rules)
		}
		for at := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC); at.Year() < 2100; at = at.Add(310 * time.Hour) {
			if got, want := kept.StampTime(at), z.StampTime(at); got != want {
				t.Fatalf("%s: %v is %s, want %s", name, at, got, want)
			}
		}
	}
}

func TestRulesAreKeptUntilAnInstant(t *testing.T) {
	former := Rules{{0, 8 * 3600}, {1000, 9 * 3600}, {3000, 8 * 3600}}
	present := Rules{{0, 7 * 3600}, {2000, 6 * 3600}, {4000, 7 * 3600}}
	for at, want := range map[int64]Rules{
		500:  {{0, 8 * 3600}, {500, 7 * 3600}, {2000, 6 * 3600}, {4000, 7 * 3600}},
		2000: {{0, 8 * 3600}, {1000, 9 * 3600}, {2000, 6 * 3600}, {4000, 7 * 3600}},
		3500: {{0, 8 * 3600}, {1000, 9 * 3600}, {3000, 8 * 3600}, {3500, 6 * 3600}, {4000, 7 * 3600}},
		9000: {{0, 8 * 3600}, {1000, 9 * 3600}, {3000, 8 * 3600}, {9000, 7 * 3600}},
	} {
		if got := former.until(at, present); !slices.Equal(got, want) {
			t.Errorf("until %d: %v, want %v", at, got, want)
		}
	}
}

func TestDamagedRulesAreRefused(t *testing.T) {
	z, err := LoadZone("Asia/Singapore")
	if err != nil {
		t.Fatal(err)
	}
	for _, rules := range []Rules{{{5, 0}, {5, 3600}, {4, 0}}, {{0, 1 << 40}}} {
		if _, err := z.Keep(0, rules, time.Unix(100, 0)); err == nil {
			t.Errorf("%v were taken", rules)
		}
	}
}
