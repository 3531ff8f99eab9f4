package cluster_test

import (
	"errors"
	"math"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"pgregory.net/rapid"

	"meterledger/internal/chain"
	"meterledger/internal/cluster"
	"meterledger/internal/durable"
	"meterledger/internal/faulttest"
)

const (
	dataFolder = "data"
	markPath   = dataFolder + "/" + cluster.MarkName
)

var mark = cluster.Mark{Cluster: "meterledger", Journal: chain.ID{0x01, 15: 0xff}, Engine: 0xcdf818194e3a8c32, Revision: 123456, Node: "api-1"}

const markText = `meterledger cluster 1
name meterledger
journal 010000000000000000000000000000ff
engine cdf818194e3a8c32
revision 123456
node api-1
`

// markedDisk is a disk with a data folder that has a mark.
func markedDisk(t *testing.T) *vfs.MemFS {
	t.Helper()
	disk := vfs.NewCrashableMem()
	if err := errors.Join(durable.MakeFolder(disk, dataFolder), mark.Write(disk, dataFolder)); err != nil {
		t.Fatal(err)
	}
	return disk
}

func TestAMarkIsATextOfOneLineAField(t *testing.T) {
	disk := markedDisk(t)
	if text, err := faulttest.Content(disk, markPath); err != nil || string(text) != markText {
		t.Errorf("it is %q, %v", text, err)
	}
	if m, err := cluster.ReadMark(faulttest.PowerCut(disk), dataFolder); err != nil || m != mark {
		t.Errorf("read as %v, %v", m, err)
	}
}

func TestAMarkIsReadAsItWasWritten(t *testing.T) {
	disk := markedDisk(t)
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[-_.A-Za-z0-9]{1,63}`)
		m := cluster.Mark{
			Cluster: name.Draw(t, "cluster"), Journal: chain.ID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "journal")),
			Engine: cluster.EngineID(rapid.Uint64().Draw(t, "engine")), Revision: cluster.Revision(rapid.Uint64().Draw(t, "revision")), Node: name.Draw(t, "node"),
		}
		if err := m.Write(disk, dataFolder); err != nil {
			t.Fatal(err)
		}
		if got, err := cluster.ReadMark(disk, dataFolder); err != nil || got != m {
			t.Fatalf("%v is read as %v, %v", m, got, err)
		}
	})
}

func TestAFolderOfANodeAloneHasNoMark(t *testing.T) {
	disk := vfs.NewMem()
	for range 2 {
		if m, err := cluster.ReadMark(disk, dataFolder); !errors.Is(err, os.ErrNotExist) || m != (cluster.Mark{}) {
			t.Errorf("%v, error %v", m, err)
		}
		if err := durable.MakeFolder(disk, dataFolder); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAMarkThatWasAlteredIsRefusedAtItsLine(t *testing.T) {
	for _, c := range []struct{ old, altered, says string }{
		{markText, "", "does not have 6 whole lines"},
		{"node api-1\n", "node api-1", "does not have 6 whole lines"},
		{"node api-1\n", "", "does not have 6 whole lines"},
		{"node api-1\n", "node api-1\n\n", "does not have 6 whole lines"},
		{"node api-1\n", "node api-1\nnode api-2\n", "does not have 6 whole lines"},
		{"\n", "\r\n", `of version "1\r"`},
		{"meterledger cluster", "Meterledger cluster", `line 1 is "Meterledger cluster 1"`},
		{"cluster 1", "cluster 2", `of version "2", and this program knows only version 1: start the newer version`},
		{"name meterledger", "name", `line 2 is "name"`},
		{"name meterledger", "name ", `"" is no name`},
		{"name meterledger", "name meter ledger", `"meter ledger" is no name`},
		{"name meterledger", "cluster meterledger", `line 2 is "cluster meterledger"`},
		{"00ff\n", "00FF\n", `line 3 is "journal 010000000000000000000000000000FF"`},
		{"00ff\n", "00f\n", "line 3"},
		{"00ff\n", "00ff00\n", "line 3"},
		{"00ff\n", "00fg\n", "line 3"},
		{"8c32", "8c32 ", "line 4"},
		{"engine ", "engine 0", "line 4"},
		{"engine ", "engine 1", "line 4"}, // too large
		{"engine cdf818194e3a8c32", "engine ", "line 4"},
		{"123456", "0123456", `line 5 is "revision 0123456"`},
		{"123456", "-1", "line 5"},
		{"123456", "18446744073709551616", "line 5"},
		{"123456", "12e4", "line 5"},
		{"api-1", "../api-1", `"../api-1" is no name`},
		{"api-1", "", `"" is no name`},
		{"node ", "nodes ", "line 6"},
		{"api-1", strings.Repeat("a", 2000), "longer than 1024 bytes"},
	} {
		disk := vfs.NewMem()
		altered := strings.ReplaceAll(markText, c.old, c.altered)
		if err := errors.Join(durable.MakeFolder(disk, dataFolder), faulttest.Put(disk, markPath, []byte(altered))); err != nil {
			t.Fatal(err)
		}
		m, err := cluster.ReadMark(disk, dataFolder)
		if m != (cluster.Mark{}) || err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), markPath) {
			t.Errorf("%q: read as %v, error %v", altered, m, err)
		}
	}
}

func TestEveryCutOfAMarkIsRefused(t *testing.T) {
	for i := range len(markText) {
		disk := markedDisk(t)
		if err := faulttest.Put(disk, markPath, []byte(markText[:i])); err != nil {
			t.Fatal(err)
		}
		if m, err := cluster.ReadMark(disk, dataFolder); err == nil {
			t.Errorf("its first %d bytes are read as %v", i, m)
		}
	}
}

func TestAMarkOfANameThatIsNoneIsNotWritten(t *testing.T) {
	for _, name := range []string{"", "a b", "a/b", "a\nb", "ä", "\x00", strings.Repeat("a", 64), "\xff"} {
		disk := markedDisk(t)
		asCluster, asNode := mark, mark
		asCluster.Cluster, asNode.Node = name, name
		for _, m := range []cluster.Mark{asCluster, asNode} {
			if err := m.Write(disk, dataFolder); err == nil || !strings.Contains(err.Error(), "is no name") {
				t.Errorf("name %q: error %v", name, err)
			}
		}
		if m, err := cluster.ReadMark(disk, dataFolder); err != nil || m != mark {
			t.Errorf("name %q: then there is %v, %v", name, m, err)
		}
	}
	longest := mark
	longest.Cluster, longest.Node, longest.Engine, longest.Revision = strings.Repeat("a", 63), strings.Repeat("b", 63), math.MaxUint64, math.MaxUint64
	disk := markedDisk(t)
	if err := longest.Write(disk, dataFolder); err != nil {
		t.Error(err)
	}
	if m, err := cluster.ReadMark(disk, dataFolder); err != nil || m != longest {
		t.Errorf("the longest is read as %v, %v", m, err)
	}
}

func TestAMarkIsReplacedWholeOrNotAtAll(t *testing.T) {
	disk := markedDisk(t)
	next := mark
	next.Revision++
	var cuts []*vfs.MemFS
	watched := faulttest.Watch(disk, func(errorfs.Op) error {
		cuts = append(cuts, faulttest.PowerCut(disk), faulttest.Killed(disk), faulttest.Torn(disk, 50, 1), faulttest.Torn(disk, 50, 2))
		return nil
	})
	if err := next.Write(watched, dataFolder); err != nil {
		t.Fatal(err)
	}
	left := map[cluster.Mark]int{}
	for i, cut := range append(cuts, faulttest.PowerCut(disk)) {
		m, err := cluster.ReadMark(cut, dataFolder)
		if err != nil || i == len(cuts) && m != next {
			t.Errorf("cut %d leaves %v, %v", i, m, err)
		}
		left[m]++
	}
	if len(left) != 2 || left[mark] == 0 || left[next] < 2 {
		t.Errorf("so many cuts by the mark that they leave: %v", left)
	}
	full := errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileWrite {
			return syscall.ENOSPC
		}
		return nil
	}))
	if err := mark.Write(full, dataFolder); !durable.IsFull(err) {
		t.Errorf("on a full disk: error %v", err)
	}
	if m, err := cluster.ReadMark(disk, dataFolder); err != nil || m != next {
		t.Errorf("after a full disk there is %v, %v", m, err)
	}
}
