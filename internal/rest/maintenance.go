package rest

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/http"

	"meterledger/api"
	"meterledger/internal/closing"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
	"meterledger/internal/rules"
)

type maintenanceRequest struct {
	Type   closing.Kind `param:"maintenance_type,required" oneof:"daily monthly both"`
	Date   meter.Day    `param:"date" validate:"excluded_if=Type monthly"`
	Month  meter.Month  `param:"month" validate:"excluded_if=Type daily"`
	Wait   *bool        `param:"wait"` // true by default
	DryRun bool         `param:"dry_run"`

	Archives string `param:"archives" oneof:"lost"`
}

// Check makes sure that the rules hold.
func (q *maintenanceRequest) Check() error { return rules.Check(q) }

func (a *app) startMaintenance(w http.ResponseWriter, _ *http.Request, q *maintenanceRequest) error {
	waits := q.Wait == nil || *q.Wait
	if q.DryRun && !waits {
		return meter.Invalid(meter.CodeInvalidParameter, "wait", "must not be false with dry_run: the answer is all that there is of it")
	}
	run, err := a.runs.Start(a.runRequest(q))
	if err != nil {
		return err
	}
	status, answer := http.StatusOK, api.MaintenanceResult{
		Success: true, Message: fmt.Sprintf("Maintenance of %s completed successfully", run.Subject), Type: api.MaintenanceType(q.Type),
	}
	if waits {
		<-run.Done()
		if run.Err != nil {
			return run.Err
		}
		answer.Archives = archives(run.Archives)
	} else {
		status, answer.Archives = http.StatusAccepted, []api.Archive{}
		answer.Message = fmt.Sprintf("Maintenance of %s started; GET /maintenance/status tells how it goes", run.Subject)
	}
	if q.DryRun {
		answer.Message = "Nothing was written: these archives would be"
	}
	answer.Timestamp = a.stamp()
	httpkit.WriteJSON(w, status, answer)
	return nil
}

// runRequest fills in the defaults: yesterday, last month.
func (a *app) runRequest(q *maintenanceRequest) closing.Request {
	request := closing.Request{Kind: q.Type, Day: q.Date, Month: q.Month, DryRun: q.DryRun, Lost: q.Archives != ""}
	if q.Date == (meter.Day{}) {
		request.Day = a.zone.Today(a.reader.Now()).AddDays(-1)
	}
	if q.Month == (meter.Month{}) {
		request.Month = a.reader.LastMonth()
	}
	return request
}

func archives(infos []closing.ArchiveInfo) []api.Archive {
	answers := make([]api.Archive, 0, len(infos))
	for _, info := range infos {
		answers = append(answers, archive(info))
	}
	return answers
}

func archive(info closing.ArchiveInfo) api.Archive {
	return api.Archive{Period: info.Period.String(), File: info.File, Rows: info.Rows, SHA256: hex.EncodeToString(info.SHA256[:])}
}

func (a *app) maintenanceStatus(context.Context, *noParameters) (api.MaintenanceStatus, error) {
	status := a.runs.Status()
	answer := api.MaintenanceStatus{
		IsMaintenanceMode: status.Running != nil,
		IsReceivingData:   a.ledger.Receiving(),
		Accepting:         a.accepting(),
		Timestamp:         a.stamp(),
		Timezone:          a.zone.String(),
		LastRuns:          map[api.MaintenanceType]*api.MaintenanceRun{api.Daily: nil, api.Monthly: nil},
		Archives:          []api.ArchiveListing{},
		Due:               []api.DuePeriod{},
		Meters:            status.Meters,
	}
	if running := status.Running; running != nil {
		answer.Running = a.progress(running)
	}
	for _, listing := range status.Archives {
		answer.Archives = append(answer.Archives, a.listing(listing))
	}
	for _, due := range status.Due {
		answer.Due = append(answer.Due, api.DuePeriod{Period: due.Period.String(), Reason: string(due.Reason)})
	}
	for kind, run := range status.Last {
		answer.LastRuns[api.MaintenanceType(kind)] = a.run(run)
	}
	return answer, nil
}

func (a *app) accepting() api.Accepting {
	err := a.ledger.Ready()
	if err == nil {
		return api.Accepting{Readings: true}
	}
	return api.Accepting{Reason: new(meter.ReasonOf(err))}
}

func (a *app) progress(r *closing.Running) *api.MaintenanceProgress {
	progress := &api.MaintenanceProgress{
		Type: api.MaintenanceType(r.Run.Kind), Period: r.Run.Subject, Phase: r.Phase,
		Rows: r.Rows, RowsPerSecond: r.RowsPerSecond, Meters: r.Meters, MetersTotal: r.MetersTotal, Percent: r.Percent,
		StartedAt: a.zone.StampTime(r.Run.StartedAt),
	}
	if r.Left > 0 {
		progress.SecondsLeft = new(int64(r.Left.Seconds()))
	}
	return progress
}

func (a *app) listing(l closing.Listing) api.ArchiveListing {
	listing := api.ArchiveListing{Archive: archive(l.ArchiveInfo), WrittenAt: a.zone.StampTime(l.WrittenAt), State: string(l.State)}
	if m := l.Manifest; m != nil {
		listing.Meters, listing.First, listing.Last, listing.Bytes, listing.Version = &m.Meters, m.First, m.Last, &m.Bytes, &m.Version
	}
	return listing
}

func (a *app) run(r *closing.Run) *api.MaintenanceRun {
	run := &api.MaintenanceRun{
		Period: r.Subject, Success: r.Err == nil, Message: "completed successfully",
		StartedAt: a.zone.StampTime(r.StartedAt), FinishedAt: a.zone.StampTime(r.FinishedAt),
		Archives: archives(r.Archives),
	}
	if r.Err != nil {
		run.Message = httpkit.Detail(r.Err)
	}
	return run
}

func (a *app) shutdown(ctx context.Context, _ *noParameters) (api.Reception, error) {
	err := a.ledger.Shutdown(ctx)
	return api.Reception{Success: true, Message: "Reception of readings and registrations is shut down", Timestamp: a.stamp()}, err
}

type resumeRequest struct {
	Clock string `param:"clock" oneof:"trust"`
}

func (a *app) resume(ctx context.Context, q *resumeRequest) (api.Reception, error) {
	resume := a.ledger.Resume
	if q.Clock != "" {
		resume = a.ledger.ResumeTrusting
	}
	err := resume(ctx)
	return api.Reception{
		Success: true, Message: "Readings and registrations are received again", Timestamp: a.stamp(), IsReceivingData: true,
	}, err
}

func (a *app) restore(context.Context, *noParameters) (api.RestoreResult, error) {
	restored, err := a.runs.RestoreArchives()
	answer := api.RestoreResult{
		Success: true, Complete: restored.Refused == 0 && len(restored.Unverified) == 0, Timestamp: a.stamp(),
		Message: fmt.Sprintf("%d readings of %d meters restored, %d were there already, %d were refused",
			restored.Readings, restored.Meters, restored.Duplicates, restored.Refused),
		Accounts: restored.Accounts, Events: restored.Events, Meters: restored.Meters, Readings: restored.Readings, Duplicates: restored.Duplicates, Refused: restored.Refused,
		Rows: []api.RefusedRow{}, Unverified: append([]string{}, restored.Unverified...),
	}
	for _, row := range restored.List {
		answer.Rows = append(answer.Rows, api.RefusedRow{File: row.File, Row: row.Row, Code: meter.CodeOf(row.Err), Detail: row.Err.Error()})
	}
	return answer, err
}
