package etcd

import (
	"context"
	"encoding/json"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"meterledger/internal/cluster"
)

// Lead takes the term. From the revision of that on no step of an older term succeeds, so the head
// that is read in it is final.
func (e *Engine) Lead(ctx context.Context, n cluster.Node, instead uint64) (cluster.View, error) {
	lease, err := e.lease(ctx, cluster.LeaseTime)
	if err != nil {
		return cluster.View{}, err
	}
	node, err := json.Marshal(n)
	if err != nil {
		return cluster.View{}, err
	}
	key, look := e.prefix+leaderKey, clientv3.OpTxn(nil, e.look(), nil)
	r, err := e.txn(ctx,
		[]clientv3.Cmp{clientv3.Compare(clientv3.ModRevision(key), "=", int64(instead)), lacks(e.prefix + haltKey), exists(e.prefix + headKey)},
		[]clientv3.Op{clientv3.OpPut(key, string(node), clientv3.WithLease(lease)), look},
		[]clientv3.Op{look})
	if err != nil {
		return cluster.View{}, err
	}
	seen := r.Responses[len(r.Responses)-1].GetResponseTxn()
	return view((*clientv3.TxnResponse)(seen))
}

// Renew finds the lease at the leader's key.
func (e *Engine) Renew(ctx context.Context, term uint64) error {
	r, err := e.txn(ctx, e.leads(term), []clientv3.Op{clientv3.OpGet(e.prefix + leaderKey)}, nil)
	switch {
	case err != nil:
		return err
	case !r.Succeeded:
		return cluster.ErrOver
	}
	return e.renewLease(ctx, r.Responses[0].GetResponseRange().Kvs[0].Lease)
}

// renewLease asks once: the client's own KeepAliveOnce asks without a pause as long as nobody can be reached.
func (e *Engine) renewLease(ctx context.Context, lease int64) error {
	streaming, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	defer cancel()
	stream, err := pb.NewLeaseClient(e.members).LeaseKeepAlive(streaming)
	if err != nil {
		return worded(clientv3.ContextError(ctx, err))
	}
	_ = stream.Send(&pb.LeaseKeepAliveRequest{ID: lease}) // if it fails, Recv says why
	r, err := stream.Recv()
	switch {
	case err != nil:
		return worded(clientv3.ContextError(ctx, err))
	case r.TTL <= 0:
		return cluster.ErrOver
	}
	return nil
}

// Resign deletes the leader; its lease ends by itself.
func (e *Engine) Resign(ctx context.Context, term uint64) error {
	_, err := e.txn(ctx, e.leads(term), []clientv3.Op{clientv3.OpDelete(e.prefix + leaderKey)}, nil)
	return err
}
