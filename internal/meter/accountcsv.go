package meter

import (
	"io"
	"strings"
)

// AccountHeader is the first line of every file of accounts.
const AccountHeader = "owner_name,address,meter_id"

// AccountReader reads accounts as CSV from outside, one a line: quoted or not, with \r\n, with
// a byte order mark.
type AccountReader struct{ *lineReader }

// NewAccountReader reads the header.
func NewAccountReader(r io.Reader) (*AccountReader, error) {
	lines, err := newLineReader(r, AccountHeader)
	if err != nil {
		return nil, err
	}
	return &AccountReader{lines}, nil
}

// Next returns the next account, without the time of its registration. After a *Error,
// ErrRowSyntax and ErrRowTooLong the next row can be read. After the last the error is io.EOF.
func (a *AccountReader) Next() (Account, error) {
	record, err := a.next()
	if err != nil {
		return Account{}, err
	}
	return parseAccount(record[0], record[1], record[2])
}

func parseAccount(ownerName, address, id string) (a Account, err error) {
	a = Account{OwnerName: strings.Clone(ownerName), Address: strings.Clone(address)}
	for _, text := range []struct{ field, value string }{{"owner_name", a.OwnerName}, {"address", a.Address}} {
		if !ValidText(text.value) {
			return Account{}, Invalid(CodeInvalidParameter, text.field, "must be 1 to %d characters of valid UTF-8 without control characters", TextLengthMax)
		}
	}
	a.ID, err = ParseID(strings.Clone(strings.Trim(id, " \t")))
	return a, err
}

// AccountWriter writes accounts as CSV, which an AccountReader reads.
type AccountWriter struct{ lineWriter }

// NewAccountWriter writes the header.
func NewAccountWriter(w io.Writer) *AccountWriter {
	return &AccountWriter{newLineWriter(w, AccountHeader)}
}

// Write writes an account. What fails is told by Failure and Flush.
func (w *AccountWriter) Write(a Account) {
	w.write([]string{a.OwnerName, a.Address, string(a.ID)})
}
