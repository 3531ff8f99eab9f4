package main

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
	const file, replay, identity, folder = "internal/journal/journal.go", "internal/journal/replay.go", "internal/journal/identity.go", "internal/journal"
	return []mutant{
		{
			"a batch is not fsynced",
			[]edit{{file, "j.db.Set(key(sequence), j.buffer, pebble.Sync)", "j.db.Set(key(sequence), j.buffer, pebble.NoSync)"}},
			folder,
			[]string{"TestNothingThatWasAcknowledgedIsLostInAPowerCut"},
		},
		{
			"a failed write is acknowledged",
			[]edit{{file, "if err != nil {\n\t\tj.failing.tell(err)\n\t\treturn j.end, fmt.Errorf(\"writing batch", "if err != nil && sequence == 0 {\n\t\tj.failing.tell(err)\n\t\treturn j.end, fmt.Errorf(\"writing batch"}},
			folder,
			[]string{"TestAFailedWriteIsFinal"},
		},
		{
			"a failed write is tried again",
			[]edit{{file, "if err := j.Failure(); err != nil {\n\t\treturn j.end, err\n\t}", ""}},
			folder,
			[]string{"TestAFailedWriteIsFinal"},
		},
		{
			"the chain of hashes is not checked",
			[]edit{{"internal/chain/chain.go", "err == nil && previous != p.Hash", "err == nil && previous != p.Hash && p.Sequence == 0"}},
			"internal/chain",
			[]string{"TestABatchOfAnotherHistoryIsFound"},
		},
		{
			"a gap in the sequence is not noticed",
			[]edit{{replay, "if sequence != at.Sequence+1 {", "if at.Sequence = sequence - 1; sequence != at.Sequence+1 {"}},
			folder,
			[]string{"TestADamagedJournalIsRefusedAtThePlace", "TestReplayingFromWhatIsGoneIsRefused"},
		},
		{
			"a batch's checksum is not checked",
			[]edit{{"internal/chain/batch.go", ", binary.BigEndian.Uint32(b[checksumAt:]) != checksum(b):", ":"}},
			"internal/chain",
			[]string{"TestEveryFlippedBitIsFound"},
		},
		{
			"what the log shows beyond its end is ignored",
			[]edit{{identity, "if j.Last()+1 < traced {", "if j.Last()+1 < traced && j.Last() > traced {"}},
			folder,
			[]string{"TestAFlippedBitInTheLogOfAKilledProcessIsNoticed"},
		},
		{
			"which batch was newest is not remembered",
			[]edit{{identity, "if j.Last() < known.last {", "if j.Last() < known.last && j.Last() > known.last {"}},
			folder,
			[]string{"TestTheNewestBatchesCannotBeTakenAway", "TestAFlippedBitInAClosedJournalIsNoticed"},
		},
		{
			"cutting takes the newest batch too",
			[]edit{{file, "before = min(before, j.Last())", "before = min(before, j.Last()+1)"}},
			folder,
			[]string{"TestCuttingKeepsTheNewestBatchAndTheChainGoesOn"},
		},
	}
}
