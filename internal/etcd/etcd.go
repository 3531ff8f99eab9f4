// Package etcd keeps the order of several nodes in an etcd, of version 3.6 or later, which runs as
// processes of its own. It promises what cluster.Engine says, and leaves what follows from
// it to those who call.
//
// The etcd should serve meter ledgers alone: Cut compacts all that it holds.
package etcd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"

	"meterledger/internal/cluster"
)

// Options say which etcd it is, and which order in it.
type Options struct {
	Endpoints   []string      // host:port of its members, at least one
	Cluster     string        // name of the order, without a slash; one etcd may keep several
	TLS         *tls.Config   // nil: plain text
	DialTimeout time.Duration // until another try to connect is made; 0: DialTimeoutDefault
}

const (
	// DialTimeoutDefault is enough for a member in another building.
	DialTimeoutDefault = 2 * time.Second

	// stepMax is how long a member may take for a step: one that is parted from the others would keep it for seven
	// seconds, and another one may be asked instead.
	stepMax = 2 * time.Second
)

// Engine is a connection to an etcd. Its calls fail at a member that has no quorum, and may go to another one
// when they are made again.
type Engine struct {
	members *grpc.ClientConn
	steps   clientv3.KV
	prefix  string // of all keys
}

var _ cluster.Engine = (*Engine)(nil)

// Open prepares a connection, and does not wait for it. Options that make no sense are an error.
func Open(o Options) (*Engine, error) {
	if o.Cluster == "" || strings.Contains(o.Cluster, "/") {
		return nil, fmt.Errorf("%q is no name of a cluster: it must not be empty and have no slash", o.Cluster)
	}
	if len(o.Endpoints) == 0 {
		return nil, errors.New("no member of an etcd is named")
	}
	for _, endpoint := range o.Endpoints {
		if strings.Contains(endpoint, "/") {
			return nil, fmt.Errorf("the etcd endpoint %q must be host:port: whether it is asked over TLS, the other settings say", endpoint)
		}
	}
	if o.DialTimeout == 0 {
		o.DialTimeout = DialTimeoutDefault
	}
	members, err := connect(o)
	if err != nil {
		return nil, fmt.Errorf("etcd at %s: %w", strings.Join(o.Endpoints, ", "), err)
	}
	steps := clientv3.NewKVFromKVClient(pb.NewKVClient(members), nil)
	return &Engine{members: members, steps: steps, prefix: "/meterledger/" + o.Cluster + "/"}, nil
}

// Close gives the connection up: calls and streams fail.
func (e *Engine) Close() error { return e.members.Close() }

// Versions of etcd before this one lose what they have confirmed when they are killed at a bad moment.
const majorMin, minorMin = 3, 6

// Identity says which etcd it is, and how far it is: what a cluster.Mark keeps of it. An etcd that is too
// old is an error.
func (e *Engine) Identity(ctx context.Context) (cluster.EngineID, cluster.Revision, error) {
	status, err := e.status(ctx)
	if err != nil {
		return 0, 0, err
	}
	var major, minor int
	if _, err := fmt.Sscanf(status.Version, "%d.%d", &major, &minor); err != nil || major < majorMin || major == majorMin && minor < minorMin {
		return 0, 0, fmt.Errorf("%w: a member of the etcd is of version %q: it must be %d.%d or later", cluster.ErrRefused, status.Version, majorMin, minorMin)
	}
	r, err := e.txn(ctx, nil, e.look(), nil) // a member alone may lag behind
	if err != nil {
		return 0, 0, err
	}
	return cluster.EngineID(r.Header.ClusterId), cluster.Revision(r.Header.Revision), nil
}

// Usage is that of the member that is asked. What an etcd has freed it uses again, though its file stays as large. Once it was
// full it refuses until its alarm is lifted, which comes again if a file was not made smaller before.
func (e *Engine) Usage(ctx context.Context) (cluster.Usage, error) {
	status, err := e.status(ctx)
	if err != nil {
		return cluster.Usage{}, err
	}
	isAlarmed := func(alarm string) bool { return strings.Contains(alarm, pb.AlarmType_NOSPACE.String()) }
	return cluster.Usage{Bytes: status.DbSizeInUse, Max: status.DbSizeQuota, Refuses: slices.ContainsFunc(status.Errors, isAlarmed)}, nil
}

// status is that of the member that is asked, which is given up like a step: before a node leads it asks who the etcd is.
func (e *Engine) status(ctx context.Context) (*pb.StatusResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, stepMax)
	defer cancel()
	r, err := pb.NewMaintenanceClient(e.members).Status(ctx, &pb.StatusRequest{})
	if err != nil {
		return nil, worded(clientv3.ContextError(ctx, err))
	}
	return r, nil
}

// txn is one step of the etcd. Without an answer for stepMax it is unknown whether it was made.
func (e *Engine) txn(ctx context.Context, compared []clientv3.Cmp, then, otherwise []clientv3.Op) (*clientv3.TxnResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, stepMax)
	defer cancel()
	return e.longTxn(ctx, compared, then, otherwise)
}

// longTxn is a step whose answer may be large.
func (e *Engine) longTxn(ctx context.Context, compared []clientv3.Cmp, then, otherwise []clientv3.Op) (*clientv3.TxnResponse, error) {
	r, err := e.steps.Txn(clientv3.WithRequireLeader(ctx)).If(compared...).Then(then...).Else(otherwise...).Commit()
	if err != nil {
		return nil, worded(err)
	}
	return r, nil
}

// lease makes keys that are put with it end by themselves, unless it is renewed.
func (e *Engine) lease(ctx context.Context, life time.Duration) (clientv3.LeaseID, error) {
	ctx, cancel := context.WithTimeout(ctx, stepMax)
	defer cancel()
	r, err := pb.NewLeaseClient(e.members).LeaseGrant(clientv3.WithRequireLeader(ctx), &pb.LeaseGrantRequest{TTL: int64(life / time.Second)})
	if err != nil {
		err = worded(clientv3.ContextError(ctx, err))
		if isNoRoom(err) { // that an unused lease may have been granted changes nothing
			err = errors.Join(cluster.ErrRefused, err)
		}
		return 0, err
	}
	return clientv3.LeaseID(r.ID), nil
}
