// Package faulttest holds what the proofs by fault share: disks that crash, lie
// damaged or fail, and a way to go through very many of them.
//
// A proof goes through every place where something can break. That takes minutes,
// so by default it goes through a sample that is spread evenly, and through all
// of them where PROOFS=whole stands in the environment; make proofs says it.
package faulttest
