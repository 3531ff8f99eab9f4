package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/dsnet/try"
	"github.com/jackc/pgx/v5/pgconn"

	"meterledger/internal/tools/caller"
	"meterledger/internal/tools/witness"
)

const (
	postgresRuns = 3           // of each order: PostgreSQL takes its time
	insertedPart = 10          // of a body a tenth is inserted, for the same reason
	insertRows   = 1000        // of a transaction
	insertion    = "insertion" // the name of the prepared statement
)

// bulkPostgres measures the bodies of bulk, in both orders, against PostgreSQL, which takes the same rows.
func bulkPostgres(b *bench) (lines []line) {
	what := fmt.Sprintf("bulk CSV beside PostgreSQL, %s meters x %d slots, one client", caller.Grouped(b.sizes.bulkMeters), b.sizes.bulkSlots)
	db, missing := b.database()
	if missing != nil {
		return []line{{What: what, Note: "skipped: " + missing.Error()}}
	}
	ours, rows := b.api(), b.sizes.bulkMeters*b.sizes.bulkSlots
	for _, o := range orders {
		s := ours.sends(o.name[:1]+"-", o.how)
		var copied, inserted pairs
		for range min(b.sizes.bulkRuns, postgresRuns) {
			s.write()
			p := inTurn(1, func() float64 { return db.copyRate(s.body, rows) }, s.rate)
			copied.add(p)
			inserted.add(pairs{[]float64{db.insertRate(s.body, rows/insertedPart)}, p.ours})
		}
		what := what + ", " + o.name
		lines = append(lines, copied.line(what+", COPY", "COPY of the same body in one transaction", "rows/s", ratioAtLeast(1)),
			inserted.line(what+", INSERT", fmt.Sprintf("a prepared INSERT for each row of the body's first tenth, %s of them sent at once as one transaction",
				caller.Grouped(insertRows)), "rows/s", ratioAtLeast(1)))
	}
	lines[0].Note = "of all these lines: PostgreSQL " + db.ParameterStatus("server_version") + " answers once its rows are on the disk, as ours does " +
		"(fsync and synchronous_commit on; shared_buffers 1 GB, max_wal_size 4 GB, C collation, no foreign key); it is spared HTTP, and checks types " +
		"and the primary key (meter, time), but not, as ours does, that the meter is known, the half hour is one, and registers rise"
	return lines
}

// database is a PostgreSQL of a row's own, with one connection, over a socket in its folder; it listens to nothing else.
type database struct {
	*pgconn.PgConn
	b        *bench
	programs string // where PostgreSQL is installed
	folder   string // of its data
	owner    *syscall.SysProcAttr
}

// tuned are the settings that differ from PostgreSQL's own, by which it is durable (fsync, synchronous_commit) and small.
var tuned = []string{"shared_buffers=1GB", "max_wal_size=4GB", "listen_addresses=", "unix_socket_directories=.", "port=5432"}

// database starts one on an empty folder, or says what it is missing for that.
func (b *bench) database() (db *database, missing error) {
	programs, err := postgresPrograms(b.postgres)
	if err != nil {
		return nil, fmt.Errorf("%w: `apt-get install postgresql` installs PostgreSQL", err)
	}
	folder := try.E1(os.MkdirTemp(b.scratch, "postgres"))
	b.atEnd(func() error { return os.RemoveAll(folder) })
	db = &database{b: b, programs: programs, folder: folder, owner: &syscall.SysProcAttr{Setpgid: true}}
	if os.Geteuid() == 0 {
		db.giveAway()
	}
	err = db.command(b.ctx, "initdb", "-D", ".", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync").Run()
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("%w: PostgreSQL refuses to run as root, and another user must get into the folder of -dir", err)
	}
	try.E(err)
	db.start()
	try.E1(db.Exec(b.ctx, `
		CREATE TABLE copied (meter_id text, at timestamptz, reading numeric NOT NULL, PRIMARY KEY (meter_id, at));
		CREATE TABLE inserted (LIKE copied INCLUDING ALL)`).ReadAll())
	try.E1(db.Prepare(b.ctx, insertion, "INSERT INTO inserted VALUES ($1, $2, $3)", nil))
	return db, nil
}

// postgresPrograms returns where initdb and postgres are: the folder that was chosen, that of PATH, or the newest of Debian's.
func postgresPrograms(chosen string) (folder string, err error) {
	path, err := exec.LookPath(filepath.Join(chosen, "initdb"))
	if debian := try.E1(filepath.Glob("/usr/lib/postgresql/*/bin/initdb")); err != nil && chosen == "" && len(debian) > 0 {
		path, err = slices.Max(debian), nil
	}
	if err != nil {
		return "", err
	}
	path = try.E1(filepath.EvalSymlinks(try.E1(filepath.Abs(path)))) // postgres lies beside the program itself
	return filepath.Dir(path), nil
}

// giveAway gives the folder to another user, whom the programs run as: PostgreSQL refuses to run as root.
func (d *database) giveAway() {
	other, err := user.Lookup("postgres")
	if err != nil {
		other = try.E1(user.Lookup("nobody"))
	}
	uid, gid := try.E1(strconv.ParseUint(other.Uid, 10, 32)), try.E1(strconv.ParseUint(other.Gid, 10, 32))
	d.owner.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	try.E(os.Chown(d.folder, int(uid), int(gid)))
}

// command is a program of PostgreSQL in the folder of its data, which is interrupted when ctx ends.
func (d *database) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, filepath.Join(d.programs, program), args...)
	c.Dir, c.Stdout, c.Stderr, c.SysProcAttr = d.folder, d.b.log, d.b.log, d.owner
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGINT) } // postgres rolls back, writes all, and ends
	c.WaitDelay = time.Minute
	return c
}

// start runs postgres until the row has been measured, and connects to it.
func (d *database) start() {
	running, stop := context.WithCancelCause(d.b.ctx)
	args := []string{"-D", ".", "-c", "timezone=" + d.b.zone.String()}
	for _, setting := range tuned {
		args = append(args, "-c", setting)
	}
	postgres := d.command(running, "postgres", args...)
	try.E(postgres.Start())
	ended := make(chan error, 1)
	go func() {
		_ = postgres.Wait() // which tells of the end that was asked for as of an error
		err := fmt.Errorf("postgres has ended: %s", postgres.ProcessState)
		stop(err)
		ended <- err
	}()
	d.b.atEnd(func() error {
		stop(nil)
		if err := <-ended; !postgres.ProcessState.Success() {
			return err
		}
		return nil
	})
	config := try.E1(pgconn.ParseConfig("host=/ user=postgres dbname=postgres sslmode=disable"))
	config.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) {
		folder, err := os.Open(d.folder) // the path of a socket must be short, and that of the folder may not be
		if err != nil {
			return nil, err
		}
		defer folder.Close()
		return new(net.Dialer).DialContext(ctx, "unix", fmt.Sprintf("/proc/self/fd/%d/.s.PGSQL.5432", folder.Fd()))
	}
	d.PgConn = try.E1(backoff.Retry(running, func() (*pgconn.PgConn, error) { return pgconn.ConnectConfig(running, config) },
		backoff.WithBackOff(backoff.NewConstantBackOff(100*time.Millisecond)), backoff.WithMaxElapsedTime(time.Minute)))
	d.b.atEnd(func() error { return d.Close(context.Background()) })
}

// copyRate copies a body of CSV, and returns rows a second.
func (d *database) copyRate(body []byte, rows int) float64 {
	started := time.Now()
	tag := try.E1(d.CopyFrom(d.b.ctx, bytes.NewReader(body), "COPY copied FROM STDIN (FORMAT csv, HEADER)"))
	took := time.Since(started)
	if tag.RowsAffected() != int64(rows) {
		try.E(fmt.Errorf("PostgreSQL has taken %d of %d rows", tag.RowsAffected(), rows))
	}
	return float64(rows) / took.Seconds()
}

// insertRate inserts the first rows of a body, and returns rows a second. What is sent is written before.
func (d *database) insertRate(body []byte, rows int) float64 {
	var batches []*pgconn.Batch
	lines := bytes.SplitN(bytes.TrimPrefix(body, []byte(witness.CSVHeader+"\n")), []byte("\n"), rows+1)
	for some := range slices.Chunk(lines[:rows], insertRows) {
		batch := new(pgconn.Batch)
		for _, row := range some {
			batch.ExecPrepared(insertion, bytes.Split(row, []byte(",")), nil, nil)
		}
		batches = append(batches, batch)
	}
	started := time.Now()
	for _, batch := range batches {
		try.E1(d.ExecBatch(d.b.ctx, batch).ReadAll())
	}
	return float64(rows) / time.Since(started).Seconds()
}
