package etcd

import (
	"errors"
	"fmt"
	"strings"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"meterledger/internal/cluster"
)

// certain are the errors after which nothing was changed and nothing will be, and what an operator can do. Of
// all others that is not known; no room is one of them (see settle).
var certain = []struct {
	err error
	do  string
}{
	{rpctypes.ErrRequestTooLarge, "leave --max-request-bytes of the etcd as it is by default, or set it to 1572864 at least"},
	{rpctypes.ErrTooManyOps, "leave --max-txn-ops of the etcd as it is by default"},
	{rpctypes.ErrPermissionDenied, "let the etcd's user of this node read and write what begins with /meterledger/"},
}

// worded says of an error of the client whether anything may have been changed, and what to do about it.
func worded(err error) error {
	for _, c := range certain {
		if errors.Is(err, c.err) {
			return fmt.Errorf("%w: %w: %s", cluster.ErrRefused, err, c.do)
		}
	}
	if isNoRoom(err) {
		return fmt.Errorf("%w: give each member a larger --quota-backend-bytes, or free what was cut with etcdctl defrag, and then lift the alarm with etcdctl alarm disarm", err)
	}
	if isStranger(err) {
		return fmt.Errorf("etcd: %w: the etcd and this node must have certificates that the other's authorities issued: see -cluster-ca, -cluster-cert and -cluster-key, and what the members were started with", err)
	}
	return fmt.Errorf("etcd: %w", err)
}

// isStranger reports whether a handshake of TLS has failed. gRPC hands its error on as text alone.
func isStranger(err error) bool {
	return status.Code(err) == codes.Unavailable && (strings.Contains(err.Error(), "tls: ") || strings.Contains(err.Error(), "x509: "))
}

func isNoRoom(err error) bool { return errors.Is(err, rpctypes.ErrNoSpace) }
