package caller

import "strconv"

// Grouped writes a number with commas between the thousands.
func Grouped[T int | int64 | uint64](n T) string {
	return GroupedDigits(strconv.FormatInt(int64(n), 10))
}

// GroupedDigits puts commas between the thousands of a whole number.
func GroupedDigits(digits string) string {
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
