package api

// Standing tells how a node stands among others.
type Standing struct {
	Timestamp string   `json:"timestamp"`
	Cluster   *Cluster `json:"cluster"` // nil of an api that is alone
}

// Cluster is how a node stands among those that share one ledger, as far as it knows.
type Cluster struct {
	Node          string        `json:"node"`
	Leader        *string       `json:"leader"` // nil while none is known
	IsLeader      bool          `json:"is_leader"`
	Term          uint64        `json:"term"`
	TermsSeen     uint64        `json:"terms_seen"`
	Applied       uint64        `json:"applied"` // sequence of the last batch that questions are answered from
	Copied        uint64        `json:"copied"`  // of the last one on the node's disk
	Head          uint64        `json:"head"`    // of the last one in the etcd, as seen last
	IsConfirmed   bool          `json:"is_confirmed"`
	StalenessMs   int64         `json:"staleness_ms"`
	Waiting       int           `json:"waiting"`      // proposals
	HaltedBatch   *uint64       `json:"halted_batch"` // that the etcd has lost; nil if it has lost none
	IsDisputed    bool          `json:"is_disputed"`
	Copies        int           `json:"copies"`
	ClockOffsetMs *int64        `json:"clock_offset_ms"` // ahead of the leader's; nil if that is not known
	Nodes         []ClusterNode `json:"nodes"`
}

// ClusterNode is what a live node says of itself.
type ClusterNode struct {
	Node     string `json:"node"`
	Address  string `json:"address"` // where other nodes reach it
	IsLeader bool   `json:"is_leader"`
	Applied  uint64 `json:"applied"`
	Copied   uint64 `json:"copied"`
	Witness  uint64 `json:"witness"` // number of the last digest
	Digest   string `json:"digest"`  // of all its verdicts up to there, in hexadecimal
}
