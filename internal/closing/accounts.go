package closing

import (
	"context"
	"io"
	"slices"

	"meterledger/internal/archive"
	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// Accounts takes accounts that an operator puts back.
type Accounts = Taker[meter.Account]

func accountFile(name string) besideFile[meter.Account] {
	return besideFile[meter.Account]{name, func(r io.Reader) (rowReader[meter.Account], error) {
		in, err := meter.NewAccountReader(r)
		return in, err
	}}
}

// writtenAccounts is the file of accounts as this process wrote it last.
type writtenAccounts struct {
	registered int // accounts in the store, which are only ever added to
	changes    int // of their owners
	sum        [32]byte
}

// archiveAccounts writes all accounts beside the archives, so that an empty data folder gets
// them back: those of the store, and after them what the file that is there holds of meters
// that are not registered. So a run beside an empty data folder takes none away.
func (t task) archiveAccounts() error {
	registered, _ := t.store.Counts()
	changes := t.store.OwnerChanges()
	if t.accounts.registered == registered && t.accounts.changes == changes {
		if sum, err := t.archive.SHA256(archive.AccountsName); err == nil && sum == t.accounts.sum && t.checkManifest(archive.AccountsName) == nil {
			return nil
		}
	}
	text, err := t.openText(archive.AccountsName)
	if err != nil {
		return err
	}
	if text != nil {
		defer text.Close()
	}
	t.run.progress.begin("writing "+archive.AccountsName, registered, 0)
	written, err := t.writeBeside(archive.AccountsName, archive.AccountsContent(func(yield func(meter.Account, error) bool) {
		for i := range registered {
			if !yield(t.store.Account(store.Index(i)), meter.Stopped(t.ctx)) {
				return
			}
			t.run.progress.did(1, 0, 0)
		}
		for account, err := range accountFile(archive.AccountsName).rows(t, text) {
			if _, known := t.store.Lookup(account.ID); (err != nil || !known) && !yield(account, err) {
				return
			}
		}
	}), func(archive.Written) error { return nil })
	if err == nil {
		t.accounts = writtenAccounts{registered, changes, written.SHA256}
	}
	return err
}

// accountRows registers the accounts of a file whose meters are not registered.
func (r *restorer) accountRows(name string) error {
	verified := r.checkManifest(name) == nil
	everything := func(meter.Account) bool { return true }
	tally, err := accountFile(name).restore(r, func(ctx context.Context) Accounts { return r.restoreAccounts(ctx) }, everything)
	r.restored.Accounts += tally.Accepted
	if tally.Accepted > 0 && !verified {
		r.unverified(name)
	}
	return err
}

// unverified names a file that is not the one of its manifest and whose rows were taken.
func (r *restorer) unverified(name string) {
	if !slices.Contains(r.restored.Unverified, name) {
		r.restored.Unverified = append(r.restored.Unverified, name)
	}
}
