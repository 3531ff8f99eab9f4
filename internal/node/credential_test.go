package node_test

import (
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"meterledger/internal/closing"
	"meterledger/internal/faulttest"
	"meterledger/internal/ledger"
	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// testTokens makes tokens that can be told from other text.
func testTokens() ledger.Tokens {
	made := 0
	return ledger.Tokens{
		New: func(r meter.Role) (string, [32]byte) {
			made++
			token := fmt.Sprint("token ", r, " ", made)
			return token, sha256.Sum256([]byte(token))
		},
		Sum: func(token string) ([32]byte, bool) {
			return sha256.Sum256([]byte(token)), strings.HasPrefix(token, "token ")
		},
	}
}

// named makes a credential whose id and hash follow from a name.
func named(name string, role meter.Role, ids ...meter.ID) meter.Credential {
	sum := sha256.Sum256([]byte(name))
	return meter.Credential{
		ID: strings.ToLower(base32.StdEncoding.EncodeToString(sum[:10])), Role: role, SHA256: sum,
		Scope: meter.Scope{IsAll: len(ids) == 0, Meters: ids}, Label: name,
	}
}

func (b *bench) issue(c meter.Credential) {
	b.t.Helper()
	if err := b.Issue(b.t.Context(), c); err != nil {
		b.t.Fatal(err)
	}
}

// mustKnow returns a credential as it is now.
func (b *bench) mustKnow(c meter.Credential) *meter.Credential {
	b.t.Helper()
	found, ok := b.Store().Credential(c.SHA256)
	if !ok || found.ID != c.ID {
		b.t.Fatalf("credential %s is gone: %+v", c.Label, found)
	}
	return found
}

func TestACredentialCountsUntilItIsRevoked(t *testing.T) {
	b := newBench(t, "Asia/Singapore")
	defer func() { b.close() }()
	b.register("A", "B")
	operator, home := named("operator", meter.RoleOperator), named("home", meter.RoleHousehold, "B", "A", "B")
	home.By, home.ExpiresAt = "operator", b.now.Add(time.Hour)
	home.Scope.From, home.Scope.Until = 1000, 2000
	b.issue(operator)
	b.issue(home)
	for range 2 {
		got := b.mustKnow(home)
		want := home
		want.Scope.Meters, want.CreatedAt = []meter.ID{"A", "B"}, b.now.Local()
		want.ExpiresAt = want.ExpiresAt.Local()
		if fmt.Sprintf("%+v", *got) != fmt.Sprintf("%+v", want) {
			t.Errorf("it is %+v, want %+v", *got, want)
		}
		b.restart()
	}
	for what, c := range map[string]struct {
		meter.Credential
		want meter.Code
	}{
		"of a known hash":          {meter.Credential{ID: named("other", 1).ID, Role: meter.RoleAuditor, SHA256: home.SHA256, Scope: meter.Scope{IsAll: true}}, meter.CodeInvalidParameter},
		"of an unknown meter":      {named("other", meter.RoleHousehold, "C"), meter.CodeMeterNotFound},
		"that has expired":         {meter.Credential{ID: named("other", 1).ID, Role: meter.RoleAuditor, ExpiresAt: b.now}, meter.CodeInvalidParameter},
		"of more than many meters": {named("other", meter.RoleMeter, make([]meter.ID, store.CredentialMetersMax+1)...), meter.CodeInvalidParameter},
	} {
		if got := code(t, b.Issue(t.Context(), c.Credential)); got != c.want {
			t.Errorf("one %s: %q, want %q", what, got, c.want)
		}
	}
	for range 2 { // the second time it stays as it is
		if err := b.Revoke(t.Context(), home.ID, "operator"); err != nil {
			t.Error(err)
		}
		if b.mustKnow(home).IsLive(b.now) {
			t.Error("it counts")
		}
		b.restart()
	}
	for id, want := range map[string]meter.Code{operator.ID: meter.CodeInvalidParameter, named("other", 1).ID: meter.CodeNotFound, "x": meter.CodeNotFound} {
		if got := code(t, b.Revoke(t.Context(), id, "")); got != want {
			t.Errorf("revoking %s: %q, want %q", id, got, want)
		}
	}
	if !b.mustKnow(operator).IsLive(b.now) {
		t.Error("the last operator was revoked")
	}
}

// TestCredentialsGoOnWhileReceptionIsShutDown makes and ends some, and changes an owner.
func TestCredentialsGoOnWhileReceptionIsShutDown(t *testing.T) {
	b := newBench(t, "Asia/Singapore")
	defer b.close()
	b.register("A")
	if err := b.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	home := named("home", meter.RoleHousehold, "A")
	b.issue(home)
	if err := errors.Join(b.Revoke(t.Context(), home.ID, ""), b.SetOwner(t.Context(), "A", "Lim", "", "")); err != nil {
		t.Error(err)
	}
}

// TestOnAFullDiskNoCredentialIsMadeButOneIsEnded has some room left: that of the entries that need
// it most.
func TestOnAFullDiskNoCredentialIsMadeButOneIsEnded(t *testing.T) {
	disk := &limitedDisk{FS: vfs.NewMem()}
	disk.free.Store(1 << 20)
	b := &bench{t: t, fs: disk, zone: loadZone(t, "Asia/Singapore"), now: now, diskFreeMin: 10_000}
	b.open()
	defer b.close()
	b.register("A")
	b.issue(named("home", meter.RoleHousehold, "A"))
	disk.free.Store(9000)
	if got := code(t, b.Issue(t.Context(), named("other", meter.RoleAuditor))); got != meter.CodeDiskFull {
		t.Errorf("a credential: %q", got)
	}
	if got := code(t, b.SetOwner(t.Context(), "A", "Lim", "", "")); got != meter.CodeDiskFull {
		t.Errorf("an owner: %q", got)
	}
	if err := b.Revoke(t.Context(), named("home", 1).ID, ""); err != nil {
		t.Errorf("a revocation: %v", err)
	}
}

func TestTheDayOfTheLastUseIsWrittenOnceADay(t *testing.T) {
	b := newBench(t, "Asia/Singapore")
	defer func() { b.close() }()
	home, other := named("home", meter.RoleAuditor), named("other", meter.RoleAuditor)
	b.issue(home)
	b.issue(other)
	stale := b.mustKnow(home)
	var day meter.Day
	for n := range 3 {
		b.now = now.AddDate(0, 0, n)
		day = b.zone.Today(b.now)
		for range 10 {
			b.Used(b.mustKnow(home), b.now)
		}
		b.restart() // which waits for nobody
		b.Used(stale, b.now)
		if got := b.mustKnow(home).LastUse; got != day {
			t.Errorf("it was used on %v, want %v", got, day)
		}
	}
	hash := b.Store().Hash()
	b.Used(b.mustKnow(home), b.now)
	b.Used(stale, b.now)
	b.now = now // a clock that was set back
	b.Used(b.mustKnow(home), b.now)
	b.restart()
	if b.Store().Hash() != hash {
		t.Error("a use of the same day was written down again")
	}
	if got := b.mustKnow(other).LastUse; got != (meter.Day{}) {
		t.Errorf("one that nobody used was used on %v", got)
	}
}

// credentialSteps are what a life does, one after the other.
func credentialSteps(b *bench, tokens ledger.Tokens) []func() error {
	ctx := b.t.Context()
	return []func() error{
		func() error { _, err := b.FirstOperator(ctx, tokens); return err },
		func() error { return b.Issue(ctx, named("home", meter.RoleHousehold, "A")) },
		func() error { return b.Issue(ctx, named("operator", meter.RoleOperator)) },
		func() error { return b.SetOwner(ctx, "A", "Lim", "2 Road", "") },
		func() error { return b.Snapshot(ctx) },
		func() error { return b.Revoke(ctx, named("home", 1).ID, "") },
		func() error { return b.Snapshot(ctx) },
		func() error { return b.Revoke(ctx, named("operator", 1).ID, "") },
	}
}

// wantSteps wants all that was acknowledged, and perhaps the step after it.
func (b *bench) wantSteps(acknowledged int) (err error) {
	m, _ := b.Store().Lookup("A")
	for name, c := range map[string]struct{ from, until int }{"home": {2, 6}, "operator": {3, 8}} {
		found, known := b.Store().Credential(named(name, 1).SHA256)
		isLive := known && found.IsLive(b.now)
		if acknowledged >= c.from && !known || acknowledged < c.from-1 && known {
			err = errors.Join(err, fmt.Errorf("%s is known: %v", name, known))
		}
		if known && (acknowledged >= c.until && isLive || acknowledged < c.until-1 && !isLive) {
			err = errors.Join(err, fmt.Errorf("%s counts: %v", name, isLive))
		}
	}
	isNew := b.Store().Account(m.Index).OwnerName == "Lim"
	if acknowledged >= 4 && !isNew || acknowledged < 3 && isNew {
		err = errors.Join(err, fmt.Errorf("the owner is new: %v", isNew))
	}
	return err
}

// wantWayIn starts as with access on, and wants the token in the file to be an operator's.
func (b *bench) wantWayIn(tokens ledger.Tokens) error {
	if _, err := b.FirstOperator(b.t.Context(), tokens); err != nil {
		return err
	}
	token := strings.TrimSpace(b.text("data/" + ledger.OperatorTokenName))
	sum, _ := tokens.Sum(token)
	if c, known := b.Store().Credential(sum); !known || c.Role != meter.RoleOperator || !c.Scope.IsAll || !c.IsLive(b.now) {
		return fmt.Errorf("the token %q is that of %+v", token, c)
	}
	if operators := len(slices.Collect(b.Store().Credentials(store.CredentialFilter{Role: meter.RoleOperator}))); operators > 2 {
		return fmt.Errorf("there are %d operators", operators)
	}
	return nil
}

// TestNoCredentialIsLostAndNobodyLockedOutWhereverThePowerIsCut cuts the power at each change of the
// disk, with some of what was not synced kept or lost.
func TestNoCredentialIsLostAndNobodyLockedOutWhereverThePowerIsCut(t *testing.T) {
	type cutOff struct {
		disk         *vfs.MemFS
		acknowledged int
		name         string
	}
	disk := vfs.NewCrashableMem()
	var mu sync.Mutex
	var cuts []cutOff
	var acknowledged atomic.Int64
	isArmed := false
	b := &bench{t: t, zone: loadZone(t, "Asia/Singapore"), now: now}
	b.fs = faulttest.Watch(disk, func(op errorfs.Op) error {
		if mu.Lock(); isArmed && faulttest.Changes(op) {
			for n, percent := range []int{0, 50, 100} {
				name := fmt.Sprintf("%s of %s, %d %% kept", faulttest.Name(op), op.Path, percent)
				cuts = append(cuts, cutOff{faulttest.Torn(disk, percent, uint64(3*len(cuts)+n)), int(acknowledged.Load()), name})
			}
		}
		mu.Unlock()
		return nil
	})
	b.open()
	b.register("A")
	isArmed = true
	for _, step := range credentialSteps(b, testTokens()) {
		if err := step(); err != nil {
			t.Fatal(err)
		}
		acknowledged.Add(1)
	}
	b.close()
	between := 0
	for _, cut := range cuts {
		again := &bench{t: t, fs: cut.disk, zone: b.zone, now: now}
		if lines, err := again.verify(); err != nil {
			t.Fatalf("%s after step %d: %v\n%s", cut.name, cut.acknowledged, err, strings.Join(lines, "\n"))
		} else if strings.Contains(strings.Join(lines, "\n"), "it is the token of no credential") {
			between++
		}
		again.open()
		if err := again.wantSteps(cut.acknowledged); err != nil {
			t.Errorf("%s after step %d: %v", cut.name, cut.acknowledged, err)
		}
		if err := again.wantWayIn(testTokens()); err != nil {
			t.Errorf("%s after step %d, way in: %v", cut.name, cut.acknowledged, err)
		}
		again.close()
	}
	if t.Logf("%d power cuts, %d of them between the token and its credential", len(cuts), between); len(cuts) < 100 || between == 0 {
		t.Error("that proves little")
	}
}

func TestNoMoreMetersAreRegisteredThanThereMayBe(t *testing.T) {
	b := newBench(t, "Asia/Singapore")
	b.register("A", "B")
	b.close()
	b.metersMax = 5
	b.open()
	defer func() { b.close() }()
	if tally := b.imports(2); tally.Accepted != 2 {
		t.Fatalf("below the bound: %+v", tally)
	}
	var refused atomic.Int64
	if err := faulttest.SideBySide(8, func(n int) error {
		err := b.Register(t.Context(), meter.ID(fmt.Sprint("N", n)), "Owner", "Road")
		if meter.CodeOf(err) == meter.CodeMemoryFull && strings.Contains(err.Error(), "-meters-max") {
			refused.Add(1)
			return nil
		}
		return err
	}); err != nil {
		t.Error(err)
	}
	if meters, _ := b.Store().Counts(); meters != 5 || refused.Load() != 7 {
		t.Errorf("%d meters are registered, and %d were refused", meters, refused.Load())
	}
	if tally := b.imports(4); tally.Duplicates != 2 || tally.Retry != 2 || meter.CodeOf(tally.Refusals[0].Err) != meter.CodeMemoryFull {
		t.Errorf("a list at the bound: %+v", tally)
	}
	restored := b.RestoreAccounts(t.Context())
	if err := restored.Add(1, meter.Account{ID: "R", OwnerName: "Owner", Address: "Road"}); err != nil {
		t.Fatal(err)
	}
	if tally, err := restored.Flush(); err != nil || tally.Retry != 1 {
		t.Errorf("one that is restored: %+v, %v", tally, err)
	}
	if code := b.record("A", "2026-11-20T10:00", "1"); code != "" {
		t.Errorf("a reading: %q", code)
	}
	b.metersMax = 6
	b.restart()
	first, second := b.RestoreAccounts(t.Context()), b.RestoreAccounts(t.Context())
	for n, list := range []*ledger.Accounts{first, second} { // there is room for either
		if err := list.Add(1, meter.Account{ID: meter.ID(fmt.Sprint("R", n)), OwnerName: "Owner", Address: "Road"}); err != nil {
			t.Fatal(err)
		}
	}
	one, errOne := first.Flush()
	other, errOther := second.Flush()
	if err := errors.Join(errOne, errOther); err != nil || one.Accepted != 1 || other.Retry != 1 {
		t.Errorf("two lists: %+v and %+v, %v", one, other, err)
	}
	b.metersMax = 0
	b.restart()
	b.register("R")
}

// TestAnotherOwnerIsInTheNextFileOfAccounts changes one after a run, and restores from the files.
func TestAnotherOwnerIsInTheNextFileOfAccounts(t *testing.T) {
	b := newBackupScene(t, vfs.NewMem())
	defer func() { b.close() }()
	if err := b.SetOwner(t.Context(), "A", "Lim", "", "Ann"); err != nil {
		t.Fatal(err)
	}
	if code := code(t, b.SetOwner(t.Context(), "C", "Lim", "", "")); code != meter.CodeMeterNotFound {
		t.Errorf("the owner of an unknown meter: %q", code)
	}
	b.mustMaintain(closing.Request{Kind: closing.Daily, Day: bothRuns.Day})
	if text := b.text("Archive/accounts.csv"); !strings.Contains(text, "Lim,1 Road,A\n") || strings.Contains(text, "Owner of A") {
		t.Errorf("the file of accounts holds %q", text)
	}
	b.restart()
	if a, err := b.Account("A"); err != nil || a.OwnerName != "Lim" || a.Address != "1 Road" {
		t.Errorf("the account is %+v, %v", a, err)
	}
}
