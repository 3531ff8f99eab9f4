package archive

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"iter"
	"slices"

	"meterledger/internal/durable"
	"meterledger/internal/meter"
)

// AccountsName is the file of all accounts, beside the archives. It tells who lives where, so
// only the user of this program may read it.
const AccountsName = "accounts.csv"

// originalAccountsName is that of the Python original, in the same form.
const originalAccountsName = "account.csv"

// AccountsPath returns the path at which WriteAccounts puts the file.
func (f *Folder) AccountsPath() string { return f.plain(AccountsName) }

// AccountFiles returns the names of the files of accounts that are in the folder.
func (f *Folder) AccountFiles() ([]string, error) {
	names, err := f.list()
	return slices.DeleteFunc([]string{AccountsName, originalAccountsName}, func(name string) bool {
		return !slices.Contains(names, name)
	}), err
}

// WriteAccounts makes the file of accounts hold what accounts hands out, whole or not at all.
// reserve is called before so many bytes go to the disk.
func (f *Folder) WriteAccounts(accounts iter.Seq2[meter.Account, error], reserve func(bytes int) error) (Written, error) {
	var written Written
	hash := sha256.New()
	err := durable.WritePrivate(f.fs, f.AccountsPath(), func(file io.Writer) error {
		counted := &reservingWriter{file, func(bytes int) error {
			written.Bytes += int64(bytes)
			return reserve(bytes)
		}}
		out := bufio.NewWriterSize(io.MultiWriter(hash, counted), bufferBytes)
		rows := meter.NewAccountWriter(out)
		for account, err := range accounts {
			if err != nil {
				return err
			}
			written.Rows++
			rows.Write(account)
			if err := rows.Failure(); err != nil {
				return err
			}
		}
		if err := rows.Flush(); err != nil {
			return err
		}
		return out.Flush()
	})
	if err != nil {
		return Written{}, fmt.Errorf("writing %s: %w", AccountsName, err)
	}
	written.Meters, written.SHA256 = written.Rows, [32]byte(hash.Sum(nil))
	return written, nil
}
