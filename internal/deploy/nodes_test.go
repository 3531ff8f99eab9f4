package deploy

import (
	"io"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"meterledger/internal/config"
	"meterledger/internal/etcdtest"
)

// assigned are the settings of an environment file.
func assigned(t *testing.T, file string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, line := range readmeVariable.FindAllStringSubmatch(read(t, file), -1) {
		found[line[1]] = line[2]
	}
	return found
}

func TestNodesSettingsFitEachOther(t *testing.T) {
	variables, known := assigned(t, "systemd/cluster.env"), settings(t)
	for name := range variables {
		if _, ok := known[name]; !ok {
			t.Errorf("no program has the setting %s", name)
		}
	}
	node := func(name string) string { return strings.ReplaceAll(variables[name], "@NODE@", "n1") }
	c, err := config.LoadAPI(nil, node, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	etcd := assigned(t, "systemd/etcd.env")
	for _, endpoint := range c.Cluster.Endpoints {
		host, _, _ := strings.Cut(endpoint, ":")
		if strings.ReplaceAll(etcd["ETCD_ADVERTISE_CLIENT_URLS"], "@NODE@", host) != "https://"+endpoint {
			t.Errorf("no member of the etcd is at %s", endpoint)
		}
		if !strings.Contains(etcd["ETCD_INITIAL_CLUSTER"], host+"="+strings.ReplaceAll(etcd["ETCD_INITIAL_ADVERTISE_PEER_URLS"], "@NODE@", host)) {
			t.Errorf("%s is no member of the etcd", host)
		}
	}
	if c.Cluster.Node != "n1" || !strings.HasPrefix(c.Cluster.Advertise, "n1:") || c.Cluster.CA != etcd["ETCD_TRUSTED_CA_FILE"] || c.Cluster.CA != etcd["ETCD_PEER_TRUSTED_CA_FILE"] {
		t.Errorf("the node has the settings %+v", c.Cluster)
	}
	unit := read(t, "systemd/meterledger-api.service")
	if shared, _, _ := strings.Cut(c.ArchiveDir[1:], "/Archive"); !strings.Contains(unit, "\nReadWritePaths=-/"+shared+"\n") {
		t.Errorf("the unit may not write to %s", c.ArchiveDir)
	}
}

func TestEtcdKnowsWhatItIsTold(t *testing.T) {
	help, err := exec.Command(etcdtest.Tool(t, "etcd"), "--help").CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"systemd/etcd.env", "container/cluster.yaml"} {
		names := regexp.MustCompile(`\bETCD_([A-Z_]+)[=:]`).FindAllStringSubmatch(read(t, file), -1)
		if len(names) < 10 {
			t.Fatalf("%s has only %d settings", file, len(names))
		}
		for _, name := range names {
			flag := "--" + strings.ReplaceAll(strings.ToLower(name[1]), "_", "-")
			if !strings.Contains(string(help), "\n  "+flag+" ") && !strings.Contains(string(help), "\n  "+flag+"\n") {
				t.Errorf("%s: etcd has no %s", file, flag)
			}
		}
	}
}

func TestContainersOfNodesHaveOnlySettingsThatExist(t *testing.T) {
	known, text := settings(t), read(t, "container/cluster.yaml")
	count := 0
	for _, v := range regexp.MustCompile(`(?m)^ +([A-Z][A-Z_]+): ("?)([^"#\n]*?)"?(?: +#.*)?$`).FindAllStringSubmatch(text, -1) {
		if _, ok := known[v[1]]; !ok && !strings.HasPrefix(v[1], "ETCD_") {
			t.Errorf("no program has the setting %s", v[1])
		}
		if v[2] == "" && (v[3] == "on" || v[3] == "off" || v[3] == "true") {
			t.Errorf("%s is true or false to YAML: quote it", v[1])
		}
		count++
	}
	if count < 40 {
		t.Errorf("only %d settings were found", count)
	}
}
