package main

import "slices"

// table is all mutants: the places where what was acknowledged could be lost, doubled
// or altered, each broken in the way that would do it.
func table() []mutant {
	return slices.Concat(disk(), journal(), committer(), snapshots(), rules(), closing(), archives())
}
