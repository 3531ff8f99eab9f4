package rest_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"meterledger/internal/meter"
)

// TestNoCellOfCSVCanBeAFormula draws what may stand in a cell: ids, timestamps and
// registers, and nothing else. A spreadsheet takes for a formula what begins with one
// of these characters.
func TestNoCellOfCSVCanBeAFormula(t *testing.T) {
	const formula = "=+-@\t\r\n|%＝＋－＠"
	ids := rapid.OneOf(rapid.String(), rapid.StringMatching(`[=+\-@|%.A-Za-z0-9_\t]{1,8}`))
	london, err := meter.LoadZone("Europe/London")
	if err != nil {
		t.Fatal(err)
	}
	taken := 0
	rapid.Check(t, func(rt *rapid.T) {
		register, _ := meter.KWhFromParts(rapid.Int64Range(0, 999_999_999_999_999_999).Draw(rt, "register"), rapid.Uint8Range(0, 9).Draw(rt, "scale"))
		slot := london.DayStart(meter.Day{Year: meter.EarliestYear, Month: 1, Day: 1}) + meter.Slot(rapid.Uint32Range(0, 1_000_000).Draw(rt, "slot"))
		cells := []string{register.String(), london.Stamp(slot)}
		if id, err := meter.ParseID(ids.Draw(rt, "id")); err == nil {
			taken++
			cells = append(cells, string(id))
		}
		for _, cell := range cells {
			if strings.ContainsAny(cell[:1], formula) || strings.ContainsAny(cell, ",\"\n") {
				rt.Fatalf("%q can be taken for a formula, or needs quotes", cell)
			}
		}
	})
	if taken == 0 {
		t.Error("no id was taken")
	}
}
