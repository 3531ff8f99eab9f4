package rest

import (
	"math"
	"testing"
	"time"
)

func TestAnAgeIsInSecondsAndNeverTooLow(t *testing.T) {
	for age, want := range map[time.Duration]string{
		time.Second: "1", time.Second + 1: "2", 59*time.Second + time.Millisecond: "60", math.MaxInt64: "2147483648",
	} {
		if got := stalenessText(age); got != want {
			t.Errorf("%v is said to be %s s, want %s", age, got, want)
		}
	}
}
