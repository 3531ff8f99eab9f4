package snapshot

import "meterledger/internal/chain"

const (
	batchBytes   = 1 << 20 // that are read at once
	batchesAhead = 3       // one is taken, one waits, one is read
)

// batch is records that are handed out together.
type batch struct {
	buffer  []byte
	records [][]byte // which lie in it
	offset  int64    // in the file, of the first
	end     int64    // of the last
	isLast  bool
	err     error // of what follows
}

// readAhead hands out the records. A goroutine of its own reads and checks those that come next.
func (o *opened) readAhead(take func(records [][]byte, done, total int64) error) (chain.Position, error) {
	r := o.reader()
	position, err := r.header()
	if err != nil {
		return chain.Position{}, &CorruptionError{o.path, r.offset, err}
	}
	empty, full := make(chan *batch, batchesAhead), make(chan *batch, batchesAhead) // each has room for all
	for range batchesAhead {
		empty <- new(batch)
	}
	go func() {
		defer close(full)
		for b := range empty {
			r.fill(b, o.size)
			full <- b
			if b.isLast {
				return
			}
		}
	}()
	defer func() { // nothing reads the file any more when it is closed
		close(empty)
		for range full {
		}
	}()
	for {
		b := <-full
		if err := take(b.records, b.end, o.size); err != nil {
			return chain.Position{}, &CorruptionError{o.path, b.offset, err}
		}
		if b.err != nil {
			return chain.Position{}, &CorruptionError{o.path, b.end, b.err}
		}
		if b.isLast {
			return position, nil
		}
		empty <- b
	}
}

// fill reads the next records of a file of so many bytes.
func (r *reader) fill(b *batch, size int64) {
	if b.buffer == nil {
		b.buffer = make([]byte, min(batchBytes, size))
	}
	r.moveTo(b.buffer)
	b.records, b.offset = b.records[:0], r.offset
	for !b.isLast && (len(b.records) == 0 || r.hasRecord()) {
		var record []byte
		if record, b.err = r.record(); record != nil {
			b.records = append(b.records, record)
		}
		b.isLast = record == nil
	}
	b.buffer, b.end = r.buffer, r.offset
}
