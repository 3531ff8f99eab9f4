package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// backward reads the lines of a file from its end on.
type backward struct {
	file io.ReaderAt
	buf  []byte // what stands from at to end
	at   int64
	end  int64 // of the lines that are left
}

const (
	blockBytes   = 64 << 10
	lineBytesMax = 64 << 10 // a longer line is none of ours, and is read in pieces
)

// next returns the last of the lines that are left, without its end.
func (b *backward) next() ([]byte, error) {
	for {
		text := bytes.TrimSuffix(b.buf, []byte("\n"))
		begin := bytes.LastIndexByte(text, '\n') + 1
		if begin > 0 || b.at == 0 && len(b.buf) > 0 || len(text) > lineBytesMax {
			b.buf, b.end = b.buf[:begin], b.at+int64(begin)
			return text[begin:], nil
		}
		block := make([]byte, min(blockBytes, b.at), min(blockBytes, b.at)+int64(len(b.buf)))
		if _, err := b.file.ReadAt(block, b.at-int64(len(block))); err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("reading the audit log: %w", err)
		}
		b.at -= int64(len(block))
		b.buf = append(block, b.buf...)
	}
}
