package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	logSuffix  = ".log"
	traceBytes = 1 << 20 // read at once
)

// checkWhole makes sure that no batch is missing at the end that is known to have
// been on disk.
func (j *Journal) checkWhole(known identity) error {
	if j.Last() < known.last {
		return &CorruptionError{Folder: j.folder, Sequence: j.Last() + 1, Err: fmt.Errorf(
			"it ends with batch %d, but batch %d was on disk before", j.Last(), known.last)}
	}
	traced, err := j.traces()
	if err != nil {
		return err
	}
	if j.Last()+1 < traced {
		return &CorruptionError{Folder: j.folder, Sequence: j.Last() + 1, Err: fmt.Errorf(
			"it ends with batch %d, but its log shows batch %d, which was only written when all before it were on disk", j.Last(), traced)}
	}
	return nil
}

// traces returns the highest sequence of any batch whose header stands whole in
// the log files, however damaged what is around it may be; 0 where none can.
//
// A batch is written only after the one before it was fsynced. So where batch n
// shows, the journal must have batch n-1, or what follows some damage was dropped
// as if a power cut had torn it.
func (j *Journal) traces() (highest uint64, err error) {
	names, err := j.fs.List(j.folder)
	if err != nil {
		return 0, fmt.Errorf("listing journal %s: %w", j.folder, err)
	}
	for _, name := range names {
		if !strings.HasSuffix(name, logSuffix) {
			continue
		}
		f, err := j.fs.Open(j.fs.PathJoin(j.folder, name))
		if err != nil {
			return 0, fmt.Errorf("opening journal file %s: %w", name, err)
		}
		sequence, err := j.tracesIn(f)
		if err = errors.Join(err, f.Close()); err != nil {
			return 0, fmt.Errorf("reading journal file %s: %w", name, err)
		}
		highest = max(highest, sequence)
	}
	return highest, nil
}

func (j *Journal) tracesIn(r io.Reader) (highest uint64, err error) {
	sign := append([]byte(magic), j.id[:]...)
	buffer := make([]byte, 0, traceBytes+checksumAt)
	for {
		n, err := io.ReadFull(r, buffer[len(buffer):len(buffer)+traceBytes])
		buffer = buffer[:len(buffer)+n]
		for rest := buffer; ; {
			at := bytes.Index(rest, sign)
			if at < 0 || len(rest)-at < checksumAt {
				break
			}
			if header := rest[at:]; binary.BigEndian.Uint32(header[headerChecksumAt:]) == headerChecksum(header) {
				highest = max(highest, binary.BigEndian.Uint64(header[sequenceAt:]))
			}
			rest = rest[at+1:]
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return highest, nil
		}
		if err != nil {
			return 0, err
		}
		// A header may lie across two reads.
		buffer = append(buffer[:0], buffer[len(buffer)-checksumAt+1:]...)
	}
}
