package meter

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// AccountHeader is the first line of every file of accounts.
const AccountHeader = "owner_name,address,meter_id"

// AccountReader reads accounts as CSV from outside, one a line: quoted or not, with \r\n, with
// a byte order mark.
type AccountReader struct {
	in   *bufio.Reader
	line bytes.Reader // what csv reads
	csv  *csv.Reader
	row  int
}

// NewAccountReader reads the header.
func NewAccountReader(r io.Reader) (*AccountReader, error) {
	a := &AccountReader{in: SkipByteOrderMark(bufio.NewReaderSize(r, readBytes))}
	a.csv = csv.NewReader(&a.line)
	a.csv.FieldsPerRecord = 3
	a.csv.ReuseRecord = true
	header, err := a.record()
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, ErrRowSyntax) {
		return nil, err
	}
	for i := range header {
		header[i] = strings.Trim(header[i], " \t")
	}
	if !slices.Equal(header, strings.Split(AccountHeader, ",")) {
		return nil, fmt.Errorf("%w: the first line must be %s", ErrRowSyntax, AccountHeader)
	}
	return a, nil
}

// Row returns the number of the row that was read last, from 1, the header not counted.
func (a *AccountReader) Row() int { return a.row }

// Next returns the next account, without the time of its registration. After a *Error,
// ErrRowSyntax and ErrRowTooLong the next row can be read. After the last the error is io.EOF.
func (a *AccountReader) Next() (Account, error) {
	record, err := a.record()
	if errors.Is(err, io.EOF) {
		return Account{}, io.EOF
	}
	a.row++
	if err != nil {
		return Account{}, err
	}
	return parseAccount(record[0], record[1], record[2])
}

// record returns the values of the next line that is not empty.
func (a *AccountReader) record() ([]string, error) {
	for {
		line, err := ReadRowLine(a.in)
		if err != nil {
			return nil, err
		}
		a.line.Reset(line)
		record, err := a.csv.Read()
		var syntax *csv.ParseError
		switch {
		case errors.As(err, &syntax):
			return nil, fmt.Errorf("%w: %v", ErrRowSyntax, syntax.Err)
		case !errors.Is(err, io.EOF):
			return record, err
		}
	}
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
type AccountWriter struct{ csv *csv.Writer }

// NewAccountWriter writes the header.
func NewAccountWriter(w io.Writer) *AccountWriter {
	a := &AccountWriter{csv.NewWriter(w)}
	_ = a.csv.Write(strings.Split(AccountHeader, ",")) // Flush tells
	return a
}

// Write writes an account. What fails is told by Failure and Flush.
func (w *AccountWriter) Write(a Account) {
	_ = w.csv.Write([]string{a.OwnerName, a.Address, string(a.ID)}) // Flush tells
}

// Failure returns the first error so far, or nil.
func (w *AccountWriter) Failure() error { return w.csv.Error() }

// Flush writes what was held back, and returns the first error.
func (w *AccountWriter) Flush() error {
	w.csv.Flush()
	return w.csv.Error()
}
