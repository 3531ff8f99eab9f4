package config

import (
	"fmt"
	"io/fs"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
)

// memoryLimitMin keeps the program from starting with no room for a reading.
const memoryLimitMin = 64 << 20

// parseMemoryLimit reads a size, or a share of the memory that there is, in percent. There
// is no limit if it is 0, or a share of what the system does not tell.
func parseMemoryLimit(root fs.FS) func(string) (uint64, error) {
	return func(s string) (uint64, error) {
		limit, err := parseSize(s)
		if digits, share := strings.CutSuffix(s, "%"); share {
			percent, wrong := strconv.ParseUint(digits, 10, 8)
			if err = wrong; err == nil && percent > 100 {
				err = strconv.ErrRange
			}
			limit = memoryOf(root) / 100 * percent
		}
		if err != nil || limit > 0 && limit < memoryLimitMin {
			return 0, fmt.Errorf("%q is neither a share such as 80%% nor a size such as 8GiB, at least 64MiB; 0 sets no limit", s)
		}
		return limit, nil
	}
}

// memoryOf returns how many bytes this process may take on Linux: as many as the machine
// has, or as its control groups allow, of either version, each of them bounded by those
// above. It returns 0 if the system does not tell.
func memoryOf(root fs.FS) uint64 {
	least := uint64(math.MaxUint64)
	if kib, ok := numberIn(root, "proc/meminfo", "MemTotal:"); ok {
		least = kib << 10
	}
	groups, _ := fs.ReadFile(root, "proc/self/cgroup") // of the form 0::/a/b or 4:cpu,memory:/a/b
	for line := range strings.Lines(string(groups)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) < 3 {
			continue
		}
		folder, file := "sys/fs/cgroup", "memory.max"
		if fields[1] != "" {
			folder, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
			if !slices.Contains(strings.Split(fields[1], ","), "memory") {
				continue
			}
		}
		for group := path.Clean("/" + fields[2]); ; group = path.Dir(group) {
			if bytes, ok := numberIn(root, path.Join(folder, group, file), ""); ok {
				least = min(least, bytes)
			}
			if group == "/" {
				break
			}
		}
	}
	if least == math.MaxUint64 {
		return 0
	}
	return least
}

// numberIn returns the number that follows a word in a file, or that the file begins with.
func numberIn(root fs.FS, name, word string) (uint64, bool) {
	text, err := fs.ReadFile(root, name)
	_, rest, found := strings.Cut(string(text), word)
	fields := strings.Fields(rest)
	if err != nil || !found || len(fields) == 0 {
		return 0, false
	}
	n, err := strconv.ParseUint(fields[0], 10, 64)
	return n, err == nil
}
