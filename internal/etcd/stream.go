package etcd

import (
	"context"
	"errors"
	"fmt"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"meterledger/internal/cluster"
)

// Watch looks, and watches from there.
func (e *Engine) Watch(ctx context.Context, watch func(cluster.Leader)) error {
	key := e.prefix + leaderKey
	for {
		r, err := e.txn(ctx, nil, []clientv3.Op{clientv3.OpGet(key)}, nil)
		if err != nil {
			return err
		}
		tell := func(found ...*mvccpb.KeyValue) error {
			leader, err := leaderOf(found)
			if err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
			watch(leader)
			return nil
		}
		if err := tell(r.Responses[0].GetResponseRange().Kvs...); err != nil {
			return err
		}
		err = e.follow(ctx, &pb.WatchCreateRequest{Key: []byte(key), StartRevision: r.Header.Revision + 1}, func(change *mvccpb.Event) error {
			if change.Type == mvccpb.Event_DELETE {
				return tell()
			}
			return tell(change.Kv)
		})
		if !errors.Is(err, errCompacted) {
			return err
		}
	}
}

// page is how many batches are asked for at once. Of the largest it is 17 MiB.
const page = 16

// Tail reads what is there, page by page, and watches from there.
func (e *Engine) Tail(ctx context.Context, after uint64, take func(batch []byte) error) error {
	end := e.prefix + batchesEnd
	hand := func(batch *mvccpb.KeyValue) (err error) {
		if after, err = e.sequenceOf(batch); err != nil {
			return err
		}
		return take(batch.Value)
	}
	for {
		r, err := e.longTxn(ctx, nil, append(e.look(), clientv3.OpGet(e.batchKey(after+1), clientv3.WithRange(end), clientv3.WithLimit(page))), nil)
		if err != nil {
			return err
		}
		v, err := view(r)
		if err != nil {
			return err
		}
		batches := r.Responses[len(r.Responses)-1].GetResponseRange().Kvs
		if err := e.cut(after, v.Head.Sequence, batches); err != nil {
			return err
		}
		for _, batch := range batches {
			if err := hand(batch); err != nil {
				return err
			}
		}
		if len(batches) > 0 {
			continue
		}
		err = e.follow(ctx, &pb.WatchCreateRequest{
			Key: []byte(e.batchKey(after + 1)), RangeEnd: []byte(end), StartRevision: r.Header.Revision + 1,
			Filters: []pb.WatchCreateRequest_FilterType{pb.WatchCreateRequest_NODELETE},
		}, func(change *mvccpb.Event) error { return hand(change.Kv) })
		if !errors.Is(err, errCompacted) {
			return err
		}
	}
}

func (e *Engine) sequenceOf(batch *mvccpb.KeyValue) (uint64, error) {
	sequence, err := readNumber(batch.Key[len(e.prefix)+len(batchesKey):])
	if err != nil {
		return 0, fmt.Errorf("%s: %w", batch.Key, err)
	}
	return sequence, nil
}

// cut is an error if the batch behind a sequence was there, and is not any more.
func (e *Engine) cut(after, head uint64, batches []*mvccpb.KeyValue) error {
	first := head + 1
	if len(batches) > 0 {
		var err error
		if first, err = e.sequenceOf(batches[0]); err != nil {
			return err
		}
	}
	if after+1 < first {
		return &cluster.CutError{First: first}
	}
	return nil
}

// errCompacted: what was to be watched from is forgotten.
var errCompacted = errors.New("the etcd has forgotten what was before a later revision")

// follow hands over changes as they come, until the connection, the quorum of its member or hand fails. The client's
// own Watch would hide a lost connection, and keep in memory whatever is not taken in time.
func (e *Engine) follow(ctx context.Context, what *pb.WatchCreateRequest, hand func(*mvccpb.Event) error) error {
	streaming, end := streaming(ctx)
	defer end(nil)
	what.Fragment = true // else one message may have all changes that were missed
	stream, err := pb.NewWatchClient(e.members).Watch(streaming)
	if err != nil {
		return streamed(streaming, err)
	}
	_ = stream.Send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: what}}) // if it fails, Recv says why
	for {
		r, err := stream.Recv()
		switch {
		case err != nil:
			return streamed(streaming, err)
		case r.CompactRevision > 0:
			return errCompacted
		case r.Canceled:
			return fmt.Errorf("etcd ends a watch: %s", r.CancelReason)
		}
		for _, change := range r.Events {
			if err := hand(change); err != nil {
				return err
			}
		}
	}
}

// streamed says why a stream has ended.
func streamed(streaming context.Context, err error) error {
	if cause := context.Cause(streaming); cause != nil {
		return worded(cause)
	}
	return worded(clientv3.ContextError(streaming, err))
}
