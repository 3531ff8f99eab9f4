package main

// closing is about a month's way from memory into its archive.
func closing() []mutant {
	const file, archiving, folder = "internal/ledger/closing.go", "internal/ledger/archiving.go", "internal/ledger"
	return []mutant{
		{
			"memory is cleared before the archive is in place",
			[]edit{
				{archiving, "\topened []io.Closer\n", "\topened []io.Closer\n\tbefore func(archive.Written) error\n"},
				{
					archiving, "return a.l.commitMaintenance(a.ctx, store.AppendIntent(nil, a.period, written.SHA256))",
					"if a.before == nil {\n\t\treturn nil\n\t}\n\treturn a.before(written)",
				},
				{
					file, "\terr := books.begin()\n",
					"\tjob.before = func(w archive.Written) error {\n" +
						"\t\tclosing.Archive = store.Archive{Rows: w.Rows, SHA256: w.SHA256, WrittenAt: l.now()}\n" +
						"\t\tif err := books.flush(); err != nil {\n\t\t\treturn err\n\t\t}\n" +
						"\t\treturn l.commitMaintenance(ctx, store.AppendClose(nil, closing))\n\t}\n" +
						"\terr := books.begin()\n",
				},
			},
			folder,
			[]string{"TestMemoryIsClearedOnlyWhenTheArchiveIsInPlace"},
		},
		{
			"a closing does not wait for what was let in",
			[]edit{
				{file, "_, err := l.committer.wait(barrier)", "var err error"},
				{file, "err := books.begin()", "var err error"}, // waits as well
			},
			folder,
			[]string{"TestAReadingThatIsBeingWrittenWhenItsMonthIsClosedIsArchived"},
		},
		{
			"readings of a month are let in while it is closed",
			[]edit{{file, "\tl.closing = w\n", "\t_ = w\n"}},
			folder,
			[]string{"TestAReadingThatComesWhileItsMonthIsClosedHasToComeAgain"},
		},
		{
			"an archive is replaced without an intent",
			[]edit{{archiving, "return a.l.commitMaintenance(a.ctx, store.AppendIntent(nil, a.period, written.SHA256))", "return nil"}},
			folder,
			[]string{"TestRunThatWasCutOffAfterTheRenameCanBeRepeated"},
		},
		{
			"the intent of an earlier run is forgotten",
			[]edit{{"internal/store/archive.go", "s.intents[period] = append(s.intents[period], sum)", "s.intents[period] = [][32]byte{sum}"}},
			folder,
			[]string{"TestRunThatWasCutOffTwiceCanBeRepeated"},
		},
		{
			"the old archive is not merged into the new one",
			[]edit{{archiving, "if a.expected != nil {\n\t\tfile, err", "if a.expected != nil && a.month != nil {\n\t\tfile, err"}},
			"internal/rest",
			[]string{"TestScripts"},
		},
		{
			"late readings do not reopen their month",
			[]edit{{"internal/store/apply.go", "\t\t\tm.late = true\n", "\t\t\t_ = m\n"}},
			"internal/store",
			[]string{"TestLateReadingWaitsForItsArchivedRows"},
		},
		{
			"a closing clears its month and the register after it",
			[]edit{{"internal/store/month.go", "meter.Window{From: m.Window.From, To: m.Window.To - 1} }", "m.Window }"}},
			"internal/rest",
			[]string{"TestScripts"},
		},
	}
}

// archives is about files that people can reach, and answers made from them.
func archives() []mutant {
	const archived, archiving = "internal/ledger/archived.go", "internal/ledger/archiving.go"
	return []mutant{
		{
			"an archive that was changed is overwritten",
			[]edit{{archiving, "!slices.Contains(v.known, v.SHA256())", "slices.Contains(v.known[:0], v.SHA256())"}},
			"internal/rest",
			[]string{"TestScripts"},
		},
		{
			"a foreign archive is overwritten",
			[]edit{{archiving, "if a.expected != nil {\n\t\treturn nil\n\t}", "if a.expected != nil || a.month == nil {\n\t\treturn nil\n\t}"}},
			"internal/rest",
			[]string{"TestScripts"},
		},
		{
			"rows that do not fit their month are believed",
			[]edit{{archived, "if !month.Fits(written) {", "if !month.Fits(written) && len(written) == 0 {"}},
			"internal/rest",
			[]string{"TestScripts"},
		},
		{
			"a file that was replaced before its closing is not believed",
			[]edit{{archived, "written := l.withoutLate(i, month, rows)", "written := rows"}},
			"internal/ledger",
			[]string{"TestQueriesAndLateReadingsGoOnAfterARunThatWasCutOffAfterTheRename"},
		},
		{
			"a row that contradicts memory is believed",
			[]edit{{archived, "slices.Contains(late, p)", "slices.ContainsFunc(late, func(l meter.Point) bool { return l.Slot == p.Slot })"}},
			"internal/ledger",
			[]string{"TestAnArchiveThatContradictsMemoryIsNotBelieved"},
		},
		{
			"a query does not notice that its month was archived again",
			[]edit{{"internal/ledger/points.go", "!slices.ContainsFunc(held.Archives, l.rewritten) {", "held.Archives != nil {"}},
			"internal/ledger",
			[]string{"TestAQueryIsRightWhileItsMonthIsArchivedAgain"},
		},
		{
			"two registers for one time are merged",
			[]edit{{"internal/archive/source.go", "case a[0].Register != b[0].Register:", "case a[0].Slot != b[0].Slot:"}},
			"internal/archive",
			[]string{"TestTwoRegistersForOneTimeAreAConflictWhereverTheyStand"},
		},
		{
			"a merge drops the end of a source",
			[]edit{{"internal/archive/source.go", "out = append(append(out, a...), b...)", "out = append(out, a...)"}},
			"internal/archive",
			[]string{"TestMergingIsTheUnionInAnyOrder"},
		},
	}
}
