package access

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"meterledger/internal/meter"
)

// Meters are the meters that a credential is made for: a list, or all.
type Meters struct {
	IsAll bool
	List  []meter.ID // sorted, each once
}

// allMeters is all meters, in place of a list.
const allMeters = "*"

// UnmarshalText reads ids with commas between them, or * for all.
func (m *Meters) UnmarshalText(text []byte) error {
	return m.parse(strings.Split(string(text), ","))
}

// UnmarshalJSON reads a list of ids, ["*"] or "*".
func (m *Meters) UnmarshalJSON(text []byte) error {
	var list []string
	if json.Unmarshal(text, &list) == nil {
		return m.parse(list)
	}
	var all string
	if err := json.Unmarshal(text, &all); err != nil {
		return errors.New("must be a list of ids, or *")
	}
	return m.parse([]string{all})
}

func (m *Meters) parse(list []string) error {
	*m = Meters{}
	if len(list) == 1 && list[0] == allMeters {
		m.IsAll = true
		return nil
	}
	for _, text := range list {
		id, err := meter.ParseID(text)
		if err != nil {
			return errors.New("must be ids of meters, with commas between them in a query, or * for all")
		}
		m.List = append(m.List, id)
	}
	slices.Sort(m.List)
	m.List = slices.Compact(m.List)
	return nil
}

// Names returns the ids of a scope's meters, or "*" alone for all.
func Names(s *meter.Scope) []string {
	if s.IsAll {
		return []string{allMeters}
	}
	names := make([]string, len(s.Meters))
	for i, id := range s.Meters {
		names[i] = string(id)
	}
	return names
}

// NewScope returns the scope of a credential: operators and auditors have every meter, meters
// a list or all, households a list and, if they are given, a time from an instant on and until one (0 is
// none). The error names the field.
func NewScope(role meter.Role, meters Meters, from, until meter.Instant) (meter.Scope, error) {
	wrong := func(field, problem string) (meter.Scope, error) {
		return meter.Scope{}, meter.Invalid(meter.CodeInvalidParameter, field, "%s", problem)
	}
	listed := len(meters.List) > 0
	switch {
	case role < meter.RoleMeter && listed:
		return wrong("meters", "only goes with role=meter or role=household: the others have all")
	case role == meter.RoleHousehold && meters.IsAll:
		return wrong("meters", "must be a list with role=household")
	case role >= meter.RoleMeter && !listed && !meters.IsAll:
		return wrong("meters", "is missing")
	case role != meter.RoleHousehold && from != 0:
		return wrong("from", "only goes with role=household")
	case role != meter.RoleHousehold && until != 0:
		return wrong("until", "only goes with role=household")
	case until != 0 && until <= from:
		return wrong("until", "must be later than from")
	}
	return meter.Scope{IsAll: !listed, Meters: meters.List, From: from, Until: until}, nil
}
