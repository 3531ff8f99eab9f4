package access_test

import (
	"testing"

	"meterledger/internal/access"
	"meterledger/internal/meter"
)

// TestOnlyAnOperatorsTokenMakesAnOperator has a household's token in the operator's file make none.
func TestOnlyAnOperatorsTokenMakesAnOperator(t *testing.T) {
	for _, role := range []meter.Role{meter.RoleOperator, meter.RoleAuditor, meter.RoleMeter, meter.RoleHousehold} {
		token, want := access.NewToken(role)
		sum, ok := access.SumOfOperatorToken(token)
		if ok != (role == meter.RoleOperator) || sum != want {
			t.Errorf("a token of %s: %v", role, ok)
		}
	}
	if _, ok := access.SumOfOperatorToken("mlo_"); ok {
		t.Error("a prefix is no token")
	}
}
