package cluster

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/chain"
	"meterledger/internal/durable"
)

// MarkName is the name of the file in a data folder that holds its Mark.
const MarkName = "CLUSTER"

// Mark is what a data folder says of the cluster that it belongs to. With it, a folder of several
// nodes is not taken for one of a node alone, which would go on with batches of its own, and an engine
// that was put back from a copy, or another one, is not taken for the one of before.
//
// It is a file of text:
//
//	meterledger cluster 1
//	name meterledger
//	journal 00112233445566778899aabbccddeeff
//	engine cdf818194e3a8c32
//	revision 123456
//	node api-1
//
// The 1 is the format's version. A name has 1 to 63 of the letters, digits and signs of a host name.
// journal and engine are hexadecimal.
type Mark struct {
	Cluster  string   // its name
	Journal  chain.ID // of the order
	Engine   EngineID
	Revision Revision // the highest that was seen of the engine when the mark was written
	Node     string   // the name of the node whose folder it is
}

// EngineID tells one engine from another: a new one, or one that was founded anew.
type EngineID uint64

// Revision counts what was changed in an engine. One that goes back says that the engine was put
// back from a copy.
type Revision uint64

const (
	markTitle   = "meterledger cluster "
	markVersion = "1"

	markBytesMax = 1024
	nameBytesMax = 63
)

// lines are those of the file.
func (m Mark) lines() []string {
	return []string{
		markTitle + markVersion,
		"name " + m.Cluster,
		fmt.Sprintf("journal %x", m.Journal),
		fmt.Sprintf("engine %x", m.Engine),
		fmt.Sprintf("revision %d", m.Revision),
		"node " + m.Node,
	}
}

func (m Mark) checkNames() error { return errors.Join(CheckName(m.Cluster), CheckName(m.Node)) }

// CheckName returns an error if a name is none of a cluster or of a node.
func CheckName(name string) error {
	other := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune(".-_", r)
	}
	if name == "" || len(name) > nameBytesMax || strings.ContainsFunc(name, other) {
		return fmt.Errorf("%q is no name: it must have 1 to %d letters a to z, digits, points, hyphens and underscores", name, nameBytesMax)
	}
	return nil
}

// Write puts the mark into a data folder, in the place of the one before. When it returns nil the mark
// survives a power cut. A name that is none is an error that changes nothing.
func (m Mark) Write(fs vfs.FS, folder string) error {
	if err := m.checkNames(); err != nil {
		return err
	}
	return durable.WriteFile(fs, fs.PathJoin(folder, MarkName), func(w io.Writer) error {
		_, err := io.WriteString(w, strings.Join(m.lines(), "\n")+"\n")
		return err
	})
}

// ReadMark returns the mark of a data folder. It is os.ErrNotExist if the folder has none.
func ReadMark(fs vfs.FS, folder string) (Mark, error) {
	path := fs.PathJoin(folder, MarkName)
	text, err := durable.ReadFile(fs, path, markBytesMax)
	if err != nil {
		return Mark{}, err
	}
	m, err := parseMark(string(text))
	if err != nil {
		return Mark{}, fmt.Errorf("%s says which cluster this folder belongs to, and cannot be read: %w", path, err)
	}
	return m, nil
}

// RemoveMark makes a data folder one of a node alone. When it returns nil that survives a power cut.
func RemoveMark(fs vfs.FS, folder string) error {
	return durable.RemoveFile(fs, fs.PathJoin(folder, MarkName))
}

const putBack = "put the file back from a copy of the folder, or let the node join with an empty folder"

// parseMark reads what is there as far as it can be read. What is not exactly what that is
// written as, is wrong.
func parseMark(text string) (m Mark, err error) {
	found := strings.Split(text, "\n")
	version, ok := strings.CutPrefix(found[0], markTitle)
	if ok && version != markVersion {
		return m, fmt.Errorf("it is of version %q, and this program knows only version %s: start the newer version", version, markVersion)
	}
	if want := len(m.lines()); len(found) != want+1 || found[want] != "" {
		return m, fmt.Errorf("it does not have %d whole lines: %s", want, putBack)
	}
	value := func(line int) string {
		_, value, _ := strings.Cut(found[line], " ")
		return value
	}
	m.Cluster, m.Node = value(1), value(5)
	journal, _ := hex.DecodeString(value(2))
	copy(m.Journal[:], journal)
	_, _ = fmt.Sscanf(value(3), "%x", &m.Engine)
	_, _ = fmt.Sscanf(value(4), "%d", &m.Revision)
	for i, line := range m.lines() {
		if line != found[i] {
			return m, fmt.Errorf("line %d is %q, which is not what a node writes there: %s", i+1, found[i], putBack)
		}
	}
	if err := m.checkNames(); err != nil {
		return m, fmt.Errorf("%w; %s", err, putBack)
	}
	return m, nil
}
