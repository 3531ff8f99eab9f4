// Suite runs the three programs together for development: one log, each line with its program's name in
// front, and one Ctrl-C that stops all three.
//
//	go run ./internal/tools/suite -bin DIR
//
// The environment is passed through, so API_ADDR, DATA_DIR and all the other settings work as they do for
// the programs themselves. Only API_URL is set: to wherever the api of this suite listens. Where one
// program ends by itself the others are stopped, and the exit status is not zero.
package main

import "meterledger/internal/tools/suite/programs"

func main() { programs.Main("suite", programs.Run) }
