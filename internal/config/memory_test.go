package config

import (
	"testing"
	"testing/fstest"
)

func TestTheMemoryLimitIsAShareOfWhatTheProcessMayTake(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	machine := file("MemFree: 1 kB\nMemTotal:       16000000 kB\n")
	for _, c := range []struct {
		name, limit string
		root        fstest.MapFS
		want        uint64
	}{
		{"a machine", "80%", fstest.MapFS{"proc/meminfo": machine}, 16_000_000 << 10 / 100 * 80},
		{"a group of version 2, below one that may take more", "50%", fstest.MapFS{
			"proc/meminfo": machine, "proc/self/cgroup": file("0::/a/b\n"),
			"sys/fs/cgroup/a/memory.max": file("4000000000\n"), "sys/fs/cgroup/a/b/memory.max": file("2000000000\n"),
		}, 1_000_000_000},
		{"one above that may take less", "50%", fstest.MapFS{
			"proc/meminfo": machine, "proc/self/cgroup": file("0::/a/b\n"),
			"sys/fs/cgroup/a/memory.max": file("2000000000\n"), "sys/fs/cgroup/a/b/memory.max": file("max\n"),
		}, 1_000_000_000},
		{"a container, which sees its own group as the root", "100%", fstest.MapFS{
			"proc/meminfo": machine, "proc/self/cgroup": file("0::/docker/123\n"), "sys/fs/cgroup/memory.max": file("1000000000\n"),
		}, 1_000_000_000},
		{"a group of version 1", "50%", fstest.MapFS{
			"proc/meminfo": machine, "proc/self/cgroup": file("5:cpu,cpuacct:/x\n4:memory:/a\n"),
			"sys/fs/cgroup/memory/a/memory.limit_in_bytes": file("2000000000\n"), "sys/fs/cgroup/memory/memory.limit_in_bytes": file("9223372036854771712\n"),
		}, 1_000_000_000},
		{"a group without a limit", "100%", fstest.MapFS{
			"proc/meminfo": machine, "proc/self/cgroup": file("0::/\n"), "sys/fs/cgroup/memory.max": file("max\n"),
		}, 16_000_000 << 10},
		{"a system that does not tell", "80%", fstest.MapFS{}, 0},
		{"a size", "8GiB", fstest.MapFS{"proc/meminfo": machine}, 8 << 30},
		{"none", "0", fstest.MapFS{"proc/meminfo": machine}, 0},
	} {
		if got, err := parseMemoryLimit(c.root)(c.limit); err != nil || got != c.want {
			t.Errorf("%s: %d, %v, want %d", c.name, got, err, c.want)
		}
	}
	for _, wrong := range []string{"", "%", "101%", "-1%", "8.5%", "80 %", "1MiB", "all"} {
		if got, err := parseMemoryLimit(fstest.MapFS{})(wrong); err == nil {
			t.Errorf("%q is %d", wrong, got)
		}
	}
}
