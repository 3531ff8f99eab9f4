package journal_test

import (
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/journal"
)

// BenchmarkAppend writes and fsyncs batches of the sizes that single posts and bulk
// bodies make, on the disk of the temporary folder.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{18, 1 << 10, 64 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("%d bytes", size), func(b *testing.B) {
			j, err := journal.Open(vfs.Default, b.TempDir(), quiet)
			if err != nil {
				b.Fatal(err)
			}
			defer closeJournal(b, j)
			payload := make([]byte, size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := j.Append(payload); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
