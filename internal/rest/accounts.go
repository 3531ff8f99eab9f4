package rest

import (
	"mime"
	"net/http"

	"meterledger/api"
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
	body, err := a.openBulk(w, r, make(turns, 1)) // it waits for the disk in its turn, which is its own
	if err != nil {
		return err
	}
	defer body.close()
	rows, err := meter.NewAccountReader(body)
	if err != nil {
		return bodyError(err)
	}
	answer, err := takeAccounts(body.turn, accounts, rows)
	if err != nil {
		return err
	}
	httpkit.WriteJSON(w, http.StatusOK, answer)
	return nil
}

// takeAccounts hands all accounts to the ledger, as takeRows does readings.
func takeAccounts(turn *turn, accounts *ledger.Accounts, rows *meter.AccountReader) (answer api.BatchResult, err error) {
	for {
		if err := turn.row(); err != nil {
			return answer, err
		}
		account, err := rows.Next()
		if err == nil {
			err = accounts.Add(rows.Row(), account)
		} else if fault := meter.RowFault(err, meter.CodeInvalidRow); fault != nil {
			err = accounts.Refuse(rows.Row(), fault)
		} else {
			return endOf(turn, accounts, rows.Row(), err)
		}
		if err != nil {
			return answer, err
		}
	}
}
