package cluster

import (
	"context"
	"errors"
	"io"
	"time"
)

const (
	// LeaseTime is how long a leader that is not heard of goes on leading.
	LeaseTime = 3 * time.Second
	// SayTime is how long a node is live after it has said something.
	SayTime = 10 * time.Second

	// BatchBytesMax is where a batch of several proposals is closed, in bytes of payload.
	BatchBytesMax = 256 << 10
	// ProposalBytesMax is the largest payload of a proposal.
	ProposalBytesMax = 1 << 20
)

// Proposal is what a node wants to have in the order. Those of one process to the leader of one term are numbered
// without a gap; each stands in the order at most once, and in that order.
type Proposal struct {
	To          Leader // who must lead, in which term
	Incarnation uint64 // of the proposing process
	Number      uint64 // of the proposal, from 1 in each term
	Applied     uint64 // sequence up to which the proposing node had applied the order
	Entries     int    // in Payload
	Payload     []byte
}

// Peers reaches other nodes. Errors that wrap none of those below leave it open what was done. The error wraps
// syscall.ECONNREFUSED if nobody serves at the address. Any number of goroutines may call it.
type Peers interface {
	// Propose has a leader queue a proposal, or learns that it has it already. That says nothing of whether it will be in
	// the order: the tail tells. It is ErrFull if there is no room now, ErrMoved if the node does not lead in that term,
	// and ErrRefused if it is none; one of more than ProposalBytesMax is. Once it has returned, the bytes of the
	// payload may be changed.
	Propose(ctx context.Context, p Proposal) error

	// Batches hands out the batches that a node has copied behind a sequence, as far as it goes: if there is no
	// error, all of them. It is a *CutError if the next one is not there any more. An error of take is returned. The
	// bytes of a batch may be kept.
	Batches(ctx context.Context, from Node, after uint64, take func(batch []byte) error) error

	// Snapshot writes the bytes of a node's newest snapshot: if there is no error, all of them. It is
	// fs.ErrNotExist if there is none.
	Snapshot(ctx context.Context, from Node, to io.Writer) error
}

var (
	// ErrFull: there is no room for a proposal now.
	ErrFull = errors.New("the leader's queue is full")
	// ErrMoved: the node does not lead in that term.
	ErrMoved = errors.New("the node does not lead in this term")
)
