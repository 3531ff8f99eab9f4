package rest

import (
	"encoding/hex"
	"fmt"
	"net/http"

	"meterledger/internal/httpkit"
	"meterledger/internal/ledger"
	"meterledger/internal/meter"
)

type startMaintenanceRequest struct {
	Type  string `param:"maintenance_type" validate:"required,oneof=daily monthly both"`
	Date  string `param:"date" validate:"omitempty,day"`
	Month string `param:"month" validate:"omitempty,month"`
	Wait  string `param:"wait" validate:"omitempty,oneof=true false"`
	Dry   string `param:"dry_run" validate:"omitempty,oneof=true false"`
}

type startMaintenanceAnswer struct {
	Success   bool            `json:"success"`
	Message   string          `json:"message"`
	Timestamp string          `json:"timestamp"`
	Type      ledger.Kind     `json:"maintenance_type"`
	Archives  []archiveAnswer `json:"archives"`
}

type archiveAnswer struct {
	Period string `json:"period"`
	File   string `json:"file"`
	Rows   uint64 `json:"rows"`
	SHA256 string `json:"sha256"`
}

func (a *api) startMaintenance(w http.ResponseWriter, r *http.Request) error {
	var q startMaintenanceRequest
	if err := httpkit.Bind(r, &q); err != nil {
		return err
	}
	request, err := a.maintenanceRequest(q)
	if err != nil {
		return err
	}
	run, err := a.ledger.StartMaintenance(request)
	if err != nil {
		return err
	}
	answer := startMaintenanceAnswer{Success: true, Type: request.Kind}
	if q.Wait == "false" {
		answer.Message = fmt.Sprintf("Maintenance of %s started; GET /maintenance/status tells how it goes", run.Period)
		answer.Timestamp, answer.Archives = a.stamp(), archives(nil)
		httpkit.WriteJSON(w, http.StatusAccepted, answer)
		return nil
	}
	<-run.Done()
	if run.Err != nil {
		return run.Err
	}
	answer.Message = fmt.Sprintf("Maintenance of %s completed successfully", run.Period)
	if request.DryRun {
		answer.Message = "Nothing was written: these archives would be"
	}
	answer.Timestamp, answer.Archives = a.stamp(), archives(run.Archives)
	httpkit.WriteJSON(w, http.StatusOK, answer)
	return nil
}

func (a *api) maintenanceRequest(q startMaintenanceRequest) (ledger.MaintenanceRequest, error) {
	today := a.zone.Today(a.ledger.Now())
	request := ledger.MaintenanceRequest{
		Kind: ledger.Kind(q.Type), Day: today.AddDays(-1), Month: a.ledger.LastMonth(),
	}
	if request.DryRun = q.Dry == "true"; request.DryRun && q.Wait == "false" {
		return request, meter.Invalid(meter.CodeInvalidParameter, "wait", "must not be false with dry_run: the answer is all that there is of it")
	}
	if q.Date != "" {
		if request.Kind == ledger.Monthly {
			return request, meter.Invalid(meter.CodeInvalidParameter, "date", "does not go with maintenance_type=monthly")
		}
		request.Day, _ = meter.ParseDay(q.Date) // validated before
	}
	if q.Month != "" {
		if request.Kind == ledger.Daily {
			return request, meter.Invalid(meter.CodeInvalidParameter, "month", "does not go with maintenance_type=daily")
		}
		request.Month, _ = meter.ParseMonth(q.Month) // validated before
	}
	return request, nil
}

func archives(infos []ledger.ArchiveInfo) []archiveAnswer {
	answers := make([]archiveAnswer, 0, len(infos))
	for _, info := range infos {
		answers = append(answers, archiveAnswer{info.Period, info.File, info.Rows, hex.EncodeToString(info.SHA256[:])})
	}
	return answers
}

type maintenanceStatusAnswer struct {
	IsMaintenanceMode bool                       `json:"is_maintenance_mode"`
	IsReceivingData   bool                       `json:"is_receiving_data"`
	Timestamp         string                     `json:"timestamp"`
	Running           *runningAnswer             `json:"running"`
	LastRuns          map[ledger.Kind]*runAnswer `json:"last_runs"`
	Archives          []listingAnswer            `json:"archives"`
}

// listingAnswer is an archive that was written; what only its manifest knows is
// null where that is missing or not believed.
type listingAnswer struct {
	archiveAnswer
	WrittenAt string              `json:"written_at"`
	State     ledger.ListingState `json:"state"`
	Meters    *uint64             `json:"meters"`
	First     *string             `json:"first"`
	Last      *string             `json:"last"`
	Bytes     *int64              `json:"bytes"`
	Version   *string             `json:"version"`
}

type runningAnswer struct {
	Type          ledger.Kind `json:"maintenance_type"`
	Period        string      `json:"period"`
	Phase         string      `json:"phase"`
	Rows          int64       `json:"rows"`
	RowsPerSecond int64       `json:"rows_per_second"`
	Meters        int64       `json:"meters"`
	MetersTotal   int64       `json:"meters_total"`
	Percent       int         `json:"percent"`
	SecondsLeft   *int64      `json:"seconds_left"`
	StartedAt     string      `json:"started_at"`
}

type runAnswer struct {
	Period     string          `json:"period"`
	Success    bool            `json:"success"`
	Message    string          `json:"message"`
	StartedAt  string          `json:"started_at"`
	FinishedAt string          `json:"finished_at"`
	Archives   []archiveAnswer `json:"archives"`
}

func (a *api) maintenanceStatus(w http.ResponseWriter, r *http.Request) error {
	if err := httpkit.Bind(r, &struct{}{}); err != nil {
		return err
	}
	status := a.ledger.MaintenanceStatus()
	answer := maintenanceStatusAnswer{
		IsMaintenanceMode: status.Running != nil,
		IsReceivingData:   status.Receiving,
		Timestamp:         a.stamp(),
		LastRuns:          map[ledger.Kind]*runAnswer{ledger.Daily: nil, ledger.Monthly: nil},
		Archives:          []listingAnswer{},
	}
	if running := status.Running; running != nil {
		answer.Running = a.running(running)
	}
	for _, listing := range status.Archives {
		answer.Archives = append(answer.Archives, a.listing(listing))
	}
	for kind, run := range status.Last {
		answer.LastRuns[kind] = a.run(run)
	}
	httpkit.WriteJSON(w, http.StatusOK, answer)
	return nil
}

func (a *api) running(r *ledger.Running) *runningAnswer {
	answer := &runningAnswer{
		Type: r.Run.Kind, Period: r.Run.Period, Phase: r.Phase,
		Rows: r.Rows, RowsPerSecond: r.RowsPerSecond, Meters: r.Meters, MetersTotal: r.MetersTotal, Percent: r.Percent,
		StartedAt: a.zone.StampTime(r.Run.StartedAt),
	}
	if r.Left > 0 {
		seconds := int64(r.Left.Seconds())
		answer.SecondsLeft = &seconds
	}
	return answer
}

func (a *api) listing(l ledger.Listing) listingAnswer {
	answer := listingAnswer{
		archiveAnswer: archives([]ledger.ArchiveInfo{l.ArchiveInfo})[0],
		WrittenAt:     a.zone.StampTime(l.WrittenAt), State: l.State,
	}
	if m := l.Manifest; m != nil {
		answer.Meters, answer.First, answer.Last, answer.Bytes, answer.Version = &m.Meters, m.First, m.Last, &m.Bytes, &m.Version
	}
	return answer
}

func (a *api) run(r *ledger.Run) *runAnswer {
	answer := &runAnswer{
		Period: r.Period, Success: r.Err == nil, Message: "completed successfully",
		StartedAt: a.zone.StampTime(r.StartedAt), FinishedAt: a.zone.StampTime(r.FinishedAt),
		Archives: archives(r.Archives),
	}
	if r.Err != nil {
		answer.Message = httpkit.Detail(r.Err)
	}
	return answer
}
