package snapshot

import (
	"bytes"
	"testing"

	"meterledger/internal/chain"
)

// FuzzFrames reads any bytes as a snapshot. What is taken for one is, byte for byte, what
// writing its records makes.
func FuzzFrames(f *testing.F) {
	position := chain.Position{Journal: chain.ID{1}, Sequence: 7, Hash: chain.Hash{2}}
	whole := written(f, position, [][]byte{[]byte("one"), {0}, bytes.Repeat([]byte{7}, 300)})
	f.Add(whole)
	f.Add(written(f, position, nil))
	f.Add(whole[:len(whole)-1])
	f.Add(append(bytes.Clone(whole), 0))
	f.Add(append(bytes.Clone(whole[:headerBytes]), 0xff, 0xff, 0xff, 0xff))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := &reader{r: bytes.NewReader(b)}
		var records [][]byte
		found, err := r.all(func(record []byte) error {
			records = append(records, bytes.Clone(record))
			return nil
		})
		if err == nil && !bytes.Equal(written(t, found, records), b) {
			t.Fatalf("%x is read as %d records at %v, which are written otherwise", b, len(records), found)
		}
	})
}

func written(t testing.TB, p chain.Position, records [][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	err := (&writer{w: &b}).all(p, func(emit func([]byte) error) error {
		for _, record := range records {
			if err := emit(record); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
