package closing

import (
	"errors"
	"io"

	"meterledger/internal/archive"
	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// Accounts takes accounts that an operator puts back. A Flush ends it.
type Accounts interface {
	Add(number int, a meter.Account) error
	Refuse(number int, err error) error
	Flush() (meter.Tally, error)
}

// writtenAccounts is the file of accounts as this process wrote it last.
type writtenAccounts struct {
	registered int // accounts in the store, which are only ever added to
	sum        [32]byte
}

// archiveAccounts writes all accounts beside the archives, so that an empty data folder gets
// them back: those of the store, and after them what the file that is there holds of meters
// that are not registered. So a run beside an empty data folder takes none away.
func (t task) archiveAccounts() error {
	registered, _ := t.store.Counts()
	if t.accounts.registered == registered {
		if sum, err := t.archive.SHA256(archive.AccountsName); err == nil && sum == t.accounts.sum && t.checkManifest(archive.AccountsName) == nil {
			return nil
		}
	}
	text, err := t.archive.OpenText(archive.AccountsName)
	if err != nil && !errors.Is(err, archive.ErrMissing) {
		return err
	}
	if text != nil {
		defer text.Close()
	}
	t.run.progress.begin("writing "+archive.AccountsName, registered, 0)
	written, err := t.archive.WriteAccounts(func(yield func(meter.Account, error) bool) {
		for i := range registered {
			if !yield(t.store.Account(store.Index(i)), meter.Stopped(t.ctx)) {
				return
			}
			t.run.progress.did(1, 0, 0)
		}
		if text != nil {
			t.unregistered(text, yield)
		}
	}, func(bytes int) error { return t.reserve(archive.AccountsName, bytes) })
	if err != nil {
		return err
	}
	t.accounts = writtenAccounts{registered, written.SHA256}
	return t.archive.WriteManifest(t.archive.NewManifest(t.archive.AccountsPath(), written, t.version, t.now()))
}

// unregistered hands out the accounts of a file whose meters are not registered.
func (t task) unregistered(text *archive.Text, yield func(meter.Account, error) bool) {
	in, err := meter.NewAccountReader(text)
	row := 0
	for err == nil {
		var account meter.Account
		account, err = in.Next()
		row = in.Row()
		if errors.Is(err, io.EOF) && text.Failure() == nil {
			return
		}
		if err == nil {
			err = meter.Stopped(t.ctx)
		}
		if _, known := t.store.Lookup(account.ID); err == nil && !known && !yield(account, nil) {
			return
		}
	}
	if failure := text.Failure(); failure != nil {
		err = failure
	} else if !errors.Is(err, meter.ErrStopped) {
		err = archive.Refused("%s was not overwritten: its row %d cannot be taken: %v; mend the row or move the file away", archive.AccountsName, row, err)
	}
	yield(meter.Account{}, err)
}

// accountRows registers the accounts of a file whose meters are not registered.
func (r *restorer) accountRows(name string) error {
	verified := r.checkManifest(name) == nil
	text, err := r.archive.OpenText(name)
	if err != nil {
		return err
	}
	defer text.Close()
	r.run.progress.begin("reading "+name, 0, text.Size())
	in, err := meter.NewAccountReader(text)
	if failure := text.Failure(); failure != nil {
		return failure
	}
	if refusal := meter.RowFault(err, meter.CodeInvalidParameter); refusal != nil {
		r.refuse(name, 0, refusal)
		return nil
	}
	accounts := r.restoreAccounts(r.ctx)
	for err == nil {
		var account meter.Account
		account, err = in.Next()
		if text.Failure() != nil || errors.Is(err, io.EOF) {
			break
		}
		if refusal := meter.RowFault(err, meter.CodeInvalidParameter); refusal != nil {
			err = accounts.Refuse(in.Row(), refusal)
		} else if err == nil {
			err = accounts.Add(in.Row(), account)
		}
		err = errors.Join(err, meter.Stopped(r.ctx))
	}
	if err != nil && !errors.Is(err, io.EOF) && text.Failure() == nil {
		return err
	}
	tally, err := accounts.Flush()
	r.restored.Accounts += tally.Accepted
	if tally.Accepted > 0 && !verified {
		r.restored.Unverified = append(r.restored.Unverified, name)
	}
	r.refused(name, tally)
	return errors.Join(text.Failure(), err)
}
