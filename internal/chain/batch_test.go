package chain

import (
	"bytes"
	"encoding/binary"
	"testing"

	"pgregory.net/rapid"
)

// ours is the id of the journal under test.
var ours = ID{0: 0x11, 15: 0x22}

// before is the position that a batch follows.
func before(journal ID, sequence uint64, previous Hash) Position {
	return Position{Journal: journal, Sequence: sequence - 1, Hash: previous}
}

func TestABatchIsDecodedAsItWasEncoded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sequence := rapid.Uint64Min(1).Draw(t, "sequence")
		previous := Hash(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "previous"))
		payload := rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "payload")
		stale := rapid.SliceOfN(rapid.Byte(), 0, 600).Draw(t, "stale") // what the buffer held before
		gotPrevious, gotPayload, err := Decode(Encode(stale, before(ours, sequence, previous), payload), ours, sequence)
		if err != nil || gotPrevious != previous || !bytes.Equal(gotPayload, payload) {
			t.Fatalf("decoded as %x, %x, %v", gotPrevious, gotPayload, err)
		}
	})
}

func TestABatchIsLaidOutAsItIsDrawn(t *testing.T) {
	previous := Hash{0: 0xaa, 31: 0xbb}
	b := Encode(nil, before(ours, 0x0102030405060708, previous), []byte("payload"))
	if len(b) != 72+7 || string(b[:4]) != "MLJ1" || ID(b[4:20]) != ours || binary.BigEndian.Uint32(b[20:]) != 7 ||
		binary.BigEndian.Uint64(b[24:]) != 0x0102030405060708 || Hash(b[40:72]) != previous || string(b[72:]) != "payload" {
		t.Errorf("laid out as %x", b)
	}
}

func TestEveryFlippedBitIsFound(t *testing.T) {
	batch := Encode(nil, before(ours, 7, Hash{1, 2, 3}), []byte("meter A, 1234.567 kWh"))
	for bit := range 8 * len(batch) {
		damaged := bytes.Clone(batch)
		damaged[bit/8] ^= 1 << (bit % 8)
		if _, payload, err := Decode(damaged, ours, 7); err == nil {
			t.Errorf("with bit %d of byte %d flipped it is decoded as %q", bit%8, bit/8, payload)
		}
	}
}

func TestABatchThatIsCutOffOrGrownIsFound(t *testing.T) {
	batch := Encode(nil, before(ours, 7, Hash{}), []byte("payload"))
	for length := range batch {
		if _, _, err := Decode(batch[:length], ours, 7); err == nil {
			t.Errorf("its first %d bytes of %d are decoded", length, len(batch))
		}
	}
	if _, _, err := Decode(append(bytes.Clone(batch), 0), ours, 7); err == nil {
		t.Error("it is decoded with a byte more")
	}
	if _, _, err := Decode(Encode(nil, before(ours, 7, Hash{}), nil), ours, 7); err == nil {
		t.Error("a batch without a payload is decoded")
	}
	if _, _, err := Decode(batch, ours, 8); err == nil {
		t.Error("batch 7 is decoded as batch 8")
	}
}

func TestABatchOfAnotherHistoryIsFound(t *testing.T) {
	at := before(ours, 7, Hash{1})
	batch := Encode(nil, at, []byte("payload"))
	if payload, err := at.Follow(batch); err != nil || string(payload) != "payload" {
		t.Errorf("the next batch is refused, or holds %q: %v", payload, err)
	}
	for name, other := range map[string][]byte{
		"follows another one":   Encode(nil, before(ours, 7, Hash{2}), []byte("payload")),
		"is of another journal": Encode(nil, before(ID{9}, 7, Hash{1}), []byte("payload")),
		"is the one after":      Encode(nil, before(ours, 8, Hash{1}), []byte("payload")),
	} {
		if _, err := at.Follow(other); err == nil {
			t.Errorf("a batch that %s is taken", name)
		}
	}
}

func TestAPositionBehindABatchIsWhereTheNextFollows(t *testing.T) {
	at := Position{Journal: ours}
	for n := range uint64(3) {
		batch := Encode(nil, at, []byte{byte(n)})
		if after := at.After(batch); after != (Position{ours, n + 1, HashOf(batch)}) {
			t.Errorf("after batch %d is %v", n+1, after)
		}
		at = at.After(batch)
	}
}

func TestHeadersAreFoundInDamagedBytes(t *testing.T) {
	header := func(sequence uint64) []byte {
		return Encode(nil, before(ours, sequence, Hash{}), []byte("payload"))[:HeaderBytes]
	}
	cut := header(9)[:HeaderBytes-1]
	flipped := header(8)
	flipped[sequenceAt] ^= 1
	b := bytes.Join([][]byte{[]byte("MLJMLJ1"), header(3), []byte("garbage"), header(5)[:lengthAt], header(6), flipped, header(4), cut}, []byte("x"))
	if got := HighestIn(b, ours); got != 6 {
		t.Errorf("the highest sequence is %d, not 6", got)
	}
	if got := HighestIn(b, ID{9}); got != 0 {
		t.Errorf("another journal has batch %d in it", got)
	}
}

func FuzzDecode(f *testing.F) {
	batch := Encode(nil, before(ours, 7, Hash{1, 2, 3}), []byte("payload"))
	f.Add(batch, uint64(7))
	f.Add(batch, uint64(8))
	f.Add(batch[:len(batch)-1], uint64(7))
	f.Add(batch[:payloadAt], uint64(7))
	f.Add([]byte(magic), uint64(1))
	f.Add([]byte{}, uint64(0))
	f.Add(append(bytes.Clone(batch[:lengthAt]), bytes.Repeat([]byte{0xff}, 60)...), uint64(7))
	f.Fuzz(func(t *testing.T, b []byte, sequence uint64) {
		previous, payload, err := Decode(b, ours, sequence)
		if err == nil && !bytes.Equal(Encode(nil, before(ours, sequence, previous), payload), b) {
			t.Fatalf("%x is decoded as %x, %x, which is encoded otherwise", b, previous, payload)
		}
	})
}
