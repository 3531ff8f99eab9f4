package main

// committer is about what is answered, and when.
func committer() []mutant {
	const file, batch, folder = "internal/ledger/committer.go", "internal/ledger/batch.go", "internal/ledger"
	return []mutant{
		{
			"answered before the fsync",
			[]edit{{
				file, "\t\tif err := c.write(b); err != nil {\n\t\t\tc.fail(err)\n\t\t\treturn\n\t\t}\n\t\tc.written <- b\n",
				"\t\tpayload := append([]byte(nil), b.payload...)\n\t\tb.end = c.journal.End()\n\t\tc.written <- b\n" +
					"\t\tif len(payload) > 0 {\n\t\t\t_, _ = c.journal.Append(payload)\n\t\t}\n",
			}},
			folder,
			[]string{"TestNobodyIsAnsweredBeforeTheDisk"},
		},
		{
			"answered although the fsync failed",
			[]edit{
				{file, "if _, err := c.journal.Append(b.payload); err != nil {", "if _, err := c.journal.Append(b.payload); err != nil && b.entries == 0 {"},
				{file, "\tcase <-c.journal.Failed():\n\t\tc.fail(c.journal.Failure())\n\t\treturn false\n", ""},
			},
			folder,
			[]string{"TestNothingIsAcknowledgedThatTheDiskDidNotTake"},
		},
		{
			"answered by the check before the journal",
			[]edit{{batch, "b.rule(place, verdicts[i])", "_ = verdicts[i]\n\t\t\tb.rule(place, store.Verdict{})"}},
			folder,
			[]string{"TestReadingsOfOneCallAreJudgedInOrder"},
		},
		{
			"a verdict goes to another reading",
			[]edit{{batch, "b.rule(place, verdicts[i])", "b.rule(place, verdicts[len(b.places)-1-i])"}},
			folder,
			[]string{"TestReadingsOfOneCallAreJudgedInOrder"},
		},
		{
			"a stop drops what is queued",
			[]edit{{file, "case <-c.quit:\n", "case <-c.quit:\n\t\treturn false\n"}},
			folder,
			[]string{"TestWhatIsQueuedWhenTheLedgerIsClosedIsWritten"},
		},
		{
			"a disk is filled to the last byte",
			[]edit{{"internal/ledger/space.go", "usage.AvailBytes < s.min+more", "usage.AvailBytes < more"}},
			folder,
			[]string{"TestOnANearlyFullDiskQueriesGoOnAndReceptionComesBackByItself"},
		},
	}
}

// snapshots is about the state that a restart begins with.
func snapshots() []mutant {
	const file, recovery, ledger = "internal/ledger/snapshot.go", "internal/ledger/recovery.go", "internal/ledger"
	return []mutant{
		{
			"the journal is cut behind the newest snapshot",
			[]edit{{file, "before := s.good[0] + 1", "before := s.good[len(s.good)-1] + 1"}},
			ledger,
			[]string{"TestDamagedSnapshotFallsBackToTheOneBefore"},
		},
		{
			"the journal is cut a batch too far",
			[]edit{{file, "before := s.good[0] + 1", "before := s.good[0] + 2"}},
			ledger,
			[]string{"TestDamagedSnapshotFallsBackToTheOneBefore", "TestNewestTwoSnapshotsAreKeptAndJournalIsCutBehindTheOlder"},
		},
		{
			"only the newest snapshot is kept",
			[]edit{{file, "s.good = s.good[max(0, len(s.good)-2):]", "s.good = s.good[max(0, len(s.good)-1):]"}},
			ledger,
			[]string{"TestNewestTwoSnapshotsAreKeptAndJournalIsCutBehindTheOlder"},
		},
		{
			"a snapshot is not read back",
			[]edit{{"internal/snapshot/folder.go", "if err := f.verify(p, size); err != nil {", "if err := error(nil); err != nil {"}},
			"internal/snapshot",
			[]string{"TestASnapshotThatIsReadBackAlteredIsRemoved"},
		},
		{
			"a snapshot's records are not checked",
			[]edit{{"internal/snapshot/format.go", "if binary.BigEndian.Uint32(frame[4:]) != checksum(r.records, frame[:4], payload) {", "if len(frame) < len(payload) && len(frame) > len(payload) {"}},
			"internal/snapshot",
			[]string{"TestNoDamageIsTakenForASnapshot"},
		},
		{
			"a snapshot of another history is believed",
			[]edit{{recovery, "return r.journal.GoesOnFrom(position)", "_ = position\n\t\treturn nil"}},
			ledger,
			[]string{"TestJournalThatEndsBeforeItsSnapshotIsRefused", "TestSnapshotOfAnotherJournalIsRefused"},
		},
		{
			"a batch behind the snapshot is left out",
			[]edit{{recovery, "r.journal.Replay(r.from+1, ", "r.journal.Replay(r.from+2, "}},
			ledger,
			[]string{"TestStateComesBackFromSnapshotAndJournalTail"},
		},
		{
			"without a snapshot a journal that was cut is believed",
			[]edit{{recovery, "err != nil || first <= 1 {", "err != nil || first < first+1 {"}},
			ledger,
			[]string{"TestWithoutAGoodSnapshotACutJournalIsRefused"},
		},
		{
			"what changes while a snapshot is written is not copied first",
			[]edit{{"internal/store/freeze.go", "return i.holds && part < i.age", "return i.holds && part < i.age && part > i.age"}},
			"internal/store",
			[]string{"TestAStateIsWrittenDownAsItWasFrozenAndGoesOnTheSame"},
		},
	}
}
