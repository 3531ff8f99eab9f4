package archive

import (
	"errors"
	"io"
)

// rowWriter writes rows as lines.
type rowWriter struct {
	out     *behind
	stamps  *stamps
	buffer  []byte
	prefix  []byte // of the meter's lines
	written Written
}

func (w *rowWriter) all(source Source, each func(Rows) error) (Written, error) {
	w.buffer = append(w.out.buffer(), Header+"\n"...)
	for {
		rows, err := source.Next()
		if errors.Is(err, io.EOF) {
			return w.written, w.out.put(w.buffer)
		}
		if err == nil {
			err = w.meter(rows)
		}
		if err == nil {
			err = each(rows)
		}
		if err != nil {
			return Written{}, err
		}
	}
}

func (w *rowWriter) meter(rows Rows) error {
	w.prefix = append(append(w.prefix[:0], rows.Meter...), ',')
	for _, p := range rows.Points {
		if cap(w.buffer)-len(w.buffer) < lineBytesMax {
			if err := w.out.put(w.buffer); err != nil {
				return err
			}
			w.buffer = w.out.buffer()
		}
		b := append(append(w.buffer, w.prefix...), w.stamps.text(p.Slot)...)
		w.buffer = append(p.Register.Append(append(b, ',')), '\n')
	}
	w.written.Add(rows)
	return nil
}
