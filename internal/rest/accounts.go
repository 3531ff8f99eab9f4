package rest

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"

	"meterledger/internal/httpkit"
	"meterledger/internal/ledger"
	"meterledger/internal/meter"
)

// exportAccounts streams all accounts, as accounts.csv beside the archives holds them.
func (a *app) exportAccounts(w http.ResponseWriter, r *http.Request, _ *noParameters) error {
	w.Header().Set("Content-Type", typeCSV+"; charset=utf-8")
	w.Header().Set("Content-Disposition", "attachment; filename=accounts.csv")
	s := a.newStream(w, r)
	if r.Method == http.MethodHead {
		return nil
	}
	rows := meter.NewAccountWriter(&s)
	for account := range a.reader.Accounts() {
		rows.Write(account)
		if err := rows.Failure(); err != nil {
			return s.end(err)
		}
	}
	return s.end(rows.Flush())
}

// Write adds text to the answer, for what writes to an io.Writer.
func (s *stream) Write(text []byte) (int, error) {
	s.chunk = append(s.chunk, text...)
	if len(s.chunk) < chunkBytes {
		return len(text), nil
	}
	return len(text), s.send()
}

// importAccounts takes a list of any length. Accounts are registered while later ones still
// arrive.
func (a *app) importAccounts(w http.ResponseWriter, r *http.Request) error {
	if err := httpkit.BindQuery(r, a.zone, &noParameters{}); err != nil {
		return err
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != typeCSV {
		return meter.Errorf(meter.KindUnsupportedMedia, meter.CodeUnsupportedMedia, "accounts are taken as %s", typeCSV)
	}
	accounts, err := a.ledger.ImportAccounts(r.Context())
	if err != nil {
		return err
	}
	body, err := unpack(r.Header.Get("Content-Encoding"), r.Body, unpackedBytesMax)
	if err != nil {
		w.Header().Set("Accept-Encoding", encodings)
		return err
	}
	defer body.close()
	rows, err := meter.NewAccountReader(body)
	if err != nil {
		return bodyError(err)
	}
	tally, err := takeAccounts(accounts, rows)
	if err != nil {
		return err
	}
	httpkit.WriteJSON(w, http.StatusOK, batchResult(tally))
	return nil
}

// takeAccounts hands all accounts to the ledger.
func takeAccounts(accounts *ledger.Accounts, rows *meter.AccountReader) (meter.Tally, error) {
	for {
		account, err := rows.Next()
		var broken *meter.Error
		switch {
		case err == nil:
			err = accounts.Add(rows.Row(), account)
		case errors.Is(err, io.EOF):
			return accounts.Flush()
		case errors.As(err, &broken):
			err = accounts.Refuse(rows.Row(), broken)
		case errors.Is(err, meter.ErrRowSyntax), errors.Is(err, meter.ErrRowTooLong):
			err = accounts.Refuse(rows.Row(), meter.Invalid(meter.CodeInvalidRow, "row", "%v", err))
		default:
			tally, failed := accounts.Flush()
			return tally, errors.Join(failed, bodyErrorFrom(rows.Row(), err, fmt.Sprintf("; before it %d accounts were registered, %d were duplicates and %d were rejected",
				tally.Accepted, tally.Duplicates, tally.Refused)))
		}
		if err != nil {
			return meter.Tally{}, err
		}
	}
}
