package store

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"meterledger/internal/meter"
)

// BenchmarkLocate looks up meters that were registered in another order than a sender
// keeps to.
func BenchmarkLocate(b *testing.B) {
	for _, meters := range []int{20_000, 1_600_000} {
		b.Run(fmt.Sprint(meters), func(b *testing.B) {
			s := New()
			var batch []byte
			for _, i := range rand.New(rand.NewPCG(1, 2)).Perm(meters) {
				batch = AppendAccount(batch[:0], meter.Account{ID: meter.ID(fmt.Sprintf("SG-%07d", i)), OwnerName: "Owner", Address: "1 Road"})
				mustApply(b, s, batch)
			}
			rows := make([]meter.Row, meters)
			for i := range rows {
				rows[i].Meter = fmt.Appendf(nil, "SG-%07d", i)
			}
			located, last := []Reading(nil), Index(0)
			b.ResetTimer()
			for n := 0; n < b.N; n += 1000 {
				at := n % meters
				located, _ = s.Locate(rows[at:at+1000], last, located[:0], nil)
				last = located[999].Meter
			}
		})
	}
}
