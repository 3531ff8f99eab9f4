package config

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
)

// Cluster says how an api takes part in the order of several nodes, which an etcd keeps.
type Cluster struct {
	// Endpoints are host:port of the etcd's members; none, the default, is a node alone.
	Endpoints []string
	// Name is that of the cluster, meterledger by default: one etcd may keep several.
	Name string
	// Node is the name of this node, that of the host by default. Its certificate must have it.
	Node string
	// Addr is the host:port on which other nodes are answered, 127.0.0.1:8010 by default. Port 0
	// picks a free one.
	Addr string
	// Advertise is the host:port at which other nodes reach that; empty, the default, stands for the
	// address that was bound.
	Advertise string
	// CA, Cert and Key are PEM files: the authorities of nodes and of the etcd, this node's certificate with its
	// chain, and its key. Without them only loopback is served and asked.
	CA, Cert, Key string
	// Copies is how many nodes must have a batch on their disks before the etcd drops it, 2 by default.
	Copies int
	// Found makes the order begin with what this node's data folder holds.
	Found Founding
	// Leave asks to make the data folder one of a node alone, instead of serving.
	Leave bool
	// Heal puts back into an etcd that was brought back from an older copy what it has lost.
	Heal bool
}

// Founding says whether a node may begin the order of a cluster.
type Founding string

const (
	// FoundNever is the default: an etcd that has lost everything is not taken for a new one.
	FoundNever Founding = ""
	// FoundOnce begins an order, unless there is one.
	FoundOnce Founding = "once"
	// FoundAgain begins it also with a folder that was part of a cluster whose etcd is lost.
	FoundAgain Founding = "again"
)

func (s *settings) addCluster(c *Cluster) {
	s.add(setting{"cluster", "CLUSTER", "", "host:port of the etcd's members, by commas: several nodes keep one order there; none is a node alone", into(&c.Endpoints, parseEndpoints)})
	s.add(setting{"cluster-name", "CLUSTER_NAME", "meterledger", "name of the cluster, of which an etcd may keep several", into(&c.Name, parseText)})
	s.add(setting{"cluster-node", "CLUSTER_NODE", "", "name of this node, which its certificate must have; by default the host's", into(&c.Node, parseNode)})
	s.add(setting{"cluster-addr", "CLUSTER_ADDR", "127.0.0.1:8010", "host:port on which other nodes are answered; port 0 picks a free one", into(&c.Addr, parseAddr)})
	s.add(setting{"cluster-advertise", "CLUSTER_ADVERTISE", "", "host:port at which other nodes reach that; by default the address that was bound", into(&c.Advertise, parseAdvertise)})
	s.add(setting{"cluster-ca", "CLUSTER_CA", "", "PEM file of the authorities of nodes and of the etcd; off loopback these three are needed", into(&c.CA, parseOptionalFile)})
	s.add(setting{"cluster-cert", "CLUSTER_CERT", "", "PEM file of this node's certificate and its chain, with which it answers and asks", into(&c.Cert, parseOptionalFile)})
	s.add(setting{"cluster-key", "CLUSTER_KEY", "", "PEM file of its key", into(&c.Key, parseOptionalFile)})
	s.add(setting{"cluster-copies", "CLUSTER_COPIES", "2", "nodes that must have a batch on their disks before the etcd drops it", into(&c.Copies, parseCopies)})
	s.add(setting{"cluster-found", "CLUSTER_FOUND", "", "once: the order begins with the data folder of this node, unless there is one; again: also if the folder was part of another one", into(&c.Found, parseFounding)})
	s.alone = map[string]string{"cluster-found": string(FoundOnce)}
	s.asked = append(s.asked,
		question{"cluster-leave", "make the data folder one of a node alone, and exit: every node must be stopped, and this one must have all there is", &c.Leave},
		question{"cluster-heal", "put back what an etcd has lost that was brought back from an older copy", &c.Heal})
}

// isPlain reports whether other nodes and the etcd are reached without TLS.
func (c *Cluster) isPlain() bool { return c.Cert == "" && c.Key == "" && c.CA == "" }

// check refuses settings that have no effect without another, or that would be understood by nobody. With access on nobody may
// come in by the port of nodes without a certificate.
func (c *Cluster) check(access bool) error {
	wrong := func(setting, format string, arguments ...any) error {
		return &SettingError{Setting: setting, Problem: fmt.Sprintf(format, arguments...)}
	}
	once := map[string]bool{"-cluster-found": c.Found != FoundNever, "-cluster-leave": c.Leave, "-cluster-heal": c.Heal}
	var given []string
	for _, flag := range []string{"-cluster-found", "-cluster-leave", "-cluster-heal"} {
		if once[flag] {
			given = append(given, flag)
		}
	}
	switch {
	case len(given) > 0 && len(c.Endpoints) == 0:
		return wrong(given[0], "it needs -cluster, the members of the etcd")
	case len(given) > 1:
		return wrong(given[1], "it does not go together with %s", given[0])
	case len(c.Endpoints) == 0:
		return c.checkAlone()
	case !c.isPlain() && (c.Cert == "" || c.Key == "" || c.CA == ""):
		return wrong("-cluster-cert", "-cluster-cert, -cluster-key and -cluster-ca go together: give all three or none")
	case access && c.isPlain():
		return wrong("-cluster-cert", "-auth on needs it, with -cluster-key and -cluster-ca: without certificates any user of this machine may do at -cluster-addr what an operator may")
	case c.Advertise == "" && isEverywhere(c.Addr):
		return wrong("-cluster-advertise", "-cluster-addr %s is of all interfaces: say at which address other nodes reach this one", c.Addr)
	}
	for _, endpoint := range c.Endpoints {
		if host, _, _ := net.SplitHostPort(endpoint); c.isPlain() && !isLoopback(host) {
			return wrong("-cluster", "%s is not on loopback, which needs -cluster-cert, -cluster-key and -cluster-ca", endpoint)
		}
	}
	return nil
}

// checkAlone refuses what only a node of several is given: without the etcd it would go on alone.
func (c *Cluster) checkAlone() error {
	for _, s := range []struct{ setting, value string }{
		{"-cluster-advertise", c.Advertise}, {"-cluster-ca", c.CA}, {"-cluster-cert", c.Cert}, {"-cluster-key", c.Key},
	} {
		if s.value != "" {
			return &SettingError{Setting: s.setting, Problem: "it needs -cluster, the members of the etcd: without them this node would be alone"}
		}
	}
	return nil
}

// isEverywhere reports whether an address is that of no interface but of all.
func isEverywhere(addr string) bool {
	host, _, _ := net.SplitHostPort(addr)
	return host == "" || net.ParseIP(host).IsUnspecified()
}

// parseEndpoints reads addresses, separated by commas. Whether they are asked over TLS, other settings say.
func parseEndpoints(s string) ([]string, error) {
	if s == "" {
		return nil, nil
	}
	endpoints := strings.Split(s, ",")
	for i := range endpoints {
		endpoints[i] = strings.TrimSpace(endpoints[i])
		if _, err := parseAdvertise(endpoints[i]); err != nil || endpoints[i] == "" {
			return nil, fmt.Errorf("%q is not host:port of a member of an etcd, such as localhost:2379", endpoints[i])
		}
	}
	return endpoints, nil
}

// parseAdvertise reads an address that others can ask, or none.
func parseAdvertise(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	host, port, err := net.SplitHostPort(s)
	number, wrong := strconv.ParseUint(port, 10, 16)
	if err != nil || wrong != nil || number == 0 || isEverywhere(s) || strings.ContainsAny(host, "/@ ") {
		return "", fmt.Errorf("%q is not host:port such as api-1.example:8010", s)
	}
	return s, nil
}

// parseNode returns the host's name for none. What a name may be, package cluster says.
func parseNode(s string) (string, error) {
	if s != "" {
		return s, nil
	}
	name, _ := os.Hostname() // without one, a cluster refuses the empty name
	return name, nil
}

const copiesMost = 100

func parseCopies(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 2 || n > copiesMost {
		return 0, fmt.Errorf("%q is not a number of nodes, 2 to %d", s, copiesMost)
	}
	return n, nil
}

func parseFounding(s string) (Founding, error) {
	switch f := Founding(s); f {
	case FoundNever, FoundOnce, FoundAgain:
		return f, nil
	}
	return "", errors.New(strconv.Quote(s) + " is neither once nor again")
}
