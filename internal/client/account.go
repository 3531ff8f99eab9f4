package client

import (
	"context"
	"net/http"

	"meterledger/internal/meter"
)

// Account is a household's registration of a meter.
type Account struct {
	MeterID      meter.ID `json:"meter_id"`
	OwnerName    string   `json:"owner_name"`
	Address      string   `json:"address"`
	RegisteredAt string   `json:"registered_at"`
}

// RegisterAccount registers a meter. Once it returns nil the account is on disk.
func (c *Client) RegisterAccount(ctx context.Context, id meter.ID, ownerName, address string) error {
	_, err := c.send(ctx, call{
		method: http.MethodPost, path: "/register_account",
		parameters: parameters{"meter_id", string(id), "owner_name", ownerName, "address", address},
	})
	return err
}

// Account returns the account of a meter.
func (c *Client) Account(ctx context.Context, id meter.ID) (Account, error) {
	return ask[Account](ctx, c, call{method: http.MethodGet, path: "/account", parameters: parameters{"meter_id", string(id)}})
}
