package etcd

import (
	"encoding/binary"
	"encoding/json"
	"fmt"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"meterledger/internal/chain"
	"meterledger/internal/cluster"
)

// What the etcd holds of an order, each under /meterledger/<cluster>/, numbers in big-endian order:
//
//	order         cluster.Order as JSON
//	head          journal, 16 bytes | sequence, uint64 | SHA-256 of the newest batch, 32 bytes
//	j/<sequence>  the batch, byte for byte; the sequence is 8 bytes, so that keys are in its order
//	leader        cluster.Node as JSON, with a lease of LeaseTime. Its ModRevision is the term
//	halt          sequence, uint64
//	left          position as in head | name of the node that left with it; then there is no head
//	names/<node>  incarnation, uint64. Its CreateRevision is Since
//	nodes/<node>  cluster.Status as JSON; both with one lease of SayTime
//
// A key that is not there has the ModRevision 0, which is no term: so whoever compares a term
// compares the CreateRevision too.
const (
	orderKey   = "order"
	headKey    = "head"
	batchesKey = "j/"
	batchesEnd = "j0" // the first key that is none of a batch
	leaderKey  = "leader"
	haltKey    = "halt"
	leftKey    = "left"
	namesKey   = "names/"
	nodesKey   = "nodes/"
)

func (e *Engine) batchKey(sequence uint64) string {
	return e.prefix + batchesKey + number(sequence)
}

func number(n uint64) string { return string(binary.BigEndian.AppendUint64(nil, n)) }

func readNumber(b []byte) (uint64, error) {
	if len(b) != 8 {
		return 0, fmt.Errorf("%d bytes are no number", len(b))
	}
	return binary.BigEndian.Uint64(b), nil
}

func exists(key string) clientv3.Cmp { return clientv3.Compare(clientv3.CreateRevision(key), ">", 0) }

func lacks(key string) clientv3.Cmp { return clientv3.Compare(clientv3.CreateRevision(key), "=", 0) }

// leads compares the term with that of the present leader.
func (e *Engine) leads(term uint64) []clientv3.Cmp {
	key := e.prefix + leaderKey
	return []clientv3.Cmp{exists(key), clientv3.Compare(clientv3.ModRevision(key), "=", int64(term))}
}

func encodePosition(p chain.Position) string {
	return string(p.Journal[:]) + number(p.Sequence) + string(p.Hash[:])
}

const positionBytes = len(chain.ID{}) + 8 + len(chain.Hash{})

func decodePosition(b []byte) (p chain.Position, err error) {
	if len(b) != positionBytes {
		return p, fmt.Errorf("%d bytes are no position", len(b))
	}
	journal := len(p.Journal)
	copy(p.Journal[:], b)
	copy(p.Hash[:], b[journal+8:])
	p.Sequence, err = readNumber(b[journal : journal+8])
	return p, err
}

func encodeLeft(l cluster.LeftError) string { return encodePosition(l.At) + l.Node }

func decodeLeft(b []byte) (*cluster.LeftError, error) {
	at, err := decodePosition(b[:min(len(b), positionBytes)])
	if err != nil {
		return nil, err
	}
	return &cluster.LeftError{Node: string(b[positionBytes:]), At: at}, nil
}

// leaderOf reads the leader from its key, if that is there.
func leaderOf(found []*mvccpb.KeyValue) (l cluster.Leader, err error) {
	if len(found) == 0 {
		return l, nil
	}
	l.Term = uint64(found[0].ModRevision)
	return l, json.Unmarshal(found[0].Value, &l.Node)
}
