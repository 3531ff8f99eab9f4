package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"testing"
)

func TestTheSettingsOfAClusterAreFlagsAndEnvironmentVariables(t *testing.T) {
	want := Cluster{
		Endpoints: []string{"etcd-1.example:2379", "10.0.0.2:2379", "[::1]:2379"}, Name: "east", Node: "api-1", Addr: ":8010", Advertise: "api-1.example:8010",
		CA: "ca.pem", Cert: "c.pem", Key: "k.pem", Copies: 3, Found: FoundAgain,
	}
	flags := []string{
		"-cluster", "etcd-1.example:2379, 10.0.0.2:2379,[::1]:2379", "-cluster-name", "east", "-cluster-node", "api-1", "-cluster-addr", ":8010",
		"-cluster-advertise", "api-1.example:8010", "-cluster-ca", "ca.pem", "-cluster-cert", "c.pem", "-cluster-key", "k.pem", "-cluster-copies", "3", "-cluster-found=again",
	}
	variables := environment(
		"CLUSTER", "etcd-1.example:2379,10.0.0.2:2379,[::1]:2379", "CLUSTER_NAME", "east", "CLUSTER_NODE", "api-1", "CLUSTER_ADDR", ":8010",
		"CLUSTER_ADVERTISE", "api-1.example:8010", "CLUSTER_CA", "ca.pem", "CLUSTER_CERT", "c.pem", "CLUSTER_KEY", "k.pem", "CLUSTER_COPIES", "3", "CLUSTER_FOUND", "again",
	)
	if c, err := LoadAPI(flags, environment("CLUSTER", "x:1", "CLUSTER_FOUND", "once"), io.Discard); err != nil || !reflect.DeepEqual(c.Cluster, want) {
		t.Errorf("flags, which win: %+v, %v", c.Cluster, err)
	}
	if c, err := LoadAPI(nil, variables, io.Discard); err != nil || !reflect.DeepEqual(c.Cluster, want) {
		t.Errorf("environment: %+v, %v", c.Cluster, err)
	}
	host, _ := os.Hostname()
	alone := Cluster{Name: "meterledger", Node: host, Addr: "127.0.0.1:8010", Copies: 2}
	if c, err := LoadAPI(nil, environment(), io.Discard); err != nil || !reflect.DeepEqual(c.Cluster, alone) {
		t.Errorf("by default: %+v, %v", c.Cluster, err)
	}
}

func TestWhatIsAskedOfAClusterOnceIsAFlagThatMayStandAlone(t *testing.T) {
	for _, c := range []struct {
		args []string
		want Cluster
	}{
		{[]string{"-cluster-found"}, Cluster{Found: FoundOnce}},
		{[]string{"-cluster-found=once"}, Cluster{Found: FoundOnce}},
		{[]string{"-cluster-found=again", "-data-dir", "d"}, Cluster{Found: FoundAgain}},
		{[]string{"-cluster-found", "-data-dir", "d"}, Cluster{Found: FoundOnce}},
		{[]string{"-cluster-leave"}, Cluster{Leave: true}},
		{[]string{"-cluster-heal"}, Cluster{Heal: true}},
		{nil, Cluster{}},
	} {
		all, err := LoadAPI(append([]string{"-cluster", "localhost:2379"}, c.args...), environment("CLUSTER_LEAVE", "true", "CLUSTER_HEAL", "true"), io.Discard)
		if got := (Cluster{Found: all.Cluster.Found, Leave: all.Cluster.Leave, Heal: all.Cluster.Heal}); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q: %+v, %v", c.args, got, err)
		}
	}
}

func TestAWrongSettingOfAClusterIsNamed(t *testing.T) {
	const plain = "-cluster=127.0.0.1:2379"
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"-cluster", "http://localhost:2379"}, `-cluster: "http://localhost:2379" is not host:port of a member of an etcd, such as localhost:2379`},
		{[]string{"-cluster", "localhost:2379,"}, `-cluster: "" is not host:port of a member of an etcd, such as localhost:2379`},
		{[]string{"-cluster", "localhost:0"}, `-cluster: "localhost:0" is not host:port of a member of an etcd, such as localhost:2379`},
		{[]string{"-cluster", "localhost"}, `-cluster: "localhost" is not host:port of a member of an etcd, such as localhost:2379`},
		{[]string{"-cluster", "localhost:2379,etcd:2379"}, `-cluster: etcd:2379 is not on loopback, which needs -cluster-cert, -cluster-key and -cluster-ca`},
		{[]string{plain, "-cluster-cert", "c.pem", "-cluster-key", "k.pem"}, `-cluster-cert: -cluster-cert, -cluster-key and -cluster-ca go together: give all three or none`},
		{[]string{plain, "-auth", "on"}, `-cluster-cert: -auth on needs it, with -cluster-key and -cluster-ca: without certificates any user of this machine may do at -cluster-addr what an operator may`},
		{[]string{plain, "-cluster-addr", ":8010"}, `-cluster-advertise: -cluster-addr :8010 is of all interfaces: say at which address other nodes reach this one`},
		{[]string{plain, "-cluster-addr", "[::]:8010"}, `-cluster-advertise: -cluster-addr [::]:8010 is of all interfaces: say at which address other nodes reach this one`},
		{[]string{plain, "-cluster-advertise", "0.0.0.0:8010"}, `-cluster-advertise: "0.0.0.0:8010" is not host:port such as api-1.example:8010`},
		{[]string{plain, "-cluster-advertise", "api-1"}, `-cluster-advertise: "api-1" is not host:port such as api-1.example:8010`},
		{[]string{plain, "-cluster-copies", "1"}, `-cluster-copies: "1" is not a number of nodes, 2 to 100`},
		{[]string{plain, "-cluster-found=twice"}, `-cluster-found: "twice" is neither once nor again`},
		{[]string{plain, "-cluster-found", "-cluster-leave"}, `-cluster-leave: it does not go together with -cluster-found`},
		{[]string{"-cluster-advertise", "n1:8010"}, `-cluster-advertise: it needs -cluster, the members of the etcd: without them this node would be alone`},
		{[]string{"-cluster-cert", "c.pem"}, `-cluster-cert: it needs -cluster, the members of the etcd: without them this node would be alone`},
		{[]string{"-cluster-found"}, `-cluster-found: it needs -cluster, the members of the etcd`},
		{[]string{"-cluster-leave"}, `-cluster-leave: it needs -cluster, the members of the etcd`},
		{[]string{"-cluster-heal"}, `-cluster-heal: it needs -cluster, the members of the etcd`},
	} {
		_, err := LoadAPI(c.args, environment(), io.Discard)
		if _, ok := errors.AsType[*SettingError](err); !ok || fmt.Sprint(err) != c.want {
			t.Errorf("%q:\ngot  %v\nwant %s", c.args, err, c.want)
		}
	}
	if _, err := LoadDaily([]string{plain}, environment(), io.Discard); err == nil {
		t.Error("daily, which keeps nothing, took it")
	}
}
