package client

import (
	"context"
	"net/http"

	"meterledger/internal/meter"
)

// MaintenanceType is what a maintenance run does.
type MaintenanceType string

// The types of maintenance.
const (
	Daily   MaintenanceType = "daily"
	Monthly MaintenanceType = "monthly"
	Both    MaintenanceType = "both"
)

// MaintenanceRequest asks for a run. An empty Date or Month is the api's
// default: yesterday, last month.
type MaintenanceRequest struct {
	Type   MaintenanceType
	Date   string // YYYY-MM-DD, of Daily and Both
	Month  string // YYYY-MM, of Monthly and Both
	NoWait bool   // answer once the run has begun
	DryRun bool   // only say what would be written
}

// Archive is an archive file of the api.
type Archive struct {
	Period string `json:"period"` // YYYY-MM-DD or YYYY-MM
	File   string `json:"file"`
	Rows   int64  `json:"rows"`
	SHA256 string `json:"sha256"`
}

// Maintenance is what a run did.
type Maintenance struct {
	Message   string          `json:"message"`
	Timestamp string          `json:"timestamp"`
	Type      MaintenanceType `json:"maintenance_type"`
	Archives  []Archive       `json:"archives"`
}

// StartMaintenance has the api archive a period, and waits until it has, unless
// q says not to.
func (c *Client) StartMaintenance(ctx context.Context, q MaintenanceRequest) (Maintenance, error) {
	wait, dry := "", ""
	if q.NoWait {
		wait = "false"
	}
	if q.DryRun {
		dry = "true"
	}
	return ask[Maintenance](ctx, c, call{method: http.MethodPost, path: "/maintenance/start", parameters: parameters{
		"maintenance_type", string(q.Type), "date", q.Date, "month", q.Month, "wait", wait, "dry_run", dry,
	}})
}

// MaintenanceStatus is what maintenance is doing and has done.
type MaintenanceStatus struct {
	IsMaintenanceMode bool   `json:"is_maintenance_mode"`
	IsReceivingData   bool   `json:"is_receiving_data"`
	Timestamp         string `json:"timestamp"`
	// Running is nil while nothing runs.
	Running *MaintenanceProgress `json:"running"`
	// LastRuns holds nil for a type that has not been run.
	LastRuns map[MaintenanceType]*MaintenanceRun `json:"last_runs"`
	Archives []ListedArchive                     `json:"archives"`
}

// ListedArchive is an archive that was written, and what its manifest says of it:
// nil where there is none to be believed.
type ListedArchive struct {
	Archive
	WrittenAt string  `json:"written_at"`
	State     string  `json:"state"` // good, or what is wrong with it
	Meters    *int64  `json:"meters"`
	First     *string `json:"first"`
	Last      *string `json:"last"`
	Bytes     *int64  `json:"bytes"`
	Version   *string `json:"version"`
}

// MaintenanceProgress is how far a run has come.
type MaintenanceProgress struct {
	Type          MaintenanceType `json:"maintenance_type"`
	Period        string          `json:"period"`
	Phase         string          `json:"phase"`
	Percent       int             `json:"percent"`
	Rows          int64           `json:"rows"`
	RowsPerSecond int64           `json:"rows_per_second"`
	SecondsLeft   *int64          `json:"seconds_left"` // nil while nothing can be said
	StartedAt     string          `json:"started_at"`
}

// MaintenanceRun is a run that has ended.
type MaintenanceRun struct {
	Period     string    `json:"period"`
	Success    bool      `json:"success"`
	Message    string    `json:"message"`
	StartedAt  string    `json:"started_at"`
	FinishedAt string    `json:"finished_at"`
	Archives   []Archive `json:"archives"`
}

// MaintenanceStatus returns the state of maintenance and which archives exist.
func (c *Client) MaintenanceStatus(ctx context.Context) (MaintenanceStatus, error) {
	return ask[MaintenanceStatus](ctx, c, call{method: http.MethodGet, path: "/maintenance/status"})
}

// Shutdown has the api refuse readings and registrations until Resume.
func (c *Client) Shutdown(ctx context.Context) error { return c.post(ctx, "/shutdown") }

// Resume has the api take readings again.
func (c *Client) Resume(ctx context.Context) error { return c.post(ctx, "/resume") }

// Healthy returns nil where the api is alive.
func (c *Client) Healthy(ctx context.Context) error { return c.get(ctx, "/healthz") }

// Ready returns nil where the api takes readings.
func (c *Client) Ready(ctx context.Context) error { return c.get(ctx, "/readyz") }

func (c *Client) get(ctx context.Context, path string) error {
	_, err := c.send(ctx, call{method: http.MethodGet, path: path})
	return err
}

func (c *Client) post(ctx context.Context, path string) error {
	_, err := c.send(ctx, call{method: http.MethodPost, path: path})
	return err
}

// Restored is what came back from the archive folder.
type Restored struct {
	Message    string       `json:"message"`
	Timestamp  string       `json:"timestamp"`
	Meters     int64        `json:"restored_meters_count"`
	Readings   int64        `json:"restored_readings_count"`
	Duplicates int64        `json:"duplicates_count"`
	Refused    int64        `json:"refused_count"`
	Rows       []RefusedRow `json:"refused"` // at most 1,000 of the refused rows
}

// RefusedRow says why a row of an archive file was not taken.
type RefusedRow struct {
	File   string     `json:"file"`
	Row    int        `json:"row"`
	Code   meter.Code `json:"code"`
	Detail string     `json:"detail"`
}

// Restore has the api add what its store lacks from the archive folder.
func (c *Client) Restore(ctx context.Context) (Restored, error) {
	return ask[Restored](ctx, c, call{method: http.MethodPost, path: "/restore_data"})
}
