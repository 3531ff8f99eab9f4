package journal

import (
	"fmt"

	"meterledger/internal/chain"
)

// BeginAt makes the journal go on behind a snapshot that came from elsewhere: the next batch is
// the one that follows its position. What the journal had before is left behind, and its space is free
// after the next cut. Nothing may run beside it.
//
// A journal that never had a batch may begin anywhere, and in any history. Another one only goes
// forward in its own: else it is an error that changes nothing. All other errors are final, as those
// of Append; the next start finds the journal at its end of before or at the new one.
func (j *Journal) BeginAt(p chain.Position) error {
	if err := j.Failure(); err != nil {
		return err
	}
	if j.Last() > 0 && (p.Journal != j.end.Journal || p.Sequence <= j.Last()) && p != j.end {
		return fmt.Errorf("journal %s ends with batch %d of history %x, and cannot go on behind batch %d of %x",
			j.folder, j.Last(), j.end.Journal[:4], p.Sequence, p.Journal[:4])
	}
	if p == j.end {
		return nil
	}
	if err := writeIdentity(j.fs, j.folder, p, p.Sequence); err != nil {
		j.fault.tell(err)
		return err
	}
	j.begin = p
	j.setEnd(p)
	return nil
}
