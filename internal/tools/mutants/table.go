package main

import "slices"

// table is all mutants: the places where what was acknowledged could be lost, doubled
// or altered, each broken in the way that would do it.
func table() []mutant {
	return slices.Concat(disk(), journal(), committer(), rules(), closing(), archives())
}

// disk is about files and folders that must survive a power cut.
func disk() []mutant {
	const file, folder = "internal/durable/file.go", "internal/durable/folder.go"
	return []mutant{
		{
			"a folder is not fsynced",
			[]edit{{folder, "if err := folder.Sync(); err != nil {", "if err := error(nil); err != nil {"}},
			"internal/durable",
			[]string{"TestAFileThatWasWrittenSurvivesAPowerCut", "TestAFolderThatWasMadeSurvivesAPowerCut", "TestSyncingAFolderMakesItsNamesSurvive"},
		},
		{
			"the folder is not fsynced after the rename",
			[]edit{{file, "return SyncFolder(fs, fs.PathDir(path))", "return nil"}},
			"internal/durable",
			[]string{"TestAFileThatWasWrittenSurvivesAPowerCut"},
		},
		{
			"a new file is not fsynced before the rename",
			[]edit{{file, "if err := f.Sync(); err != nil {", "if err := error(nil); err != nil {"}},
			"internal/durable",
			[]string{"TestAFileThatWasWrittenSurvivesAPowerCut", "TestACrashAtAnyStepLeavesTheOldFileOrTheNewOneWhole"},
		},
		{
			"a file is written in place",
			[]edit{
				{file, "temporary := path + temporarySuffix", "temporary := path"},
				{file, "err = fs.Rename(temporary, path)", "_ = temporarySuffix"},
			},
			"internal/durable",
			[]string{"TestACrashAtAnyStepLeavesTheOldFileOrTheNewOneWhole"},
		},
		{
			"a folder that was there is not fsynced",
			[]edit{{folder, "if err := SyncFolder(fs, parent); !errors.Is(err, os.ErrPermission) {", "if err := error(nil); !errors.Is(err, os.ErrPermission) {"}},
			"internal/durable",
			[]string{"TestAFolderThatACrashLeftUnsyncedIsSyncedBeforeItIsUsed"},
		},
	}
}

// journal is about the log that proves itself.
func journal() []mutant {
	const file, folder = "internal/journal/journal.go", "internal/journal"
	return []mutant{
		{
			"a batch is not fsynced",
			[]edit{{file, "return j.db.Set(key(sequence), value, pebble.Sync)", "return j.db.Set(key(sequence), value, pebble.NoSync)"}},
			folder,
			[]string{"TestNothingThatWasAcknowledgedIsLostInAPowerCut"},
		},
		{
			"a failed write is tried again",
			[]edit{{file, "if j.failure != nil {\n\t\treturn 0, j.failure\n\t}", ""}},
			folder,
			[]string{"TestAFailedWriteIsFinal"},
		},
		{
			"the chain of hashes is not checked",
			[]edit{{file, "case before != nil && previous != *before:", "case before != nil && previous != *before && sequence == 0:"}},
			folder,
			[]string{"TestABatchOfAnotherHistoryIsFound"},
		},
		{
			"a gap in the sequence is not noticed",
			[]edit{{file, "case sequence != expected:", "case sequence < expected:"}},
			folder,
			[]string{"TestADamagedJournalIsRefusedAtThePlace", "TestReplayingFromWhatIsGoneIsRefused"},
		},
		{
			"a batch's checksum is not checked",
			[]edit{{"internal/journal/batch.go", ", binary.BigEndian.Uint32(b[checksumAt:]) != checksum(b):", ":"}},
			folder,
			[]string{"TestEveryFlippedBitIsFound"},
		},
		{
			"what the log shows beyond its end is ignored",
			[]edit{{"internal/journal/traces.go", "if j.last+1 < traced {", "if j.last+1 < traced && j.last > traced {"}},
			folder,
			[]string{"TestAFlippedBitInTheLogOfAKilledProcessIsNoticed"},
		},
		{
			"which batch was newest is not remembered",
			[]edit{{"internal/journal/traces.go", "if j.last < known.last {", "if j.last < known.last && j.last > known.last {"}},
			folder,
			[]string{"TestTheNewestBatchesCannotBeTakenAway", "TestAFlippedBitInAClosedJournalIsNoticed"},
		},
		{
			"cutting takes the newest batch too",
			[]edit{{file, "before = min(before, j.last)", "before = min(before, j.last+1)"}},
			folder,
			[]string{"TestCuttingKeepsTheNewestBatchAndTheChainGoesOn"},
		},
	}
}

// committer is about what is answered, and when.
func committer() []mutant {
	const file, folder = "internal/ledger/committer.go", "internal/ledger"
	return []mutant{
		{
			"answered before the fsync",
			[]edit{{file, "if _, err := c.journal.Append(payload); err != nil {\n\t\t\treturn err\n\t\t}", "defer c.journal.Append(payload)"}},
			folder,
			[]string{"TestNothingIsAcknowledgedThatTheDiskDidNotTake"},
		},
		{
			"answered although the fsync failed",
			[]edit{{file, "if _, err := c.journal.Append(payload); err != nil {", "if _, err := c.journal.Append(payload); err != nil && len(gathered) == 0 {"}},
			folder,
			[]string{"TestNothingIsAcknowledgedThatTheDiskDidNotTake"},
		},
		{
			"answered by the check before the journal",
			[]edit{{"internal/ledger/reading.go", "r.results[i] = r.l.result(readings[i], verdicts[entry])", "_, _ = verdicts[i], entry"}},
			folder,
			[]string{"TestReadingsOfOneCallAreJudgedInOrder"},
		},
		{
			"a verdict goes to another reading",
			[]edit{{"internal/ledger/reading.go", "entry = r.commit.entries - 1", "entry = 0"}},
			folder,
			[]string{"TestReadingsOfOneCallAreJudgedInOrder", "TestLateReadingsOfManyMetersAreTakenInOneCall"},
		},
		{
			"a stop drops what is queued",
			[]edit{{file, "if gathered = c.gather(gathered[:0]); len(gathered) == 0 {", "if gathered = gathered[:0]; len(gathered) == 0 {"}},
			folder,
			[]string{"TestWhatIsQueuedWhenTheLedgerIsClosedIsWritten"},
		},
	}
}

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
			[]edit{{"internal/ledger/reading.go", "if rows.points[place].Register == at.Register {", "if rows.points[place].Slot == at.Slot {"}},
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
					file, "\tclosing.Archive, err = job.write(",
					"\tjob.before = func(w archive.Written) error {\n" +
						"\t\tclosing.Archive = store.Archive{Rows: w.Rows, SHA256: w.SHA256, WrittenAt: l.now()}\n" +
						"\t\tif err := l.commitMaintenance(ctx, store.AppendSummaries(nil, month, summaries)); err != nil {\n\t\t\treturn err\n\t\t}\n" +
						"\t\treturn l.commitMaintenance(ctx, store.AppendClose(nil, closing))\n\t}\n" +
						"\tclosing.Archive, err = job.write(",
				},
			},
			folder,
			[]string{"TestMemoryIsClearedOnlyWhenTheArchiveIsInPlace"},
		},
		{
			"a closing does not wait for what was let in",
			[]edit{{file, "_, err := l.committer.wait(barrier)", "var err error"}},
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
			[]edit{{archived, "return rows, l.checkReplaced(id, month, rows)", "return rows, nil"}},
			"internal/rest",
			[]string{"TestScripts"},
		},
		{
			"a file that was replaced before its closing is not believed",
			[]edit{{archived, "if month.Fits(before) {", "if month.Fits(before) && len(before) == 0 {"}},
			"internal/ledger",
			[]string{"TestQueriesAndLateReadingsGoOnAfterARunThatWasCutOffAfterTheRename"},
		},
		{
			"a query does not notice that its month was archived again",
			[]edit{{archived, "return errArchivedAgain", "return changed(archive.MonthlyName(month.Month))"}},
			"internal/ledger",
			[]string{"TestAQueryIsRightWhileItsMonthIsArchivedAgain"},
		},
		{
			"a reading in memory and in an archive counts twice",
			[]edit{{"internal/ledger/consumption.go", "return a.Slot == b.Slot }), nil", "return a.Slot == b.Slot && a.Slot == 0 }), nil"}},
			"internal/ledger",
			[]string{"TestQueriesAndLateReadingsGoOnAfterARunThatWasCutOffAfterTheRename"},
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
