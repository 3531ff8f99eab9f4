package programs

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// MemoryMax returns the most resident memory that the process which runs has had, in bytes; 0 if the system does not tell.
func (p *Program) MemoryMax() uint64 {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID())) // there is none but on Linux
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	kib, _, _ := strings.Cut(strings.TrimSpace(after), " ")
	n, _ := strconv.ParseUint(kib, 10, 64)
	return n << 10
}
