package store

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"meterledger/internal/meter"
)

// wantChecked makes sure that an entry of a history passes the check if a node may propose it,
// and that the check says how many verdicts it has.
func (h *historian) wantChecked(t fataler, entry []byte) {
	k := kind(entry[0])
	ofLeader := k == kindTerm || k == kindContents || k == kindWitness
	ofRun := k == kindHold || k == kindFree || k == kindUnder || k == kindLevel
	want := 1
	if packed := bytes.TrimPrefix(entry, []byte{byte(kindRestored)}); kind(packed[0]) == kindPack {
		want = packReadingsMin
	}
	for _, run := range []bool{false, true} {
		entries, err := h.s.Check(entry, run)
		if passes := !ofLeader && (run || !ofRun); passes != (err == nil) || passes && entries != want {
			t.Fatalf("entry % x passes the check with %d entries: %v", entry, entries, err)
		}
	}
}

func cut(entry []byte) []byte { return entry[:len(entry)-1] }

func TestWhatCannotBeAppliedIsFoundBeforeItIsInTheOrder(t *testing.T) {
	s, h := heldStore(t) // of two meters
	under := AppendUnder(nil, h.ID)
	good := AppendReading(AppendAccount(nil, account), reading(closedTo, 3000))
	many := make([]Reading, packReadingsMin)
	for n := range many {
		many[n] = reading(closedTo+meter.Slot(n), 3000)
	}
	stray := slices.Clone(many)
	stray[5].Meter = 2
	before := s.Hash()
	for name, c := range map[string]struct {
		payload []byte
		run     bool
		want    string
	}{
		"a kind of a later version":      {[]byte{200}, true, "kind 200 is not known to this version"},
		"one behind what is good":        {append(bytes.Clone(good), 200), false, "decoding entry 2: kind 200"},
		"a meter beyond the last":        {AppendReading(nil, Reading{Meter: 2, Slot: closedTo}), false, "meter 2 is not registered"},
		"one in a pack":                  {AppendReadings(nil, stray, false), false, "meter 2 is not registered"},
		"one in a pack that is put back": {AppendReadings(nil, stray, true), false, "meter 2 is not registered"},
		"a meter of the same proposal":   {AppendReading(AppendAccount(nil, account), Reading{Meter: 2, Slot: closedTo}), false, "meter 2 is not registered"},
		"a cut reading":                  {cut(good), false, "entry is cut off"},
		"a cut pack":                     {cut(AppendReadings(nil, many, false)), false, "entry is cut off"},
		"a cut recall":                   {cut(AppendRecall(nil, september, 1, 0, make([]meter.Point, 2))), false, "entry is cut off"},
		"a byte too many":                {append(bytes.Clone(good), 0), false, "kind 0 is not known"},
		"what cannot be put back":        {append([]byte{byte(kindRestored)}, AppendReception(nil, true)...), false, "cannot be restored"},
		"a reading under a hold":         {append(bytes.Clone(under), good...), true, "does not belong under a hold"},
		"a term":                         {AppendTerm(nil, Term{1, 2, "a"}, account.RegisteredAt), true, "kind 11 cannot be proposed"},
		"contents":                       {AppendContents(nil, nil), true, "kind 14 cannot be proposed"},
		"a witness":                      {AppendWitness(nil, 0, 0), true, "kind 15 cannot be proposed"},
		"a hold without a run":           {AppendHold(nil, h), false, "kind 12 cannot be proposed"},
		"the end of one without a run":   {AppendFree(nil, h.ID), false, "kind 17 cannot be proposed"},
		"what needs one, without a run":  {closeSeptember(under, 1), false, "kind 18 cannot be proposed"},
		"a level without a run":          {AppendLevel(nil, LevelNewest), false, "kind 16 cannot be proposed"},
		"a level that is not known":      {AppendLevel(nil, LevelNewest+1), true, "level 5 is not known"},
	} {
		if entries, err := s.Check(c.payload, c.run); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %d entries, error %v, want %q", name, entries, err, c.want)
		}
	}
	if _, err := s.Check([]byte{200}, true); !errors.Is(err, ErrNewer) {
		t.Errorf("of a kind of a later version it is not said that a newer program wrote it: %v", err)
	}
	all := slices.Concat(good, AppendReadings(nil, many, true), AppendFree(closeSeptember(under, 1), h.ID))
	if entries, err := s.Check(all, true); err != nil || entries != 2+packReadingsMin+2 {
		t.Errorf("of what is good %d entries passed: %v", entries, err)
	}
	if s.Hash() != before {
		t.Error("the check has changed the state")
	}
}
