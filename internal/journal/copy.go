package journal

import "fmt"

// CopyTo puts the journal as it is into a new folder, from which it can be opened. All that
// was appended before the call is in the copy. It may run beside Append, but not beside
// Truncate. An error is the copy's: the journal itself goes on.
//
// Pebble links its tables, which never change, and copies the rest. The copy's end is told
// like that of a journal that was closed, so the copy proves its own wholeness.
func (j *Journal) CopyTo(folder string) error {
	if err := j.Failure(); err != nil {
		return err
	}
	last := j.Last()
	if err := j.fault.guard(func() error { return j.checkpoint(folder) }); err != nil {
		return fmt.Errorf("copying journal %s: %w", j.folder, err)
	}
	return writeIdentity(j.fs, folder, j.begin, last)
}

// checkpoint makes an error of Pebble's panic over an fsync that fails in the copy. Pebble
// holds no lock then.
func (j *Journal) checkpoint(folder string) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case error:
			err = p
		default:
			err = fmt.Errorf("%v", p)
		}
	}()
	return j.db.Checkpoint(folder)
}
