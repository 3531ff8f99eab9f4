package node_test

import (
	"context"
	"fmt"
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/node"
	"meterledger/internal/store"
)

// reception is the request to begin or to end the reception of readings.
type reception struct{ on bool }

func (r reception) String() string { return fmt.Sprintf("reception on=%v", r.on) }

func (r reception) ask(ctx context.Context, n *node.Node) error {
	if r.on {
		return n.Resume(ctx)
	}
	return n.Shutdown(ctx)
}

func (r reception) stands(s *store.Store) bool { return s.Receiving() == r.on }

// isWrong reports whether reception is so already.
func (r reception) isWrong(s *store.Store, code meter.Code) bool {
	return s.Receiving() == r.on && code == map[bool]meter.Code{false: meter.CodeAlreadyShutDown, true: meter.CodeAlreadyReceiving}[r.on]
}

func (r reception) trace() []byte { return store.AppendReception(nil, r.on) }

// isRecorded reports whether a request is one that is not taken while reception is shut down.
func isRecorded(r request) bool {
	switch r.(type) {
	case sentReading, registration:
		return true
	}
	return false
}

// findShutOut finds the readings and registrations that were asked for behind an answered shutdown, and answered
// before anybody asked for a resume: what is answered 200 among them must have stood before the shutdown.
func (s *simulation) findShutOut() {
	for _, shut := range s.asked {
		if r, isReception := shut.request.(reception); !isReception || r.on || shut.err != nil {
			continue
		}
		resumed := s.resumedAfter(shut)
		for _, q := range s.asked {
			if isRecorded(q.request) && q.err == nil && q.began > shut.ended && q.ended < resumed {
				q.standsAt = append(q.standsAt, shut.answered)
			}
		}
	}
}

// resumedAfter returns when a resume may have taken effect first that stands behind a shutdown.
func (s *simulation) resumedAfter(shut *question) time.Duration {
	first := time.Since(s.began)
	for _, q := range s.asked {
		if r, isReception := q.request.(reception); !isReception || !r.on {
			continue
		}
		isKnown := q.err == nil || q.isRefused()
		if !isKnown || q.ended >= shut.began {
			first = min(first, q.began)
		}
	}
	return first
}
