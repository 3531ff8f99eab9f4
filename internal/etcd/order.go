package etcd

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"meterledger/internal/chain"
	"meterledger/internal/cluster"
)

// View looks.
func (e *Engine) View(ctx context.Context) (cluster.View, error) {
	r, err := e.txn(ctx, nil, e.look(), nil)
	if err != nil {
		return cluster.View{}, err
	}
	return view(r)
}

// look is what a view is made of.
func (e *Engine) look() []clientv3.Op {
	return []clientv3.Op{clientv3.OpGet(e.prefix + headKey), clientv3.OpGet(e.prefix + leaderKey), clientv3.OpGet(e.prefix + haltKey), clientv3.OpGet(e.prefix + leftKey)}
}

// view makes a view of the answer to look.
func view(r *clientv3.TxnResponse) (v cluster.View, err error) {
	found := func(n int) []*mvccpb.KeyValue { return r.Responses[n].GetResponseRange().Kvs }
	head, leader, halt := found(0), found(1), found(2)
	if left := found(3); len(left) > 0 {
		return v, leftOf(left[0])
	}
	if len(head) == 0 {
		return v, cluster.ErrNotFounded
	}
	if v.Head, err = decodePosition(head[0].Value); err != nil {
		return v, fmt.Errorf("%s: %w", head[0].Key, err)
	}
	if v.Leader, err = leaderOf(leader); err != nil {
		return v, fmt.Errorf("%s: %w", leader[0].Key, err)
	}
	if len(halt) > 0 {
		if v.Halted, err = readNumber(halt[0].Value); err != nil {
			return v, fmt.Errorf("%s: %w", halt[0].Key, err)
		}
	}
	return v, nil
}

// Append adds a batch. While the order is halted nobody leads, so that need not be compared.
func (e *Engine) Append(ctx context.Context, term uint64, after chain.Position, batch []byte) (bool, cluster.View, error) {
	return e.add(ctx, e.leads(term), after, batch, func(chain.Position) []clientv3.Op { return nil })
}

// add adds the batch that follows a position, if that is the head and what is compared is so. Then it does
// what follows from the end of the batch.
func (e *Engine) add(ctx context.Context, compared []clientv3.Cmp, after chain.Position, batch []byte, then func(end chain.Position) []clientv3.Op) (bool, cluster.View, error) {
	if len(batch) > cluster.AppendBytesMax {
		return false, cluster.View{}, fmt.Errorf("%w: a batch of %d bytes, at most %d can be added", cluster.ErrRefused, len(batch), cluster.AppendBytesMax)
	}
	end := after.After(batch)
	head := e.prefix + headKey
	puts := []clientv3.Op{clientv3.OpPut(e.batchKey(end.Sequence), string(batch)), clientv3.OpPut(head, encodePosition(end))}
	r, err := e.txn(ctx, append(compared, clientv3.Compare(clientv3.Value(head), "=", encodePosition(after))), append(puts, then(end)...), e.look())
	if isNoRoom(err) {
		return e.settle(ctx, after, end, err)
	}
	if err != nil || r.Succeeded {
		return err == nil, cluster.View{}, err
	}
	v, err := view(r)
	return false, v, err
}

// settle finds out what became of a batch for which there was no room. An etcd says so before it begins, but also
// when it has added it and finds only then that there is no more; after either nothing of it is under way.
func (e *Engine) settle(ctx context.Context, after, end chain.Position, noRoom error) (bool, cluster.View, error) {
	v, err := e.View(ctx)
	switch {
	case err == nil && v.Head == end:
		return true, cluster.View{}, nil
	case err == nil && v.Head == after:
		return false, cluster.View{}, errors.Join(cluster.ErrRefused, noRoom)
	}
	return false, cluster.View{}, noRoom
}

// Cut deletes batches, and has the etcd forget all that was deleted or replaced.
func (e *Engine) Cut(ctx context.Context, term, upTo uint64, counted []cluster.Seen) error {
	compared := e.leads(term)
	for _, n := range counted {
		key := e.prefix + namesKey + n.Name
		compared = append(compared, exists(key), clientv3.Compare(clientv3.CreateRevision(key), "=", int64(n.Since)))
	}
	r, err := e.txn(ctx, compared,
		[]clientv3.Op{clientv3.OpDelete(e.batchKey(0), clientv3.WithRange(e.batchKey(upTo)+"\x00"))},
		[]clientv3.Op{clientv3.OpTxn(e.leads(term), nil, nil)})
	switch {
	case err != nil:
		return err
	case !r.Succeeded && r.Responses[0].GetResponseTxn().Succeeded:
		return cluster.ErrGone
	case !r.Succeeded:
		return cluster.ErrOver
	}
	if _, err := e.steps.Compact(ctx, r.Header.Revision); err != nil && !errors.Is(err, rpctypes.ErrCompacted) {
		return worded(err)
	}
	return nil
}
