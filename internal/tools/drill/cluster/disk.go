package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"meterledger/internal/tools/caller"
	"meterledger/internal/tools/suite/programs"
)

// traced makes fsync slow, or fail, which ends whom it befalls.
func traced(of chosen, fault string, ends bool) func(context.Context, *strike) error {
	return on(of, func(ctx context.Context, s *strike, all []*programs.Program) error {
		if ends {
			s.ended = all
		}
		inject := "inject=fsync,fdatasync:" + fault
		if !ends {
			slow := 200*time.Millisecond + time.Duration(s.chance.Int64N(int64(1800*time.Millisecond)))
			s.detail += fmt.Sprintf(" by %dms", slow.Milliseconds())
			inject += strconv.FormatInt(slow.Microseconds(), 10)
		}
		trace := exec.Command("strace", "-f", "-qq", "-o", os.DevNull, "-p", strconv.Itoa(all[0].PID()),
			"-e", "trace=fsync,fdatasync", "-e", inject)
		if err := trace.Start(); err != nil {
			return err
		}
		s.pause(ctx, 1)
		err := trace.Process.Signal(syscall.SIGTERM) // it lets go of the process
		_ = trace.Wait()                             // by that signal, or because the process has ended
		return err
	})
}

// needsStrace tries it on a program that does nothing.
func needsStrace(settings) error {
	if err := exec.Command("strace", "-f", "-o", os.DevNull, "true").Run(); err != nil {
		return fmt.Errorf("strace, which makes fsync slow and fail, cannot be used: %w", err)
	}
	return nil
}

const (
	smallDiskBytes = 256 << 20
	smallDiskLeft  = 4 << 20
)

// smallDisk is where the last node's data folder may lie on a file system of its own.
func (h *house) smallDisk() string {
	return programs.DataDir(filepath.Join(h.folder, fmt.Sprint(programs.API, nodes)))
}

func mountSmallDisk(at string) error {
	err := os.MkdirAll(at, 0o755)
	if err == nil {
		err = exec.Command("mount", "-t", "tmpfs", "-o", fmt.Sprint("size=", smallDiskBytes), "tmpfs", at).Run()
	}
	return err
}

func unmount(at string) { _ = exec.Command("umount", at).Run() } // nothing is mounted there, or it stays until somebody ends it

func needsMount(settings) error {
	at, err := os.MkdirTemp("", "soak")
	if err == nil {
		err = mountSmallDisk(at)
		unmount(at)
	}
	if err = errors.Join(err, os.Remove(at)); err != nil {
		return fmt.Errorf("a small disk cannot be mounted, which root may do: %w", err)
	}
	return nil
}

// fullDisk fills the last node's disk up for a while.
func fullDisk(ctx context.Context, s *strike) error {
	var room syscall.Statfs_t
	if err := syscall.Statfs(s.smallDisk(), &room); err != nil {
		return err
	}
	s.detail = string(s.APIs[nodes-1].Name)
	filler := filepath.Join(s.smallDisk(), "filler")
	f, err := os.Create(filler)
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, max(0, int64(room.Bavail)*int64(room.Bsize)-smallDiskLeft)))
	s.pause(ctx, 1)
	return errors.Join(err, f.Close(), os.Remove(filler))
}

// fullEtcd fills the etcd up to its quota, and makes room again as an operator does.
func fullEtcd(ctx context.Context, s *strike) (err error) {
	const filler = "filler/"
	n := 0
	for ; err == nil; n++ {
		_, err = s.etcd.Put(ctx, filler+strconv.Itoa(n), strings.Repeat("x", 1<<20))
	}
	if !errors.Is(err, rpctypes.ErrNoSpace) {
		return err
	}
	s.detail = fmt.Sprintf("%d MiB", n)
	_ = caller.Pause(ctx, calm)
	deleted, err := s.etcd.Delete(ctx, filler, clientv3.WithPrefix())
	if err == nil {
		_, err = s.etcd.Compact(ctx, deleted.Header.Revision, clientv3.WithCompactPhysical())
	}
	for isAlarmed := true; err == nil && isAlarmed; {
		isAlarmed, err = s.liftAlarms(ctx)
	}
	return err
}

// liftAlarms makes the file of each member of the etcd smaller and lifts all alarms. It reports whether one has come again: a
// member may not yet have forgotten what was deleted when its file is made smaller.
func (s *strike) liftAlarms(ctx context.Context) (again bool, err error) {
	for _, p := range s.Members {
		_, failed := s.etcd.Defragment(ctx, p.Host())
		err = errors.Join(err, failed)
	}
	_, failed := s.etcd.AlarmDisarm(ctx, &clientv3.AlarmMember{})
	_ = caller.Pause(ctx, calm)
	left, errLeft := s.etcd.AlarmList(ctx)
	return errLeft == nil && len(left.Alarms) > 0, errors.Join(err, failed, errLeft)
}

// flippedBit alters a bit in the copy or a snapshot of a node that has stopped. If it does not start then, it begins anew.
func flippedBit(ctx context.Context, s *strike) error {
	p := s.APIs[s.chance.IntN(len(s.APIs))]
	if err := p.Stop(); err != nil {
		return err
	}
	journal, err := filepath.Glob(filepath.Join(s.dataDir(p), "journal", "*"))
	snapshots, errSnapshots := filepath.Glob(filepath.Join(s.dataDir(p), "snapshots", "*"))
	if err = errors.Join(err, errSnapshots); err != nil {
		return err
	}
	files := slices.Concat(journal, snapshots)
	path := files[s.chance.IntN(len(files))]
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if len(content) > 0 {
		content[s.chance.IntN(len(content))] ^= 1 << s.chance.IntN(8)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return err
	}
	s.detail = fmt.Sprintf("%s %s: ", p.Name, filepath.Base(path))
	if err := p.Start(ctx); err == nil {
		s.detail += "started"
		return nil
	}
	s.detail, s.ended = s.detail+"refused", []*programs.Program{p}
	return s.wipe(p)
}
