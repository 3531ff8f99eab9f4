package journal

import (
	"bytes"
	"encoding/binary"
	"testing"

	"pgregory.net/rapid"
)

// ours is the id of the journal under test.
var ours = id{0: 0x11, 15: 0x22}

func TestABatchIsDecodedAsItWasEncoded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sequence := rapid.Uint64Min(1).Draw(t, "sequence")
		previous := hash(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "previous"))
		payload := rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "payload")
		stale := rapid.SliceOfN(rapid.Byte(), 0, 600).Draw(t, "stale") // what the buffer held before
		gotPrevious, gotPayload, err := decode(encode(stale, ours, sequence, previous, payload), ours, sequence)
		if err != nil || gotPrevious != previous || !bytes.Equal(gotPayload, payload) {
			t.Fatalf("decoded as %x, %x, %v", gotPrevious, gotPayload, err)
		}
	})
}

func TestABatchIsLaidOutAsItIsDrawn(t *testing.T) {
	previous := hash{0: 0xaa, 31: 0xbb}
	b := encode(nil, ours, 0x0102030405060708, previous, []byte("payload"))
	if len(b) != 72+7 || string(b[:4]) != "MLJ1" || id(b[4:20]) != ours || binary.BigEndian.Uint32(b[20:]) != 7 ||
		binary.BigEndian.Uint64(b[24:]) != 0x0102030405060708 || hash(b[40:72]) != previous || string(b[72:]) != "payload" {
		t.Errorf("laid out as %x", b)
	}
}

func TestEveryFlippedBitIsFound(t *testing.T) {
	batch := encode(nil, ours, 7, hash{1, 2, 3}, []byte("meter A, 1234.567 kWh"))
	for bit := range 8 * len(batch) {
		damaged := bytes.Clone(batch)
		damaged[bit/8] ^= 1 << (bit % 8)
		if _, payload, err := decode(damaged, ours, 7); err == nil {
			t.Errorf("with bit %d of byte %d flipped it is decoded as %q", bit%8, bit/8, payload)
		}
	}
}

func TestABatchThatIsCutOffOrGrownIsFound(t *testing.T) {
	batch := encode(nil, ours, 7, hash{}, []byte("payload"))
	for length := range batch {
		if _, _, err := decode(batch[:length], ours, 7); err == nil {
			t.Errorf("its first %d bytes of %d are decoded", length, len(batch))
		}
	}
	if _, _, err := decode(append(bytes.Clone(batch), 0), ours, 7); err == nil {
		t.Error("it is decoded with a byte more")
	}
	if _, _, err := decode(encode(nil, ours, 7, hash{}, nil), ours, 7); err == nil {
		t.Error("a batch without a payload is decoded")
	}
	if _, _, err := decode(batch, ours, 8); err == nil {
		t.Error("batch 7 is decoded as batch 8")
	}
}

func TestABatchOfAnotherHistoryIsFound(t *testing.T) {
	j := &Journal{id: ours}
	batch := encode(nil, ours, 7, hash{1}, []byte("payload"))
	if _, err := j.follow(batch, 7, 7, &hash{1}); err != nil {
		t.Errorf("the next batch is refused: %v", err)
	}
	if _, err := j.follow(batch, 7, 7, &hash{2}); err == nil {
		t.Error("a batch that follows another one is taken")
	}
	if _, err := j.follow(encode(nil, id{9}, 7, hash{1}, []byte("payload")), 7, 7, &hash{1}); err == nil {
		t.Error("a batch of another journal is taken")
	}
}

func FuzzDecode(f *testing.F) {
	batch := encode(nil, ours, 7, hash{1, 2, 3}, []byte("payload"))
	f.Add(batch, uint64(7))
	f.Add(batch, uint64(8))
	f.Add(batch[:len(batch)-1], uint64(7))
	f.Add(batch[:headerBytes], uint64(7))
	f.Add([]byte(magic), uint64(1))
	f.Add([]byte{}, uint64(0))
	f.Add(append(bytes.Clone(batch[:lengthAt]), bytes.Repeat([]byte{0xff}, 60)...), uint64(7))
	f.Fuzz(func(t *testing.T, b []byte, sequence uint64) {
		previous, payload, err := decode(b, ours, sequence)
		if err == nil && !bytes.Equal(encode(nil, ours, sequence, previous, payload), b) {
			t.Fatalf("%x is decoded as %x, %x, which is encoded otherwise", b, previous, payload)
		}
	})
}
