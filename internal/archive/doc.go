// Package archive keeps readings as CSV files that people and programs can read
// for as long as there are files: one file a day and one a month, rows sorted by
// meter and time.
//
// Archiving is a merge: the file that is there and what memory holds become one
// new file, which takes the old one's place in one step. Doing it again changes
// nothing. Everything streams, a meter at a time, and because the rows are sorted
// one meter is found in a month of a nation by bisection, without an index.
package archive
