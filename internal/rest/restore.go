package rest

import (
	"fmt"
	"net/http"

	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

type restoreAnswer struct {
	Success    bool         `json:"success"`
	Message    string       `json:"message"`
	Timestamp  string       `json:"timestamp"`
	Meters     int          `json:"restored_meters_count"`
	Readings   int          `json:"restored_readings_count"`
	Duplicates int          `json:"duplicates_count"`
	Refused    int          `json:"refused_count"`
	List       []refusedRow `json:"refused"`
}

type refusedRow struct {
	File   string     `json:"file"`
	Row    int        `json:"row"`
	Code   meter.Code `json:"code"`
	Detail string     `json:"detail"`
}

func (a *api) restore(w http.ResponseWriter, r *http.Request) error {
	if err := httpkit.Bind(r, &struct{}{}); err != nil {
		return err
	}
	restored, err := a.ledger.RestoreArchives()
	if err != nil {
		return err
	}
	answer := restoreAnswer{
		Success: true, Timestamp: a.stamp(),
		Message: fmt.Sprintf("%d readings of %d meters restored, %d were there already, %d were refused",
			restored.Readings, restored.Meters, restored.Duplicates, restored.Refused),
		Meters: restored.Meters, Readings: restored.Readings, Duplicates: restored.Duplicates, Refused: restored.Refused,
		List: []refusedRow{},
	}
	for _, row := range restored.List {
		answer.List = append(answer.List, refusedRow{row.File, row.Row, meter.CodeOf(row.Err), row.Err.Error()})
	}
	httpkit.WriteJSON(w, http.StatusOK, answer)
	return nil
}
