package store

import (
	"fmt"
	"maps"
	"slices"
	"testing"
)

// formats says of each Format which kinds of entries and which records, with their versions,
// can occur in a data folder. A line that is released is never changed.
var formats = map[int]string{
	3: "entries [1 2 3 4 5 6 7 8 9 10 12 16 17 18 19 20] records [1.2 2.1 3.1 4.1 5.1 13.1 6.2 14.1 7.1 8.1 15.1 9.1 10.1 16.1 11.1 12.1] level 2",
	4: "entries [1 2 3 4 5 6 7 8 9 10 12 16 17 18 19 20 21 22] records [1.2 17.1 2.1 3.1 4.2 5.1 13.1 18.1 19.1 6.2 14.1 7.1 8.1 15.1 9.1 10.1 16.1 11.2 20.1 12.1] level 2",
	5: "entries [1 2 3 4 5 6 7 8 9 10 12 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30] records [1.2 17.1 2.1 3.1 21.1 4.2 5.1 13.1 18.1 19.1 6.2 14.1 7.1 8.1 15.2 9.1 10.1 16.2 11.2 20.1 22.1 23.1 24.1 12.1] level 2",
	6: "entries [1 2 3 4 5 6 7 8 9 10 12 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34] records [1.2 17.1 2.1 3.1 21.1 4.2 5.1 13.1 18.1 19.1 6.2 14.1 7.1 8.1 15.2 9.1 10.1 16.2 11.2 20.1 22.1 23.1 24.1 25.1 26.1 12.1] level 2",
	7: "entries [1 2 3 4 5 6 7 8 9 10 11 12 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34] records [1.2 17.1 27.1 2.1 3.1 21.1 4.2 5.1 13.1 18.1 19.1 6.2 14.1 7.1 8.1 15.2 9.1 10.1 16.2 11.2 20.1 22.1 23.1 24.1 25.1 26.1 12.1] level 2",
	8: "entries [1 2 3 4 5 6 7 8 9 10 11 12 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35] records [1.2 17.1 27.1 2.1 3.1 21.1 4.2 5.1 13.1 18.1 19.1 6.2 14.1 7.1 8.1 15.2 9.1 10.1 16.2 11.2 20.1 22.1 23.1 24.1 25.1 26.1 12.1] level 3",
	9: "entries [1 2 3 4 5 6 7 8 9 10 11 12 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36] records [1.2 17.1 27.1 2.1 3.1 21.1 4.2 5.1 13.1 18.1 19.1 6.2 14.1 7.2 8.1 15.2 9.2 10.1 16.2 11.2 20.1 22.1 23.1 24.1 25.1 26.1 12.1] level 4",
}

func TestTheFormatMovesWithEveryKindOfEntryAndRecord(t *testing.T) {
	kinds := append(slices.Collect(maps.Keys(entryKinds)), kindReading, kindPack, kindUnder, kindRestored, kindRollover)
	slices.Sort(kinds)
	var versions []string
	for _, r := range records {
		versions = append(versions, fmt.Sprint(r.kind, ".", r.version))
	}
	now := fmt.Sprint("entries ", kinds, " records ", versions, " level ", LevelNewest)
	if formats[Format] != now {
		t.Errorf("what can occur in a data folder is not that of format %d any more: raise Format if %d is released, and let its line say\n%s\nwhere it says\n%s",
			Format, Format, now, formats[Format])
	}
}
