package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	engine "meterledger/internal/cluster"
	"meterledger/internal/ledger"
	"meterledger/internal/meter"
	"meterledger/internal/tools/caller"
	"meterledger/internal/tools/drill/town"
	"meterledger/internal/tools/suite/programs"
)

// comparers is how many meters are fetched from a node at the same time.
const comparers = 4

// compareNodes holds what each node says against what callers were told, all of it.
func (h *house) compareNodes(ctx context.Context) error {
	for _, p := range h.APIs {
		one := caller.Caller{Host: p.Host(), Header: "Read-Consistency: strong\r\n", Patience: patience}
		if err := h.Compare(ctx, caller.Several(comparers, one)); err != nil {
			return fmt.Errorf("%s: %w", p.Name, err)
		}
	}
	return nil
}

// finish has everything archived, compares all nodes and the files, and the states that the nodes' folders lead to.
func (h *house) finish(ctx context.Context) error {
	found, err := h.Finish(ctx, h.caller(0), programs.ArchiveDir(h.folder), func() error {
		return errors.Join(h.compareNodes(ctx), h.settle(ctx), h.Kill())
	})
	if err != nil {
		return err
	}
	hash, err := h.compareStates(ctx)
	h.say("      %d rows in %d files, and each node comes to the state %x", found.Rows, found.Files, hash[:4])
	return err
}

// settle waits until each node has copied all there is.
func (h *house) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, wellMax, fmt.Errorf("not every node has copied all within %s", wellMax))
	defer cancel()
	for {
		v, err := h.engine.View(ctx)
		all, errNodes := h.engine.Nodes(ctx)
		behind := slices.ContainsFunc(all, func(n engine.Seen) bool { return n.Copied != v.Head.Sequence })
		if err = errors.Join(err, errNodes); err == nil && len(all) == nodes && !behind {
			return nil
		}
		if ended := caller.Pause(ctx, 50*time.Millisecond); ended != nil {
			return errors.Join(fmt.Errorf("%w: the order ends with %d, %+v", ended, v.Head.Sequence, all), err)
		}
	}
}

// compareStates brings back the state of each node that was killed, which must be the same.
func (h *house) compareStates(ctx context.Context) (first [32]byte, err error) {
	zone, err := meter.LoadZone(town.Timezone)
	if err != nil {
		return first, err
	}
	for n, p := range h.APIs {
		state, _ := ledger.Verify(ctx, ledger.Options{FS: vfs.Default, DataDir: h.dataDir(p), Zone: zone, Log: slog.New(slog.DiscardHandler)}, func(f ledger.Finding) {
			if f.Err != nil {
				h.Findings.Misbehaved("%s: %s: %v", p.Name, f.What, f.Err)
			}
		})
		switch {
		case state == nil:
			h.Findings.Misbehaved("the folder of %s leads to no state", p.Name)
		case n == 0:
			first = state.Hash()
		case state.Hash() != first:
			h.Findings.Misbehaved("%s comes to another state than %s", p.Name, h.APIs[0].Name)
		}
	}
	return first, nil
}
