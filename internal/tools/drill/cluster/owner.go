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

// ownerOf finds which program of a cluster is at the other end of a connection over 127.0.0.1, as Linux tells it.
func ownerOf(c net.Conn) programs.Name {
	var socket string
	for range 5 { // the table changes while it is read
		if socket = otherSocket(c); socket != "" {
			break
		}
	}
	processes, _ := filepath.Glob("/proc/[0-9]*") // the pattern is good
	for _, process := range processes {
		if name := nameOf(process); name != "" && holds(process, socket) {
			return name
		}
	}
	return ""
}

// otherSocket returns the socket at the other end, as links to open files name it.
func otherSocket(c net.Conn) string {
	table, _ := os.ReadFile("/proc/net/tcp") // without it nobody is found
	other, own := inTable(c.RemoteAddr()), inTable(c.LocalAddr())
	for line := range strings.Lines(string(table)) {
		if fields := strings.Fields(line); len(fields) > 9 && fields[1] == other && fields[2] == own && fields[9] != "0" {
			return "socket:[" + fields[9] + "]"
		}
	}
	return ""
}

func inTable(a net.Addr) string { return fmt.Sprintf("0100007F:%04X", a.(*net.TCPAddr).Port) }

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
