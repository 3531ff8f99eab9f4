package client

import (
	"context"
	"net/http"

	"meterledger/api"
)

// MaintenanceRequest asks for a run. An empty Date or Month means the api's default:
// yesterday, last month.
type MaintenanceRequest struct {
	Type   api.MaintenanceType
	Date   string // YYYY-MM-DD, of api.Daily and api.Both
	Month  string // YYYY-MM, of api.Monthly and api.Both
	NoWait bool   // the api answers when the run has begun
	DryRun bool   // the api writes nothing, and answers what it would write
}

// StartMaintenance asks the api to archive periods, and waits until it has, except with
// NoWait. To archive a period twice changes nothing, so another node is asked the same, also if nothing is known of
// what became of it at the first.
func (c *Client) StartMaintenance(ctx context.Context, q MaintenanceRequest) (api.MaintenanceResult, error) {
	wait, dry := "", ""
	if q.NoWait {
		wait = "false"
	}
	if q.DryRun {
		dry = "true"
	}
	return post[api.MaintenanceResult](ctx, c, "/maintenance/start",
		"maintenance_type", string(q.Type), "date", q.Date, "month", q.Month, "wait", wait, "dry_run", dry)
}

// MaintenanceStatus returns the state of maintenance and which archives exist.
func (c *Client) MaintenanceStatus(ctx context.Context) (api.MaintenanceStatus, error) {
	return get[api.MaintenanceStatus](ctx, c, "/maintenance/status")
}

// Restore asks the api to add the readings that it lacks from the archive folder.
func (c *Client) Restore(ctx context.Context) (api.RestoreResult, error) {
	return post[api.RestoreResult](ctx, c, "/restore_data")
}

// Shutdown makes the api refuse readings and registrations until Resume.
func (c *Client) Shutdown(ctx context.Context) error { return c.do(ctx, http.MethodPost, "/shutdown") }

// Resume makes the api receive readings again.
func (c *Client) Resume(ctx context.Context) error { return c.do(ctx, http.MethodPost, "/resume") }

// WhoAmI returns as whom the api knows the credential of the client.
func (c *Client) WhoAmI(ctx context.Context) (api.Caller, error) {
	return get[api.Caller](ctx, c, "/whoami")
}

// Healthy returns nil if the api is alive. It asks without a credential: one that has expired says
// nothing of the api.
func (c *Client) Healthy(ctx context.Context) error {
	return c.With(NoCredential).do(ctx, http.MethodGet, "/healthz")
}

// Ready returns nil if the api answers questions. It asks without a credential too.
func (c *Client) Ready(ctx context.Context) error {
	return c.With(NoCredential).do(ctx, http.MethodGet, "/readyz")
}
