package meter_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"meterledger/internal/meter"
)

// anyRegister draws a register of any size and scale, zero and the largest included.
func anyRegister() *rapid.Generator[meter.Register] {
	return rapid.Custom(func(t *rapid.T) meter.Register {
		coefficient := rapid.Int64Range(0, 999_999_999_999_999_999).Draw(t, "coefficient")
		scale := rapid.Uint8Range(0, meter.RegisterDecimalsMax).Draw(t, "scale")
		k, ok := meter.RegisterFromParts(coefficient, scale)
		if !ok {
			t.Fatalf("RegisterFromParts(%d, %d) was refused", coefficient, scale)
		}
		return k
	})
}

const zeros10 = "0000000000"

func TestTextsThatAreRegistersAreReadExactly(t *testing.T) {
	for text, want := range map[string]string{
		"0":                                      "0",
		"0.0":                                    "0",
		"000":                                    "0",
		"0e99":                                   "0",
		"0.3":                                    "0.3",
		"1234.567":                               "1234.567",
		"1.500":                                  "1.5",
		"100":                                    "100",
		"007.5":                                  "7.5",
		"0.000000001":                            "0.000000001",
		"0.05":                                   "0.05",
		"10.010":                                 "10.01",
		"1e-05":                                  "0.00001",
		"1E+2":                                   "100",
		"1e2":                                    "100",
		"1e017":                                  "100000000000000000",
		"12345e-9":                               "0.000012345",
		"1.5e1":                                  "15",
		"1.25e1":                                 "12.5",
		"3.1559999":                              "3.1559999",
		"999999999999999999":                     "999999999999999999",
		"999999999.999999999":                    "999999999.999999999",
		"999999999999999999e-9":                  "999999999.999999999",
		strings.Repeat("0", 50) + "1":            "1",
		"-0":                                     "0",
		"-0.0":                                   "0",
		"-0.00e5":                                "0",
		"0e-10":                                  "0",
		"0.0000000000":                           "0",
		"0e99999999999999999999":                 "0",
		"1043.2000000000":                        "1043.2",
		"1.0000000000":                           "1",
		"1000000000.000000000":                   "1000000000",
		"12000e-10":                              "0.0000012",
		"1.50000000000000000000e3":               "1500",
		"100000000000000000000e-10":              "10000000000",
		"1e+0":                                   "1",
		"1e 0":                                   "1", // as it arrives in a query string
		"1.5E 2":                                 "150",
		"1" + strings.Repeat("0", 200) + "e-200": "1",
		"0." + strings.Repeat("0", 199) + "1e200":               "1",
		"1" + strings.Repeat("0", 99) + "." + zeros10 + "e-101": "0.01",
	} {
		t.Run(text, func(t *testing.T) {
			k, err := meter.ParseRegister(text)
			if err != nil {
				t.Fatalf("refused: %v", err)
			}
			if k.String() != want {
				t.Errorf("read as %s, want %s", k, want)
			}
			if fromBytes, err := meter.ParseRegister([]byte(text)); err != nil || fromBytes != k {
				t.Errorf("as bytes it is %v, %v", fromBytes, err)
			}
		})
	}
}

func TestTextsThatAreNoRegistersAreRefusedWithTheReason(t *testing.T) {
	const (
		notDecimal   = "must be a decimal number such as 1234.567"
		negative     = "must not be negative"
		tooManyPlace = "has more than 9 digits after the point"
		tooMany      = "has more than 18 digits"
	)
	for text, want := range map[string]string{
		"": notDecimal, " ": notDecimal, " 1": notDecimal, "1 ": notDecimal, "1\n": notDecimal,
		".": notDecimal, "1.": notDecimal, ".5": notDecimal, "1..2": notDecimal, "1.2.3": notDecimal,
		"1e": notDecimal, "1e+": notDecimal, "1e-": notDecimal, "e5": notDecimal, "1.e5": notDecimal,
		"1e1.5": notDecimal, "1e5e5": notDecimal, "1e++5": notDecimal, "1e  5": notDecimal, "1e +5": notDecimal, "1 e5": notDecimal,
		"+1": notDecimal, "1+": notDecimal, "1-1": notDecimal,
		"NaN": notDecimal, "nan": notDecimal, "Infinity": notDecimal, "inf": notDecimal, "null": notDecimal,
		"0x1F": notDecimal, "0b1": notDecimal, "1_000": notDecimal, "1,000": notDecimal, "1'000": notDecimal, "1,5": notDecimal,
		"１": notDecimal, "1١": notDecimal, "\xff": notDecimal, "1\x00": notDecimal, "true": notDecimal, `"1"`: notDecimal,
		"-1": negative, "-": negative, "-Infinity": negative, "--0": negative, "-0.1": negative, "-0x": negative,
		"0.0000000001": tooManyPlace, "1e-10": tooManyPlace, "1.0123456789": tooManyPlace,
		"1e-1000000": tooManyPlace, "1.123456789e-1": tooManyPlace, "1" + strings.Repeat("0", 100) + "e-110": tooManyPlace,
		"1234567890123456789": tooMany, "1000000000000000000": tooMany, "1000000000.0000000001": tooMany,
		"1e18": tooMany, "1e1000000": tooMany, "12e17": tooMany, "1e99999999999999999999": tooMany,
		strings.Repeat("9", 100_000): tooMany,
	} {
		k, err := meter.ParseRegister(text)
		if err == nil {
			t.Errorf("%.40q was read as %v", text, k)
		} else if err.Error() != want {
			t.Errorf("%.40q: %q, want %q", text, err, want)
		}
	}
}

var grammar = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?([eE][ +-]?[0-9]+)?$`)

// checkAgainstDecimal compares ParseRegister with the decimal library: it takes what
// is written as a number and lies within the limits of a reading, with the same value.
func checkAgainstDecimal(t interface{ Fatalf(string, ...any) }, text string) {
	k, err := meter.ParseRegister(text)
	d, decimalErr := decimal.NewFromString(strings.ReplaceAll(text, " ", "+"))
	if grammar.MatchString(text) && decimalErr != nil {
		d = decimal.Zero // of an exponent beyond decimal's own limit only zero can be taken
		if err != nil {
			return
		}
	}
	want := grammar.MatchString(text) && withinLimits(d)
	if (err == nil) != want {
		t.Fatalf("%q: %v, %v, though decimal reads %v, %v", text, k, err, d, decimalErr)
	}
	if err == nil && !k.Decimal().Equal(d) {
		t.Fatalf("%q was read as %v, decimal reads %v", text, k, d)
	}
}

// withinLimits looks at a number without its trailing zeros.
func withinLimits(d decimal.Decimal) bool {
	if d.IsZero() {
		return true
	}
	digits := strings.TrimRight(d.Coefficient().String(), "0")
	exponent := int(d.Exponent()) + len(d.Coefficient().String()) - len(digits)
	return !d.IsNegative() && exponent >= -meter.RegisterDecimalsMax && len(digits)+max(0, exponent) <= meter.RegisterDigitsMax
}

func TestRegistersAgreeWithADecimalLibrary(t *testing.T) {
	texts := rapid.StringMatching(`-?[0-9]{0,19}0{0,9}(\.0{0,9}[0-9]{0,10}0{0,9})?([eE][ +-]?[0-9]{0,3})?`)
	rapid.Check(t, func(t *rapid.T) {
		for _, text := range rapid.SliceOfN(texts, 1, 20).Draw(t, "texts") {
			checkAgainstDecimal(t, text)
		}
	})
}

func FuzzParseRegister(f *testing.F) {
	for _, seed := range []string{
		"0", "0.3", "1234.567", "1e-05", "1E+2", "1e1000000", "999999999999999999", "0.000000001", "-0", "+1", "", ".", "1.", ".5",
		"1e", "NaN", "Infinity", "0x1F", "1,000", "１", "1_0", "00012.50", "9e17", "0e-9",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 64 {
			return // decimal takes long over exponents of many digits
		}
		checkAgainstDecimal(t, text)
		if k, err := meter.ParseRegister(text); err == nil {
			if again, err := meter.ParseRegister(k.String()); err != nil || again != k {
				t.Fatalf("%q is written as %v and read back as %v, %v", text, k, again, err)
			}
		}
	})
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	type body struct {
		Reading meter.Register `json:"reading"`
	}
	rapid.Check(t, func(t *rapid.T) {
		k := anyRegister().Draw(t, "k")
		if text := k.String(); text != k.Decimal().String() {
			t.Fatalf("written as %s, decimal writes %v", text, k.Decimal())
		}
		if again, err := meter.ParseRegister(k.String()); err != nil || again != k {
			t.Fatalf("%v is read back as %v, %v", k, again, err)
		}
		encoded, err := json.Marshal(body{k})
		if err != nil {
			t.Fatalf("encoding: %v", err)
		}
		if want := `{"reading":` + k.String() + `}`; string(encoded) != want {
			t.Fatalf("encoded as %s, want %s", encoded, want)
		}
		var decoded body
		if err := json.Unmarshal(encoded, &decoded); err != nil || decoded.Reading != k {
			t.Fatalf("%s is decoded as %v, %v", encoded, decoded.Reading, err)
		}
	})
}

func TestJSONThatIsNoRegisterIsRefusedAndChangesNothing(t *testing.T) {
	for _, text := range []string{`null`, `"1.5"`, `-1`, `true`, `[]`, `{}`, `1e400`, `1.0000000001`} {
		k, _ := meter.ParseRegister("7")
		if err := json.Unmarshal([]byte(text), &k); err == nil || k.String() != "7" {
			t.Errorf("%s was decoded as %v, %v", text, k, err)
		}
	}
}
