// Package deploy has no code: it holds what an operator needs to run the suite for real, and
// the tests that keep it true. README.md tells what is where.
package deploy
