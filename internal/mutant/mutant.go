// Package mutant names the faults that `make mutants` puts into the program on
// purpose, to see that a test notices each of them.
//
// A point in the code is a condition on one of these names. In a normal build they
// are constants, all false, and the compiler leaves nothing of a point. With the build
// tag mutants they are variables, and the environment variable MUTANT says which one
// is true.
package mutant
