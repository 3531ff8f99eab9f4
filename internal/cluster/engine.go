// Package cluster is what several nodes agree on: one order of batches, kept by an engine
// that outlives each of them, and the right of one node at a time to add to it.
//
// An engine is dumb: each of its calls is one atomic step, whose answer may be lost. What
// follows from the answers is decided here and in package ledger, so that it is the same
// for every engine.
package cluster

import (
	"context"
	"errors"
	"fmt"

	"meterledger/internal/chain"
)

// Node is a process that takes part.
type Node struct {
	Name        string // of the machine; of two processes with one name only one may take part
	Incarnation uint64 // of the process, drawn at random and never 0
	Address     string // where its peers reach it
}

// Leader is the node that may append, and since when.
type Leader struct {
	Node
	Term uint64 // rises from leader to leader of one engine, never 0
}

// View is what an engine holds at one moment.
type View struct {
	Leader Leader         // the zero value if nobody leads
	Head   chain.Position // the end of the newest batch
	Halted uint64         // the sequence that a node had copied and the engine had lost; 0 if nothing was lost
}

// Order is what all nodes of an order must agree on. Its founding says it.
type Order struct {
	At         chain.Position // which the first batch follows: the end of the founding node's journal
	Zone       string         // name of the time zone
	Compressed bool           // archives are written as zstd
	Again      bool           // an engine before had more of the journal, maybe more than the founding node
}

// Status is what a node says of itself.
type Status struct {
	Node
	Applied chain.Position // the end of what it has applied
	Copied  uint64         // sequence of the last batch that is safe on its own disk
	First   uint64         // sequence of the oldest batch that it can hand out; 0 for none
	Pinned  uint64         // of a node that fetches a snapshot: batches behind this sequence must not be cut; else 0
	Level   uint8          // the newest rules that its program knows
	Witness uint64         // number of the last witness that it has applied
	Digest  uint64         // of its verdicts up to there
	Clock   int64          // its clock when it said this, in ms since 1970
	Room    Room           // on its disk
}

// Room says what a node's disk has room for.
type Room uint8

// From the best on.
const (
	RoomForAll    Room = iota
	RoomForLittle      // no readings and registrations
	RoomForNothing
)

// Engine keeps the order. An error of a call that changes something leaves it unknown whether the change
// was made, or still will be, unless it wraps ErrRefused: then it was not, and the same call would be
// refused again. A call may arrive twice. Any number of goroutines may call it.
type Engine interface {
	// Found makes the order of a journal begin behind a position, once. It is ErrFounded
	// if there is one. Before, Founded, View, Lead, Append, Halt, Mend, Leave and Tail are ErrNotFounded.
	Found(ctx context.Context, o Order) error

	// Founded returns what the order was founded with.
	Founded(ctx context.Context) (Order, error)

	// Identity says which engine it is, and how far it is. The id is never 0 and stays as long as the engine does. The
	// revision rises with every change, unless the engine is brought back from a copy.
	Identity(ctx context.Context) (EngineID, Revision, error)

	// View returns what the engine holds at a moment between call and answer.
	View(ctx context.Context) (View, error)

	// Lead makes a node the leader in a new term, if the term of the present leader is
	// instead (0: if nobody leads), and nothing is halted. The view is that of the same
	// step: if it names the node as its leader, be it by an earlier call, no batch of an
	// older term comes behind its head. A term ends by itself LeaseTime after the call, or soon after that.
	Lead(ctx context.Context, n Node, instead uint64) (View, error)

	// Append adds the batch that follows a position, if that is the head, the term is
	// that of the present leader, and nothing is halted. If it did not, the view is that of
	// the same step. That the batch does follow is for the caller to see to. One of more than
	// AppendBytesMax is ErrRefused. Once it has returned, the bytes of the batch may be changed.
	Append(ctx context.Context, term uint64, after chain.Position, batch []byte) (added bool, v View, err error)

	// Renew keeps a term from ending by itself for LeaseTime after the call. It is ErrOver once the
	// term has ended. The connection that asks need not be the one that led.
	Renew(ctx context.Context, term uint64) error

	// Resign ends a term, if it has not ended yet. It is no error if it has.
	Resign(ctx context.Context, term uint64) error

	// Halt says that a node has copied a batch, by its sequence, that the engine does not have: from
	// then on nobody leads and nothing is added, until an operator heals the engine. Of several the
	// highest counts.
	Halt(ctx context.Context, copied uint64) error

	// Mend adds the batch that follows a position, if that is the head and the engine is halted; with the
	// batch that it is halted for the halt ends. If it did not, the view is that of the same step. All else is as
	// Append has it.
	Mend(ctx context.Context, after chain.Position, batch []byte) (added bool, v View, err error)

	// Leave ends the order for good, for a node that goes on alone from a position, if that is the head, nobody leads, and
	// nothing is halted. Else it is ErrRefused. Afterwards all that was ErrNotFounded before Found is a *LeftError, and
	// so is Found, unless it makes the order of the same journal begin behind a later position. The same again is no error.
	Leave(ctx context.Context, node string, at chain.Position) error

	// Watch calls watch with the leader, at once and when it may have changed, until ctx is done
	// or the connection is lost, and returns the error. Whom it names may not lead any more. Who is named
	// last leads, or another call follows.
	Watch(ctx context.Context, watch func(Leader)) error

	// Tail hands out the batches behind a sequence, those that are there and those that
	// come, one after the other, until take fails, ctx is done or the connection is lost, and returns
	// the error. It may leave one out, hand one out again, or be silent without an error: which batch
	// comes next is for take to check, and whether there is one, View tells. It is a *CutError if the
	// next one was cut. The bytes of a batch may be kept and must not be changed.
	Tail(ctx context.Context, after uint64, take func(batch []byte) error) error

	// Cut drops the batches up to a sequence, which may be none, if the term is that of the present leader, else it is
	// ErrOver, and each node that was counted has been there without a gap since it was seen, else it is ErrGone.
	// The head stays where it is. The engine may forget what was replaced before, such as what nodes have said.
	Cut(ctx context.Context, term, upTo uint64, counted []Seen) error

	// Say makes known what a node says of itself, until SayTime after the call or soon after that; an engine that is in
	// trouble itself may begin that time anew. It is ErrNameTaken while another incarnation of the same name is known.
	Say(ctx context.Context, s Status) error

	// Nodes returns the last that each node has said that is known, in the order of their names.
	Nodes(ctx context.Context) ([]Seen, error)

	// Usage returns how much room the engine takes. What was cut takes none any more, at once or soon.
	Usage(ctx context.Context) (Usage, error)
}

// AppendBytesMax is the size of the largest batch that every engine takes: a commit of 1 MiB, with what
// stands around it.
const AppendBytesMax = 1<<20 + 64<<10

// Usage is how much room an engine takes.
type Usage struct {
	Bytes int64
	Max   int64 // how many bytes it may take, and takes no batch beyond; 0 if that is not known
	// Refuses says that it takes nothing, not even a leader, whatever room there is, until an operator lets it: it was full once.
	Refuses bool
}

// IsHigh reports whether three quarters are taken. What is still free then is for the leader, who needs it to
// cut what nodes have copied once they are back.
func (u Usage) IsHigh() bool { return u.Max > 0 && u.Bytes > u.Max/4*3 }

// Seen is what a node said last.
type Seen struct {
	Status
	Since uint64 // stays as long as the node is known without a gap, and never comes again
}

var (
	// ErrNotFounded: the engine holds no order yet.
	ErrNotFounded = errors.New("no order was founded in this engine")
	// ErrFounded: the engine holds an order already.
	ErrFounded = errors.New("an order was founded in this engine before")
	// ErrOver: the term has ended.
	ErrOver = errors.New("the term is over")
	// ErrNameTaken: another process takes part under the same name.
	ErrNameTaken = errors.New("another process takes part under the same name")
	// ErrGone: a node that was counted was not there without a gap.
	ErrGone = errors.New("a node that was counted has gone")
	// ErrRefused: nothing was changed, and nothing would be if the same were asked again, before an operator
	// has mended something.
	ErrRefused = errors.New("the engine refuses")
)

// LeftError says that an order has ended, because a node left with it to go on alone.
type LeftError struct {
	Node string         // its name
	At   chain.Position // the end of the order
}

func (e *LeftError) Error() string {
	return fmt.Sprintf("the order has ended with batch %d: node %s has left with it and goes on alone", e.At.Sequence, e.Node)
}

// CutError says that a batch is not in the engine any more.
type CutError struct {
	First uint64 // sequence of the oldest batch that is there, or of the next one
}

func (e *CutError) Error() string {
	return fmt.Sprintf("the engine begins with batch %d: what stands before it was cut", e.First)
}
