package node_test

import (
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/closing"
	"meterledger/internal/durable"
	"meterledger/internal/meter"
)

// copyFile copies a file of the archive folder.
func (b *bench) copyFile(from, to string) {
	b.t.Helper()
	text := b.text("Archive/" + from)
	err := durable.WriteFile(b.fs, "Archive/"+to, func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// rowsOf are readings of a meter at the hours of a day.
func rowsOf(id, day string, hours int) (rows []string) {
	for hour := range hours {
		stamp := time.Date(2026, 11, 1, hour, 0, 0, 0, time.UTC).Format("T15:04")
		rows = append(rows, id+" "+day+stamp+" "+string(rune('1'+hour/10))+string(rune('0'+hour%10)))
	}
	return rows
}

// cutOff is an archive whose last writing was cut off between the new file and its manifest.
func cutOff(b *bench, q closing.Request, name, day string) {
	b.t.Helper()
	stem := strings.TrimSuffix(name, ".csv")
	rows := rowsOf("A", day, 20)
	b.recordRows(rows[:10])
	b.mustMaintain(q)
	b.copyFile(stem+".json", "kept.json")
	b.recordRows(rows[10:])
	b.mustMaintain(q)
	b.copyFile("kept.json", stem+".json")
}

func TestAnArchiveThatWasCutOffFromItsManifestComesBack(t *testing.T) {
	for _, c := range []struct {
		name, file, day string
		q               closing.Request
	}{
		{"a day", "daily_2026-11-03.csv", "2026-11-03", closing.Request{Kind: closing.Daily, Day: meter.Day{Year: 2026, Month: 11, Day: 3}}},
		{"a month", "monthly_2026-10.csv", "2026-10-03", october},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newCrashableBench(t)
			defer func() { b.close() }()
			b.register("A")
			cutOff(b, c.q, c.file, c.day)
			want := b.points("A")
			if got := b.restores(); got.Refused > 0 || len(got.Unverified) > 0 {
				t.Errorf("beside a ledger that knows it: %+v", got)
			}
			if err := b.fs.Remove("Archive/accounts.csv"); err != nil {
				t.Fatal(err)
			}
			b.loses("A")
			got := b.restores()
			if got.Readings != 20 || got.Refused != 0 || !slices.Equal(got.Unverified, []string{c.file}) {
				t.Errorf("into an empty ledger: %+v", got)
			}
			if got := b.points("A"); !slices.Equal(got, want) {
				t.Errorf("readings\n got %q\nwant %q", got, want)
			}
			b.kill()
			if again := b.restores(); again.Readings != 0 || again.Refused != 0 {
				t.Errorf("a second time: %+v", again)
			}
			b.close()
			if lines, err := b.verify(); err != nil {
				t.Errorf("what was restored is damaged: %v\n%s", err, strings.Join(lines, "\n"))
			}
			b.open()
			b.mustMaintain(c.q)
			if listed := b.Status().Archives; len(listed) != 1 || listed[0].State != closing.ArchiveGood || listed[0].Rows != 20 {
				t.Errorf("after the next run: %+v", listed)
			}
		})
	}
}

func TestAnUnverifiedFileIsJudgedRowByRow(t *testing.T) {
	b := newCrashableBench(t)
	defer func() { b.close() }()
	b.register("A")
	cutOff(b, october, "monthly_2026-10.csv", "2026-10-03")
	b.loses()
	b.put("monthly_2026-10.csv", header, "A,2026-10-03T00:00:00,10", "A,2026-10-03T01:00:00,9", "A,2026-10-03T02:00:00,11", "")
	got := b.restores()
	if got.Accounts != 1 || got.Readings != 2 || got.Refused != 1 || code(t, got.List[0].Err) != meter.CodeReadingDecreases {
		t.Errorf("restored %+v", got)
	}
	if run := b.maintain(october); code(t, run.Err) != meter.CodeArchiveConflict {
		t.Errorf("a file of which rows were refused was replaced: %v", run.Err)
	}
}

// TestAFirstClosingThatIsCutOffAgainAndAgainIsMended cuts it off before and after the
// manifest: each repetition finds its file beside a manifest of another one.
func TestAFirstClosingThatIsCutOffAgainAndAgainIsMended(t *testing.T) {
	b := newCrashableBench(t)
	b.register("A")
	disk := b.fs.(*vfs.MemFS)
	rows := rowsOf("A", "2026-10-03", 20)
	for i, cut := range []string{"monthly_2026-10.json", "monthly_2026-10.csv", "monthly_2026-10.csv", "monthly_2026-10.csv"} {
		b.recordRows(rows[5*i : 5*i+5])
		var after *vfs.MemFS
		b.close()
		b.fs = &renaming{disk, func(to string) {
			if to == "Archive/"+cut && after == nil {
				after = disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: drawn(i)})
			}
		}}
		b.open()
		b.mustMaintain(october)
		b.close()
		disk = after
		b.fs = disk
		b.open()
	}
	defer func() { b.close() }()
	run := b.maintain(october)
	if run.Err != nil || run.Archives[0].Rows != 20 {
		t.Errorf("%+v, %v", run.Archives, run.Err)
	}
}

// renaming calls back when a file was put in its place.
type renaming struct {
	vfs.FS
	done func(to string)
}

func (d *renaming) Rename(from, to string) error {
	err := d.FS.Rename(from, to)
	d.done(to)
	return err
}

func TestEveryStepOfAnArchiveLeavesWhatARestoreTakes(t *testing.T) {
	for _, s := range scenes {
		t.Run(s.name, func(t *testing.T) {
			sweep(t, s, func(b *bench, disk *vfs.MemFS, points *failpoints, n int) {
				var after []*vfs.MemFS
				points.at = cloneAt(disk, n, &after)
				points.arm(true)
				b.maintain(october)
				points.arm(false)
				b.close()
				for _, disk := range after {
					b.restoresBeside(s, disk, false)
					b.restoresBeside(s, disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: drawn(n)}), true)
				}
			})
		})
	}
}

// restoresBeside restores on a disk as it is, or without its data folder, and closes the month.
// Whatever was archived and acknowledged must be back.
func (b *bench) restoresBeside(s scene, disk vfs.FS, lost bool) {
	b.t.Helper()
	b.fs = disk
	if lost {
		if err := disk.RemoveAll("data"); err != nil {
			b.t.Fatal(err)
		}
	}
	b.open()
	defer b.close()
	if lost {
		b.register("A", "B", "C")
	}
	if restored := b.restores(); restored.Refused > 0 || !lost && len(restored.Unverified) > 0 {
		b.t.Errorf("restored %+v", restored)
		return
	}
	if !lost {
		b.wantAll(s)
		b.wantClosed(s)
		return
	}
	b.wantEvents(s, 2)
	points := b.points("A", "B", "C")
	for _, row := range sceneRows {
		fields := strings.Fields(row)
		archived := func(register string) bool { return slices.Contains(points, fields[0]+" "+fields[1]+":00 "+register) }
		after, corrected := sceneCorrections[row]
		// The run may have come to write the corrections, or not.
		if isBack := archived(fields[2]) || s.corrected && corrected && (after == "-" || archived(after)); s.again && strings.Contains(row, "2026-10") && !isBack {
			b.t.Errorf("%s was archived and did not come back", row)
		}
	}
	b.mustMaintain(october)
	if got := b.points("A", "B", "C"); !slices.Equal(got, points) {
		b.t.Errorf("the next run left\n%q of\n%q", got, points)
	}
}
