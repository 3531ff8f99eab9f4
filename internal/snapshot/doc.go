// Package snapshot keeps files of the whole state at a position of the journal,
// so that a restart need not replay all history.
//
// What a state is made of is not its business: a snapshot is records of bytes. It
// promises that a snapshot is whole and unaltered or is refused: every record
// carries its number and a checksum, the file ends with a mark, and a snapshot
// counts only once it was read back.
package snapshot
