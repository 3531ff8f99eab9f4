// Package httpkit is what every HTTP program of the suite does the same way: it
// reads parameters, answers with JSON or with a problem, routes, measures,
// listens, serves and stops.
//
// It promises that a caller's mistake is never answered 500, that what went
// wrong inside never leaves the program (it is logged instead), and that no
// request is read without a limit.
package httpkit
