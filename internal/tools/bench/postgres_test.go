package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dsnet/try"
)

// requirePostgres skips a test where there is no PostgreSQL.
func requirePostgres(t *testing.T) {
	t.Helper()
	if _, err := postgresPrograms(""); err != nil {
		t.Skipf("SKIPPED: no PostgreSQL (%v): apt-get install postgresql", err)
	}
}

// newTestBench measures rows in a folder that others may enter, or may not.
func newTestBench(t *testing.T, ctx context.Context, perm os.FileMode) *bench {
	t.Helper()
	parent := t.TempDir()
	for _, dir := range []string{filepath.Dir(parent), parent} {
		if err := os.Chmod(dir, perm); err != nil {
			t.Fatal(err)
		}
	}
	b, err := newBench(ctx, settings{dir: filepath.Join(parent, "bench"), quick: true})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestPostgresTakesTheRowsOfABodyAsTheyAre(t *testing.T) {
	requirePostgres(t)
	b := newTestBench(t, t.Context(), 0o755)
	const body = "meter_id,timestamp,reading\nm-1,2026-11-26T00:30:00,12.345\nm-2,2026-11-26T00:30:00,7\n"
	_, err := b.measure(row{measure: func(b *bench) []line {
		db := try.E1(b.database())
		db.copyRate([]byte(body), 2)
		db.insertRate([]byte(body), 1)
		for table, want := range map[string]string{
			"copied": "m-1,2026-11-25 16:30:00,12.345;m-2,2026-11-25 16:30:00,7", "inserted": "m-1,2026-11-25 16:30:00,12.345",
		} {
			results := try.E1(db.Exec(b.ctx, "SELECT string_agg(concat_ws(',', meter_id, at AT TIME ZONE 'UTC', reading), ';' ORDER BY meter_id) FROM "+table).ReadAll())
			if got := string(results[0].Rows[0][0]); got != want {
				t.Errorf("%s are %s, want %s", table, got, want)
			}
		}
		if _, err := failing(func() float64 { return db.copyRate([]byte(body), 2) }); err == nil || !strings.Contains(err.Error(), "duplicate key") {
			t.Errorf("the error of rows that are there already is %v", err)
		}
		return nil
	}})
	if err != nil {
		t.Error(err)
	}
}

func TestPostgresIsShutDownWhenTheRunIsInterrupted(t *testing.T) {
	requirePostgres(t)
	ctx, interrupt := context.WithCancel(t.Context())
	b := newTestBench(t, ctx, 0o755)
	_, err := b.measure(row{measure: func(b *bench) []line {
		db := try.E1(b.database())
		interrupt()
		try.E1(db.Exec(b.ctx, "SELECT pg_sleep(3600)").ReadAll())
		return nil
	}})
	if !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "postgres has ended") {
		t.Errorf("the error is %v", err)
	}
	said, err := os.ReadFile(b.log.Name())
	if err != nil || !bytes.Contains(said, []byte("database system is shut down")) {
		t.Errorf("PostgreSQL did not stop by itself: %v\n%s", err, said)
	}
	if left, err := os.ReadDir(b.scratch); err != nil || len(left) > 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}

func TestPostgresThatEndsBeforeItAnswersIsNotWaitedFor(t *testing.T) {
	b := newTestBench(t, t.Context(), 0o755)
	b.postgres = filepath.Dir(b.dir)
	for program, does := range map[string]string{"initdb": "exit 0", "postgres": "exit 3"} {
		if err := os.WriteFile(filepath.Join(b.postgres, program), []byte("#!/bin/sh\n"+does+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	_, err := b.measure(row{measure: bulkPostgres})
	if err == nil || !strings.Contains(err.Error(), "postgres has ended: exit status 3") || strings.Contains(err.Error(), "failed to connect") {
		t.Errorf("the error is %v", err)
	}
}

func TestRowBesidePostgresIsSkippedWhereThereIsNone(t *testing.T) {
	b := &bench{settings: settings{postgres: t.TempDir()}}
	lines := bulkPostgres(b)
	if len(lines) != 1 || lines[0].Ours != nil || !strings.HasPrefix(lines[0].Note, "skipped: ") || !strings.Contains(lines[0].Note, "apt-get install postgresql") {
		t.Errorf("the lines are %+v", lines)
	}
}

func TestRowBesidePostgresIsSkippedInAFolderThatIsRootsOnly(t *testing.T) {
	requirePostgres(t)
	if os.Geteuid() != 0 {
		t.Skip("PostgreSQL runs as another user only where this is root")
	}
	b := newTestBench(t, t.Context(), 0o700)
	lines, err := b.measure(row{measure: bulkPostgres})
	if err != nil || len(lines) != 1 || !strings.HasPrefix(lines[0].Note, "skipped: ") || !strings.Contains(lines[0].Note, "-dir") {
		t.Errorf("the lines are %+v, %v", lines, err)
	}
}
