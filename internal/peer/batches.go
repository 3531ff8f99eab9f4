package peer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"meterledger/internal/chain"
)

// The answer of GET /journal, numbers in big-endian order: for each batch
//
//	+--------+--------+
//	| length | batch  |
//	| uint32 | length |
//	+--------+--------+
//
// as it is on the disk, see package chain; then a length of 0, and nothing behind it. An answer
// without that end was cut off.
const lengthBytes = 4

// batchBytesMax is above the size of every batch.
const batchBytesMax = chain.PayloadBytesMax + 1<<10

func writeBatch(to io.Writer, batch []byte) error {
	var length [lengthBytes]byte
	binary.BigEndian.PutUint32(length[:], uint32(len(batch)))
	_, err := to.Write(length[:])
	if err == nil {
		_, err = to.Write(batch)
	}
	return err
}

func writeEnd(to io.Writer) error { return writeBatch(to, nil) }

// readBatches hands out batches until their end. They are not checked.
func readBatches(from io.Reader, take func(batch []byte) error) error {
	for {
		var head [lengthBytes]byte
		if _, err := io.ReadFull(from, head[:]); err != nil {
			return cutOff(err)
		}
		length := binary.BigEndian.Uint32(head[:])
		switch {
		case length == 0:
			return atEnd(from)
		case length > batchBytesMax:
			return fmt.Errorf("a batch says that it has %d bytes", length)
		}
		batch := make([]byte, length)
		if _, err := io.ReadFull(from, batch); err != nil {
			return cutOff(err)
		}
		if err := take(batch); err != nil {
			return err
		}
	}
}

func cutOff(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func atEnd(from io.Reader) error {
	var more [1]byte
	switch _, err := io.ReadFull(from, more[:]); {
	case err == nil:
		return errors.New("the answer goes on behind its end")
	case !errors.Is(err, io.EOF):
		return err
	}
	return nil
}
