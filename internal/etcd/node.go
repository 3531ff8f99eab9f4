package etcd

import (
	"context"
	"encoding/json"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"

	"meterledger/internal/cluster"
)

// Say puts both keys of the node with a lease of their own, so that nothing need be remembered from one call
// to the next.
func (e *Engine) Say(ctx context.Context, s cluster.Status) error {
	lease, err := e.lease(ctx, cluster.SayTime)
	if err != nil {
		return err
	}
	status, err := json.Marshal(s)
	if err != nil {
		return err
	}
	name, incarnation := e.prefix+namesKey+s.Name, number(s.Incarnation)
	puts := []clientv3.Op{
		clientv3.OpPut(name, incarnation, clientv3.WithLease(lease)),
		clientv3.OpPut(e.prefix+nodesKey+s.Name, string(status), clientv3.WithLease(lease)),
	}
	ours := []clientv3.Cmp{clientv3.Compare(clientv3.Value(name), "=", incarnation)}
	r, err := e.txn(ctx, []clientv3.Cmp{lacks(name)}, puts, []clientv3.Op{clientv3.OpTxn(ours, puts, nil)})
	if err == nil && !r.Succeeded && !r.Responses[0].GetResponseTxn().Succeeded {
		err = cluster.ErrNameTaken
	}
	return err
}

// Nodes reads both keys of each node: they come and go together, and in the order of the names.
func (e *Engine) Nodes(ctx context.Context) ([]cluster.Seen, error) {
	r, err := e.txn(ctx, nil, []clientv3.Op{
		clientv3.OpGet(e.prefix+namesKey, clientv3.WithPrefix()),
		clientv3.OpGet(e.prefix+nodesKey, clientv3.WithPrefix()),
	}, nil)
	if err != nil {
		return nil, err
	}
	names, nodes := r.Responses[0].GetResponseRange().Kvs, r.Responses[1].GetResponseRange().Kvs
	if len(names) != len(nodes) {
		return nil, fmt.Errorf("%s has %d names and %d nodes", e.prefix, len(names), len(nodes))
	}
	seen := make([]cluster.Seen, len(nodes))
	for i, node := range nodes {
		if err := json.Unmarshal(node.Value, &seen[i].Status); err != nil {
			return nil, fmt.Errorf("%s: %w", node.Key, err)
		}
		seen[i].Since = uint64(names[i].CreateRevision)
	}
	return seen, nil
}
