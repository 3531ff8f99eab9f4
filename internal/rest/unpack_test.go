package rest

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

func pack(t testing.TB, encoding, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser = gzip.NewWriter(&b)
	if encoding == "zstd" {
		var err error
		if w, err = zstd.NewWriter(&b, zstd.WithWindowSize(windowBytesMax)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// readPacked unpacks a body to its end.
func readPacked(encoding string, body io.Reader, bytesMax int) (string, error) {
	u, err := unpack(encoding, body, bytesMax)
	if err != nil {
		return "", err
	}
	defer u.close()
	text, err := io.ReadAll(u)
	return string(text), err
}

func TestABodyIsUnpackedUpToTheLimitAndNotAByteFurther(t *testing.T) {
	for _, encoding := range []string{"gzip", "GZIP", "x-gzip", "zstd"} {
		text := strings.Repeat("meter_id,timestamp,reading\n", 1000)
		packed := pack(t, encoding, text)
		for name, in := range map[string]io.Reader{"whole": bytes.NewReader(packed), "byte by byte": iotest.OneByteReader(bytes.NewReader(packed))} {
			if got, err := readPacked(encoding, in, len(text)); err != nil || got != text {
				t.Errorf("%s, %s: %d bytes of %d, %v", encoding, name, len(got), len(text), err)
			}
		}
		if got, err := readPacked(encoding, bytes.NewReader(packed), len(text)-1); !errors.Is(err, errUnpackedTooLarge) || got != text[:len(text)-1] {
			t.Errorf("%s: %d bytes of %d and %v beyond the limit", encoding, len(got), len(text), err)
		}
	}
}

func TestAPackedBodyThatIsNotSoundIsTheSendersFault(t *testing.T) {
	for _, encoding := range []string{"gzip", "zstd"} {
		packed := pack(t, encoding, strings.Repeat("meter_id,timestamp,reading\n", 1000))
		damaged := bytes.Clone(packed)
		damaged[len(damaged)-3] ^= 0xff // in its checksum
		for what, body := range map[string]io.Reader{
			"plain text": strings.NewReader("meter_id,timestamp,reading\n"),
			"damaged":    bytes.NewReader(damaged), "cut off": bytes.NewReader(packed[:len(packed)-1]),
			"a body that stood still": io.MultiReader(bytes.NewReader(packed[:20]), iotest.ErrReader(httpkit.ErrSlowBody)),
		} {
			_, err := readPacked(encoding, body, 1<<20)
			var told *meter.Error
			if err != nil && !errors.As(err, &told) {
				err = bodyErrorFrom(1, err, "")
			}
			if !errors.As(err, &told) || (told.Code == meter.CodeRequestTimeout) != strings.Contains(what, "still") || told.Kind == meter.KindInternal {
				t.Errorf("%s, %s: %v", encoding, what, err)
			}
		}
	}
}

func TestZstdThatWantsALargeWindowIsRefused(t *testing.T) {
	for _, isOneWindow := range []bool{false, true} {
		w, err := zstd.NewWriter(nil, zstd.WithWindowSize(4*windowBytesMax), zstd.WithSingleSegment(isOneWindow))
		if err != nil {
			t.Fatal(err)
		}
		packed := w.EncodeAll(make([]byte, 8*windowBytesMax), nil)
		_, err = readPacked("zstd", bytes.NewReader(packed), unpackedBytesMax)
		if !errors.Is(err, errPacked) || !strings.Contains(err.Error(), "window is larger than 1048576 bytes") {
			t.Errorf("one window: %v: %v", isOneWindow, err)
		}
	}
}

// TestABodyThatSaysNothingIsNotUnpackedToItsEnd has texts that become some thousand times longer.
func TestABodyThatSaysNothingIsNotUnpackedToItsEnd(t *testing.T) {
	for _, encoding := range []string{"gzip", "zstd"} {
		for _, row := range []string{"\n", "{}\n", "A,2026-11-20T00:00:00,5\n"} {
			text := strings.Repeat(row, 64<<20/len(row))
			packed := pack(t, encoding, text)
			got, err := readPacked(encoding, bytes.NewReader(packed), unpackedBytesMax)
			if isBomb := len(text) > expandedBytesFree+expansionMax*len(packed); errors.Is(err, errPackedTooTightly) != isBomb || !isBomb && got != text {
				t.Errorf("%s of %q, %d bytes that become %d: %d were read, %v", encoding, row, len(packed), len(text), len(got), err)
			}
			if most := expandedBytesFree + expansionMax*len(packed) + 256<<10; len(got) > most {
				t.Errorf("%s of %q, %d bytes: %d were read, want at most %d", encoding, row, len(packed), len(got), most)
			}
		}
	}
}
