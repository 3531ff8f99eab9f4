package cluster

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"meterledger/internal/tools/suite/programs"
)

// ownerOf finds which program of a cluster connects from an address of 127.0.0.1, as Linux tells it.
func ownerOf(address net.Addr) programs.Name {
	socket := socketAt(address.(*net.TCPAddr).Port)
	processes, _ := filepath.Glob("/proc/[0-9]*") // the pattern is good
	for _, process := range processes {
		if name := nameOf(process); name != "" && holds(process, socket) {
			return name
		}
	}
	return ""
}

// socketAt returns the socket that is bound to a port of 127.0.0.1, as links to open files name it.
func socketAt(port int) string {
	table, _ := os.ReadFile("/proc/net/tcp") // without it there is none
	local := fmt.Sprintf("0100007F:%04X", port)
	for line := range strings.Lines(string(table)) {
		if fields := strings.Fields(line); len(fields) > 9 && fields[1] == local {
			return "socket:[" + fields[9] + "]"
		}
	}
	return ""
}

// nameOf returns the name that a process has in a cluster, or nothing.
func nameOf(process string) programs.Name {
	line, _ := os.ReadFile(filepath.Join(process, "cmdline")) // it may have ended
	arguments := strings.Split(string(line), "\x00")
	for _, flag := range []string{"-cluster-node", "--name"} {
		if i := slices.Index(arguments, flag); i > 0 && i+1 < len(arguments) {
			return programs.Name(arguments[i+1])
		}
	}
	return ""
}

func holds(process, socket string) bool {
	files, _ := os.ReadDir(filepath.Join(process, "fd")) // it may have ended
	return slices.ContainsFunc(files, func(f os.DirEntry) bool {
		target, err := os.Readlink(filepath.Join(process, "fd", f.Name()))
		return err == nil && target == socket
	})
}
