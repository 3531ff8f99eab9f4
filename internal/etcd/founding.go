package etcd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"meterledger/internal/chain"
	"meterledger/internal/cluster"
)

// Found begins the order, where there is none, or where one ended with an earlier position of the journal. What is
// left of that one's batches does not go on to the new ones, and is deleted.
func (e *Engine) Found(ctx context.Context, o cluster.Order) error {
	text, err := json.Marshal(o)
	if err != nil {
		return err
	}
	head, left := e.prefix+headKey, e.prefix+leftKey
	begin := []clientv3.Op{
		clientv3.OpPut(e.prefix+orderKey, string(text)), clientv3.OpPut(head, encodePosition(o.At)),
		clientv3.OpDelete(left), clientv3.OpDelete(e.batchKey(0), clientv3.WithRange(e.prefix+batchesEnd)),
	}
	journal := string(o.At.Journal[:])
	isBehind := []clientv3.Cmp{ // by the order of bytes
		clientv3.Compare(clientv3.Value(left), ">", journal), clientv3.Compare(clientv3.Value(left), "<", journal+number(o.At.Sequence)),
	}
	r, err := e.txn(ctx, []clientv3.Cmp{lacks(head), lacks(left)}, begin, []clientv3.Op{clientv3.OpTxn(isBehind, begin, e.look())})
	if err != nil || r.Succeeded {
		return err
	}
	later := r.Responses[0].GetResponseTxn()
	if later.Succeeded {
		return nil
	}
	if _, err = view((*clientv3.TxnResponse)(later)); err == nil {
		err = cluster.ErrFounded
	}
	return err
}

// Founded reads what Found has put.
func (e *Engine) Founded(ctx context.Context) (o cluster.Order, err error) {
	r, err := e.txn(ctx, nil, append(e.look(), clientv3.OpGet(e.prefix+orderKey)), nil)
	if err != nil {
		return o, err
	}
	if _, err := view(r); err != nil {
		return o, err
	}
	for _, order := range r.Responses[len(r.Responses)-1].GetResponseRange().Kvs {
		if err := json.Unmarshal(order.Value, &o); err != nil {
			return o, fmt.Errorf("%s: %w", order.Key, err)
		}
	}
	return o, nil
}

// Halt deletes the leader and stands in the way of the next one.
func (e *Engine) Halt(ctx context.Context, copied uint64) error {
	key := e.prefix + haltKey
	put := []clientv3.Op{clientv3.OpPut(key, number(copied))}
	raise := clientv3.OpTxn([]clientv3.Cmp{clientv3.Compare(clientv3.Value(key), "<", number(copied))}, put, nil)
	r, err := e.txn(ctx, []clientv3.Cmp{exists(e.prefix + headKey)}, []clientv3.Op{
		clientv3.OpDelete(e.prefix + leaderKey),
		clientv3.OpTxn([]clientv3.Cmp{lacks(key)}, put, []clientv3.Op{raise}),
	}, e.look())
	if err == nil && !r.Succeeded {
		_, err = view(r)
	}
	return err
}

// Mend adds a batch, and deletes the halt with the batch that it is for.
func (e *Engine) Mend(ctx context.Context, after chain.Position, batch []byte) (bool, cluster.View, error) {
	key := e.prefix + haltKey
	return e.add(ctx, []clientv3.Cmp{exists(key)}, after, batch, func(end chain.Position) []clientv3.Op {
		isMended := []clientv3.Cmp{clientv3.Compare(clientv3.Value(key), "<", number(end.Sequence+1))}
		return []clientv3.Op{clientv3.OpTxn(isMended, []clientv3.Op{clientv3.OpDelete(key)}, nil)}
	})
}

// Leave puts what the order ended with in the place of its head.
func (e *Engine) Leave(ctx context.Context, node string, at chain.Position) error {
	head, leader, halt := e.prefix+headKey, e.prefix+leaderKey, e.prefix+haltKey
	left := cluster.LeftError{Node: node, At: at}
	r, err := e.txn(ctx,
		[]clientv3.Cmp{clientv3.Compare(clientv3.Value(head), "=", encodePosition(at)), lacks(leader), lacks(halt)},
		[]clientv3.Op{clientv3.OpDelete(head), clientv3.OpPut(e.prefix+leftKey, encodeLeft(left))}, e.look())
	if err != nil || r.Succeeded {
		return err
	}
	v, err := view(r)
	if ended, ok := errors.AsType[*cluster.LeftError](err); ok && *ended == left {
		return nil
	}
	if err == nil {
		err = fmt.Errorf("%w: the order ends with batch %d, term %d goes on, and it is halted for batch %d", cluster.ErrRefused, v.Head.Sequence, v.Leader.Term, v.Halted)
	}
	return err
}

// leftOf makes an error of the key that says who left.
func leftOf(found *mvccpb.KeyValue) error {
	left, err := decodeLeft(found.Value)
	if err != nil {
		return fmt.Errorf("%s: %w", found.Key, err)
	}
	return left
}
