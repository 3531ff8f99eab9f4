package etcd

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"meterledger/internal/chain"
	"meterledger/internal/cluster"
)

// Found begins the order.
func (e *Engine) Found(ctx context.Context, at chain.Position) error {
	key := e.prefix + headKey
	r, err := e.txn(ctx, []clientv3.Cmp{lacks(key)}, []clientv3.Op{clientv3.OpPut(key, encodePosition(at))}, nil)
	if err == nil && !r.Succeeded {
		err = cluster.ErrFounded
	}
	return err
}

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
	return []clientv3.Op{clientv3.OpGet(e.prefix + headKey), clientv3.OpGet(e.prefix + leaderKey), clientv3.OpGet(e.prefix + haltKey)}
}

// view makes a view of the answer to look.
func view(r *clientv3.TxnResponse) (v cluster.View, err error) {
	head, leader, halt := r.Responses[0].GetResponseRange().Kvs, r.Responses[1].GetResponseRange().Kvs, r.Responses[2].GetResponseRange().Kvs
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
	if len(batch) > cluster.AppendBytesMax {
		return false, cluster.View{}, fmt.Errorf("%w: a batch of %d bytes, at most %d can be appended", cluster.ErrRefused, len(batch), cluster.AppendBytesMax)
	}
	end := after.After(batch)
	head := e.prefix + headKey
	r, err := e.txn(ctx, append(e.leads(term), clientv3.Compare(clientv3.Value(head), "=", encodePosition(after))),
		[]clientv3.Op{clientv3.OpPut(e.batchKey(end.Sequence), string(batch)), clientv3.OpPut(head, encodePosition(end))}, e.look())
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
