package meter_test

import (
	"net/netip"
	"testing"

	"meterledger/internal/meter"
)

func TestAnIPv6NetworkCountsAsOneCaller(t *testing.T) {
	for addr, want := range map[string]string{
		"203.0.113.9": "203.0.113.9/32", "2001:db8:0:1:2:3:4:5": "2001:db8:0:1::/64", "fe80::1%eth0": "fe80::/64", "::1": "::/64", "::ffff:203.0.113.9": "203.0.113.9/32",
	} {
		if got := meter.NetworkOf(netip.MustParseAddr(addr)); got.String() != want {
			t.Errorf("%s belongs to %v, want %s", addr, got, want)
		}
	}
	if got := meter.NetworkOf(netip.Addr{}); got.IsValid() {
		t.Errorf("no address belongs to %v", got)
	}
}

func TestOnlyWhatNewCredentialIDDrawsCanBeOne(t *testing.T) {
	if id := meter.NewCredentialID(); !meter.IsCredentialID(id) {
		t.Errorf("%q is no id", id)
	}
	for _, id := range []string{"", "abcdefghijklmno", "abcdefghijklmnop1", "abcdefghijklmno1", "ABCDEFGHIJKLMNOP"} {
		if meter.IsCredentialID(id) {
			t.Errorf("%q is an id", id)
		}
	}
}
