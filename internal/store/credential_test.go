package store

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"meterledger/internal/meter"
)

// issue makes a credential of a number count, changed by edit.
func issue(n int, edit func(*meter.Credential)) []byte {
	c := testCredential(n)
	if edit != nil {
		edit(&c)
	}
	return AppendCredential(nil, c, nil)
}

func TestAnIDAndAHashAreTakenOnceForAllTime(t *testing.T) {
	s := New()
	apply(t, s, slices.Concat(issue(0, nil), issue(1, nil), AppendRevoked(nil, testCredential(1).ID, time.Unix(5, 0))))
	before := s.Hash()
	for what, entry := range map[string][]byte{
		"the same":                     issue(0, nil),
		"the id of another":            issue(2, func(c *meter.Credential) { c.ID = testCredential(0).ID }),
		"the hash of another":          issue(2, func(c *meter.Credential) { c.SHA256 = testCredential(0).SHA256 }),
		"the hash of a revoked one":    issue(2, func(c *meter.Credential) { c.SHA256 = testCredential(1).SHA256 }),
		"the id and hash of different": issue(0, func(c *meter.Credential) { c.SHA256 = testCredential(1).SHA256 }),
	} {
		if got := apply(t, s, entry)[0]; got != CredentialExists {
			t.Errorf("%s: outcome %d", what, got)
		}
	}
	if s.Hash() != before {
		t.Error("what was refused has changed the state")
	}
}

// TestTheLastOperatorThatCountsStays makes operators of different times. Which of them counts is
// asked of the time of the entry.
func TestTheLastOperatorThatCountsStays(t *testing.T) {
	operator := func(n int, expiresAt int64) []byte {
		return issue(4*n, func(c *meter.Credential) { c.ExpiresAt = timeOf(expiresAt) })
	}
	revoke := func(n int, at int64) []byte { return AppendRevoked(nil, testCredential(4*n).ID, time.Unix(at, 0)) }
	for what, c := range map[string]struct {
		entries [][]byte
		want    []Outcome
	}{
		"the only one":                    {[][]byte{operator(0, 0), revoke(0, 5)}, []Outcome{0, LastOperator}},
		"one of two, and the other":       {[][]byte{operator(0, 0), operator(1, 0), revoke(0, 5), revoke(1, 5)}, []Outcome{0, 0, Accepted, LastOperator}},
		"beside one that has expired":     {[][]byte{operator(0, 0), operator(1, 5), revoke(0, 5)}, []Outcome{0, 0, LastOperator}},
		"beside one that will expire":     {[][]byte{operator(0, 0), operator(1, 6), revoke(0, 5)}, []Outcome{0, 0, Accepted}},
		"one that has expired":            {[][]byte{operator(0, 0), operator(1, 5), revoke(1, 5)}, []Outcome{0, 0, Accepted}},
		"all of them, once more":          {[][]byte{operator(0, 0), operator(1, 0), revoke(0, 5), revoke(0, 6)}, []Outcome{0, 0, Accepted, Duplicate}},
		"one of another role":             {[][]byte{operator(0, 0), issue(1, nil), AppendRevoked(nil, testCredential(1).ID, time.Unix(5, 0))}, []Outcome{0, 0, Accepted}},
		"one that was never there":        {[][]byte{operator(0, 0), revoke(1, 5)}, []Outcome{0, NoCredential}},
		"by a clock that was never right": {[][]byte{operator(0, 0), operator(1, 0), revoke(0, 0), revoke(0, 0)}, []Outcome{0, 0, Accepted, Duplicate}},
	} {
		s := New()
		if got := apply(t, s, slices.Concat(c.entries...)); !slices.Equal(got, c.want) {
			t.Errorf("%s: outcomes %v, want %v", what, got, c.want)
		}
		if !s.HasOperator(time.Unix(5, 0)) {
			t.Errorf("%s: no operator is left", what)
		}
	}
}

func TestOneThatHasExpiredIsRevokedAlsoIfNoOperatorCounts(t *testing.T) {
	s := New()
	apply(t, s, issue(0, func(c *meter.Credential) { c.ExpiresAt = time.Unix(5, 0) }))
	if s.HasOperator(time.Unix(5, 0)) || !s.HasOperator(time.Unix(4, 0)) {
		t.Error("it does not count until it expires")
	}
	if got := apply(t, s, AppendRevoked(nil, testCredential(0).ID, time.Unix(5, 0)))[0]; got != Accepted {
		t.Errorf("outcome %d", got)
	}
}

func TestARevokedOrUsedCredentialIsToldSoAtOnce(t *testing.T) {
	s := New()
	c := testCredential(1)
	apply(t, s, issue(1, nil))
	first, _ := s.Credential(c.SHA256)
	if same, _ := s.CredentialByID(c.ID); same != first || first.LastUse != (meter.Day{}) || !first.IsLive(time.Unix(9, 0)) {
		t.Fatalf("it is %+v", first)
	}
	day := meter.Day{Year: 2026, Month: 11, Day: 26}
	apply(t, s, AppendUsed(nil, day, []string{c.ID, testCredential(2).ID}))
	apply(t, s, AppendUsed(nil, day.AddDays(-1), []string{c.ID}))
	if used, _ := s.Credential(c.SHA256); used.LastUse != day {
		t.Errorf("it was used on %v", used.LastUse)
	}
	apply(t, s, AppendRevoked(nil, c.ID, time.Unix(9, 0)))
	if revoked, found := s.Credential(c.SHA256); !found || revoked.IsLive(time.Unix(1, 0)) || revoked.RevokedAt != time.Unix(9, 0) || revoked.LastUse != day {
		t.Errorf("it is %+v", revoked)
	}
	if !first.IsLive(time.Unix(9, 0)) {
		t.Error("what a caller was told before has changed")
	}
	for what, text := range map[string]string{"short": c.ID[1:], "of another alphabet": strings.ToUpper(c.ID), "broken": c.ID[:15] + "\n", "long": c.ID + "a", "unknown": testCredential(2).ID} {
		if _, found := s.CredentialByID(text); found {
			t.Errorf("an id that is %s was found", what)
		}
	}
}

// TestARevocationHoldsBesideCallersWhoAsk revokes credentials one after another, each while it is asked for the first time.
func TestARevocationHoldsBesideCallersWhoAsk(t *testing.T) {
	s := New()
	for n := range 2000 {
		c := testCredential(4*n + 1) // no operator's
		apply(t, s, issue(4*n+1, nil))
		var asking sync.WaitGroup
		asking.Go(func() { s.Credential(c.SHA256) })
		apply(t, s, AppendRevoked(nil, c.ID, time.Unix(9, 0)))
		asking.Wait()
		if told, found := s.Credential(c.SHA256); !found || told.RevokedAt.IsZero() {
			t.Fatalf("credential %d counts after it was revoked", n)
		}
	}
}

// TestTwoCredentialsThatShareAPlaceAreToldApart goes through more than are kept as they are told.
func TestTwoCredentialsThatShareAPlaceAreToldApart(t *testing.T) {
	s := New()
	for n := range 2*recentCredentials + 1 {
		apply(t, s, issue(n, nil))
	}
	for n := range 2*recentCredentials + 1 {
		want := testCredential(n)
		if got, found := s.Credential(want.SHA256); !found || got.ID != want.ID || got.Role != want.Role {
			t.Errorf("credential %d is %+v", n, got)
		}
	}
}

func TestAskingForACredentialAgainAllocatesNothing(t *testing.T) {
	s := New()
	apply(t, s, fullBatch(3))
	for n, sha256 := range [][32]byte{testCredential(0).SHA256, testCredential(3).SHA256, {1}} {
		s.Credential(sha256)
		if allocated := testing.AllocsPerRun(100, func() { s.Credential(sha256) }); allocated > 0 {
			t.Errorf("credential %d allocates %v times", n, allocated)
		}
	}
}

func TestCredentialsAreListedByMeterByRoleAndFromOneOn(t *testing.T) {
	s := New()
	for _, id := range []meter.ID{"A", "B"} {
		apply(t, s, AppendAccount(nil, meter.Account{ID: id}))
	}
	const many = 3*credentialsTogether + 7
	var byMeter, byRole, all []string
	for n := range many {
		c := testCredential(n)
		var meters []Index
		if n%500 == 3 {
			meters = []Index{1, 0}
		}
		apply(t, s, AppendCredential(nil, c, meters))
		if all = append(all, c.ID); c.Role == meter.RoleAuditor {
			byRole = append(byRole, c.ID)
		}
		if meters != nil {
			byMeter = append(byMeter, c.ID)
		}
	}
	after := credentialsTogether + 5
	for what, c := range map[string]struct {
		CredentialFilter
		want []string
	}{
		"all":            {CredentialFilter{}, all},
		"from one on":    {CredentialFilter{After: all[after]}, all[after+1:]},
		"after the last": {CredentialFilter{After: all[many-1]}, nil},
		"by role":        {CredentialFilter{Role: meter.RoleAuditor}, byRole},
		"by meter":       {CredentialFilter{Meter: "B"}, byMeter},
		"by both":        {CredentialFilter{Meter: "B", Role: meter.RoleHousehold}, byMeter},
		"by another":     {CredentialFilter{Meter: "B", Role: meter.RoleOperator}, nil},
		"of no meter":    {CredentialFilter{Meter: "C"}, nil},
		"after nobody":   {CredentialFilter{After: testCredential(many).ID}, nil},
		"after nonsense": {CredentialFilter{After: "nonsense"}, nil},
	} {
		var got []string
		for told := range s.Credentials(c.CredentialFilter) {
			if got = append(got, told.ID); c.Meter == "B" && !slices.Equal(told.Scope.Meters, []meter.ID{"A", "B"}) {
				t.Errorf("%s: its meters are %v", what, told.Scope.Meters)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %d are listed, want %d", what, len(got), len(c.want))
		}
	}
	for range s.Credentials(CredentialFilter{}) {
		break // which ends it
	}
}

// TestAFrozenStateKeepsItsCredentials uses, revokes and issues some while it is in use.
// TestCredentialsOfManyMetersAreToldFewAtATime: nothing is applied while they are told, and their ids
// take memory that nobody counts.
func TestCredentialsOfManyMetersAreToldFewAtATime(t *testing.T) {
	const many = CredentialMetersMax / 10
	s, all := New(), make([]Index, many)
	for i := range all {
		all[i] = Index(i)
		apply(t, s, AppendAccount(nil, meter.Account{ID: meter.ID(fmt.Sprint("m-", i)), OwnerName: "Tan", Address: "Road"}))
	}
	for n := range 20 {
		apply(t, s, AppendCredential(nil, testCredential(n), all))
	}
	some, next, more := s.someCredentials(nil, CredentialFilter{}, 0)
	if len(some) < 1 || len(some) > 3 || int(next) != len(some) || !more {
		t.Errorf("%d credentials of %d meters each are told under one lock, up to %d, more: %v", len(some), many, next, more)
	}
	if all := slices.Collect(s.Credentials(CredentialFilter{})); len(all) != 20 {
		t.Errorf("%d of 20 are told in all", len(all))
	}
}

func TestAFrozenStateKeepsItsCredentials(t *testing.T) {
	s := fullStore(t, 10)
	hash, frozen := s.Hash(), s.Freeze()
	defer frozen.Thaw()
	apply(t, s, AppendUsed(nil, meter.Day{Year: 2030, Month: 1, Day: 1}, []string{testCredential(0).ID, testCredential(1).ID}))
	apply(t, s, AppendRevoked(nil, testCredential(1).ID, time.Unix(9, 0)))
	apply(t, s, issue(100, nil))
	apply(t, s, AppendOwner(nil, 3, 2000, "Ng", "Lane"))
	back, err := decodeState(encodeState(t, frozen))
	if err != nil || back.Hash() != hash {
		t.Errorf("the frozen state is another one: %v", err)
	}
	if s.Hash() == hash {
		t.Error("nothing has changed")
	}
}

// TestNoCredentialMakesAStoreGrowByMoreThanWasSaid compares what is promised with what is taken.
func TestNoCredentialMakesAStoreGrowByMoreThanWasSaid(t *testing.T) {
	s, r := New(), rand.New(rand.NewPCG(1, 1))
	for n := range 300 {
		apply(t, s, AppendAccount(nil, meter.Account{ID: meter.ID(testCredential(n).ID)}))
	}
	for n := range 2000 {
		c := testCredential(n)
		c.Label, c.By = strings.Repeat("x", r.IntN(800)), strings.Repeat("y", r.IntN(800))
		var meters []Index
		for range r.IntN(300) {
			meters = append(meters, Index(len(meters)))
			c.Scope.Meters = append(c.Scope.Meters, meter.ID(testCredential(len(meters)).ID))
		}
		was := s.Footprint().Sum()
		apply(t, s, AppendCredential(nil, c, meters))
		if grown, said := s.Footprint().Sum()-was, CredentialGrowth(&c); grown > said || grown < int64(len(c.Label)) {
			t.Fatalf("a credential of %d meters takes %d bytes, not %d", len(meters), grown, said)
		}
	}
}

func TestACredentialThatNoVersionWroteIsRefused(t *testing.T) {
	good := AppendCredential(nil, testCredential(0), []Index{0})
	later := bytes.Clone(good)
	later[1+10+32] = byte(meter.RoleHousehold) + 1
	unknown := bytes.Clone(good)
	unknown[len(unknown)-1] = 7
	for what, c := range map[string]struct {
		entry []byte
		want  string
	}{
		"a later role":     {later, "a credential of role 5 is not known to this version"},
		"an unknown meter": {unknown, "meter 7 is not registered"},
		"a part":           {good[:len(good)-1], errShort.Error()},
		"a part of uses":   {AppendUsed(nil, meter.Day{Year: 2026, Month: 1, Day: 1}, []string{testCredential(0).ID})[:12], errShort.Error()},
	} {
		s := New()
		apply(t, s, AppendAccount(nil, meter.Account{ID: "A"}))
		_, err := s.Apply(c.entry, Verdicts{})
		if err == nil || !strings.Contains(err.Error(), c.want) || (what == "a later role") != errors.Is(err, ErrNewer) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestWhoLivedBehindAMeterIsKnownOfEachInstant changes owner and address by themselves, and one at a
// time that lies before the change before it.
func TestWhoLivedBehindAMeterIsKnownOfEachInstant(t *testing.T) {
	s := New()
	apply(t, s, AppendAccount(nil, account))
	for _, c := range []struct {
		at            meter.Instant
		name, address string
		want          Outcome
	}{
		{100, "Lim", "", Accepted},
		{200, "", "Lane", Accepted},
		{250, "Lim", "Lane", Duplicate},
		{250, "", "", Duplicate},
		{150, "Ng", "Hill", Accepted}, // by a clock that was set back
	} {
		if got := apply(t, s, AppendOwner(nil, 0, c.at, c.name, c.address))[0]; got != c.want {
			t.Errorf("%+v: outcome %d", c, got)
		}
	}
	for at, want := range map[meter.Instant]string{
		0: account.OwnerName + " " + account.Address, 99: account.OwnerName + " " + account.Address, 100: "Lim " + account.Address, 199: "Lim " + account.Address,
		200: "Ng Hill", 1 << 40: "Ng Hill",
	} {
		if a := s.AccountAt(0, at); a.OwnerName+" "+a.Address != want || a.ID != account.ID || !a.RegisteredAt.Equal(account.RegisteredAt) {
			t.Errorf("at %d it was %+v, want %s", at, a, want)
		}
	}
	if a := s.Account(0); a.OwnerName != "Ng" || s.OwnerChanges() != 3 {
		t.Errorf("it is %+v after %d changes", a, s.OwnerChanges())
	}
}
