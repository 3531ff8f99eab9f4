// Package meter is the language of the system: meters and their accounts,
// register readings in exact kWh, the half-hour grid they lie on, the days
// and months that people ask for, the rows that readings are written in, and the
// kinds of error a caller can be told.
//
// It imports nothing else of this module. Every other package meets the rest
// through these types, so a register value is never a bare number and an
// instant on the grid is never a bare integer.
//
// A reading is what the dial of a meter shows: the energy in kWh that has gone
// through it since it was made. Consumption is always the difference of two
// registers, never a sum over intervals; so nothing drifts, and days add up to
// months by construction.
package meter
