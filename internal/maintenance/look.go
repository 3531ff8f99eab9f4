package maintenance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"meterledger/api"
	"meterledger/internal/client"
	"meterledger/internal/meter"
)

// otherZoneError says that the api keeps another time zone: its days and months are not ours.
type otherZoneError struct{ theirs, ours string }

func (e *otherZoneError) Error() string {
	return fmt.Sprintf("the api keeps the time zone %q and this program %q: nothing is run until -timezone is the same", e.theirs, e.ours)
}

// ownRefusalError says that the api refuses this program, and not somebody who asks something of it.
type ownRefusalError struct {
	error
	hasToken bool
}

func (e *ownRefusalError) Error() string {
	if !e.hasToken {
		return "the api has -auth on: give this program an operator's token with -api-token-file"
	}
	return fmt.Sprintf("the api refuses the token of -api-token-file: %v", e.error)
}

func (e *ownRefusalError) Unwrap() error { return e.error }

// own marks a refusal of who asked, where that was this program itself.
func (s *Service) own(err error) error {
	if !isUnwelcome(refusalOf(err)) {
		return err
	}
	return &ownRefusalError{err, s.settings.APITokenFile != ""}
}

// look asks the api what is archived and what is due, and remembers what is in the way of runs.
func (s *Service) look(ctx context.Context, patience time.Duration) (api.MaintenanceStatus, error) {
	status, err := s.lookWith(ctx, s.api, patience)
	err = s.own(err)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inTheWay = hindrance(err)
	return status, err
}

// lookWith asks for whoever c asks for. It returns an *otherZoneError if the api's days and
// months are not this program's.
func (s *Service) lookWith(ctx context.Context, c *client.Client, patience time.Duration) (api.MaintenanceStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	status, err := c.MaintenanceStatus(ctx)
	if ours := s.settings.Timezone.String(); err == nil && status.Timezone != ours {
		err = &otherZoneError{status.Timezone, ours}
	}
	return status, err
}

// hindrance returns why nothing could be run when the api was asked last, or none.
func (s *Service) hindrance() meter.Reason {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inTheWay
}

// hindrance returns the reason why nothing can be run, or none.
func hindrance(err error) meter.Reason {
	var otherZone *otherZoneError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &otherZone):
		return meter.ReasonOtherZone
	default:
		return meter.ReasonAPIAway
	}
}

// readyPatience is how long the api may take to answer while somebody waits for /readyz.
const readyPatience = 2 * time.Second

type readyRequest struct {
	For string `param:"for" oneof:"readings"` // the api's; nothing else depends on readings here
}

// ready answers whether the service can do its work: the api is there, and of the same zone.
func (s *Service) ready(ctx context.Context, _ *readyRequest) (api.Readiness, error) {
	if _, err := s.look(ctx, readyPatience); err != nil {
		return api.Readiness{}, meter.Unavailable(meter.CodeUpstream, retryAfter, "%s cannot run: %s", s.kind.program, reason(err)).Because(hindrance(err))
	}
	return api.Readiness{Status: "ready"}, nil
}
