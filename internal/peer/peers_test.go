package peer

import (
	"testing"

	"meterledger/internal/clustertest"
)

func TestHTTPOnLoopbackKeepsEverySentence(t *testing.T) {
	clustertest.TestPeers(t, nil, func(t *testing.T, s clustertest.Server) clustertest.Wire {
		to := at("b", serveOn(t, nil, node{s}))
		return clustertest.Wire{Peers: peers(t, nil), To: to, Nowhere: at("c", nowhere(t))}
	})
}

func TestHTTPWithTLSKeepsEverySentence(t *testing.T) {
	a := newAuthority(t)
	ofA, ofB := a.mutual("a"), a.mutual("b")
	clustertest.TestPeers(t, nil, func(t *testing.T, s clustertest.Server) clustertest.Wire {
		to := at("b", serveOn(t, ofB, node{s}))
		return clustertest.Wire{Peers: peers(t, ofA), To: to, Nowhere: at("c", nowhere(t))}
	})
}
