// Suite runs the three programs together for development: one log, each line with its program's name in
// front, and one Ctrl-C that stops all three. They have the settings of the environment, but for API_URL,
// which is the address of this suite's api. If one program ends by itself, the others are stopped and the
// exit status is not zero.
package main

import "meterledger/internal/tools/suite/programs"

func main() { programs.Main("suite", programs.Run) }
