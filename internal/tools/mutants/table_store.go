package main

// rules is about what the store accepts.
func rules() []mutant {
	const verdict, apply = "internal/store/verdict.go", "internal/store/apply.go"
	return []mutant{
		{
			"a conflict is answered as a duplicate",
			[]edit{{verdict, "if recorded == r.Register {", "if recorded == r.Register || recorded != r.Register {"}},
			"internal/ledger",
			[]string{"TestRegistersRiseWithTime"},
		},
		{
			"a conflict with an archived row is answered as a duplicate",
			[]edit{{"internal/ledger/batch.go", "if rows.points[i].Register != at.Register {", "if rows.points[i].Slot != at.Slot {"}},
			"internal/rest",
			[]string{"TestScripts"},
		},
		{
			"a register may fall below an earlier one",
			[]edit{{verdict, "if hasEarlier && register.Cmp(earlier.Register) < 0 {", "if hasEarlier && register.Cmp(earlier.Register) < -1 {"}},
			"internal/ledger",
			[]string{"TestRegistersRiseWithTime"},
		},
		{
			"the last register of a closed month is forgotten",
			[]edit{{verdict, "has && summary.Last.Slot < slot && (", "has && summary.Last.Slot < 0 && ("}},
			"internal/rest",
			[]string{"TestScripts"},
		},
		{
			"the revision of a recall is not checked",
			[]edit{{apply, "m.Revision != revision || ", "m.Revision > revision && m.Revision < revision || "}},
			"internal/store",
			[]string{"TestLateReadingWaitsForItsArchivedRows"},
		},
		{
			"a recall replaces what is in memory",
			[]edit{{apply, "!stale && !taken {", "!stale && (taken || !taken) {"}},
			"internal/store",
			[]string{"TestARecallLeavesWhatIsInMemory"},
		},
		{
			"a late reading needs no recall",
			[]edit{{verdict, "m != nil && m.mustRecall(r.Meter) {", "m != nil && m.mustRecall(r.Meter) && r.Slot == 0 {"}},
			"internal/rest",
			[]string{"TestScripts"},
		},
		{
			"an account that is known is replaced",
			[]edit{{apply, "if _, exists := s.byID[account.ID]; exists {", "if _, exists := s.byID[account.ID]; exists && account.ID == \"\" {"}},
			"internal/store",
			[]string{"TestApplyingHistoryAgainChangesNothing"},
		},
		{
			"a closing that was applied is applied again",
			[]edit{{"internal/store/archive.go", "} else if m.Revision >= closed.Revision {", "} else if m.Revision > closed.Revision {"}},
			"internal/store",
			[]string{"TestApplyingHistoryAgainChangesNothing"},
		},
	}
}
