//go:build !race

package faulttest

const raceFactor = 1
