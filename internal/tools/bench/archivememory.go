package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime/metrics"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/ledger"
	"meterledger/internal/meter"
	"meterledger/internal/tools/households"
)

// archiveMemoryMax is how much memory archiving may take beyond the store, in MiB.
const archiveMemoryMax = 64

// archiveMemory measures the most memory that archiving a month takes beyond what
// the store takes anyway.
func archiveMemory(ctx context.Context, b *bench) ([]line, error) {
	meters, slots := b.sizes.archiveMemoryMeters, b.sizes.archiveMemorySlots
	got, err := child[archivingMeasured](ctx, b, archivingName, meters, slots)
	if err != nil {
		return nil, err
	}
	const mib = 1 << 20
	return []line{{
		What: fmt.Sprintf("memory beyond the store, archiving %s meters x %d half hours", count(meters), slots),
		Ours: of(float64(got.PeakBytes-got.StoreBytes)/mib, "MiB"), aim: atMost(archiveMemoryMax, "MiB"),
		Note: fmt.Sprintf("the heap's highest point, garbage included, less the heap after a collection before: %s MiB and %s MiB; %s rows",
			number(float64(got.PeakBytes)/mib), number(float64(got.StoreBytes)/mib), count(got.Rows)),
	}}, nil
}

// archivingName is the name of the program that archives a month and watches its heap.
const archivingName = "archiving"

// archivingMeasured is what that program measures.
type archivingMeasured struct {
	Rows                  uint64
	StoreBytes, PeakBytes uint64
}

// runArchiving fills a ledger with last month and closes that month.
func runArchiving(ctx context.Context, args []string) error {
	sizes, err := numbers(args, 2)
	if err != nil {
		return err
	}
	population, err := loadPopulation(sizes[0])
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp(".", archivingName)
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	zone, err := meter.LoadZone("Asia/Singapore")
	if err != nil {
		return err
	}
	l, err := ledger.Open(ctx, ledger.Options{
		FS: vfs.Default, DataDir: folder + "/data", ArchiveDir: folder + "/Archive", Zone: zone, Now: time.Now,
		Log: slog.New(slog.NewTextHandler(os.Stderr, nil)), Holder: archivingName,
	})
	if err != nil {
		return err
	}
	defer l.Close()
	month := l.LastMonth()
	if err := fillLedger(ctx, l, population, zone.MonthWindow(month).From, sizes[1]); err != nil {
		return err
	}
	got := archivingMeasured{StoreBytes: heapBytes()}
	watch := watchHeap()
	run, err := l.StartMaintenance(ledger.MaintenanceRequest{Kind: ledger.Monthly, Month: month})
	if err != nil {
		return err
	}
	<-run.Done()
	got.PeakBytes = watch()
	if run.Err != nil {
		return run.Err
	}
	got.Rows = run.Archives[0].Rows
	return tell(got)
}

func fillLedger(ctx context.Context, l *ledger.Ledger, p *households.Population, first meter.Slot, slots int) error {
	for i := range p.Len() {
		if err := l.Register(ctx, p.ID(i), "Tan Ah Kow", "1 Orchard Road"); err != nil {
			return err
		}
	}
	bulk := l.Bulk(ctx)
	for n := range slots * p.Len() {
		i, slot := n%p.Len(), first+meter.Slot(n/p.Len())
		row := meter.Reading{Meter: p.ID(i), Slot: slot, Register: p.Register(i, slot)}.Row()
		if err := bulk.Add(n+1, row); err != nil {
			return err
		}
	}
	tally, err := bulk.Flush()
	if err == nil && tally.Refused > 0 {
		err = tally.Refusals[0].Err
	}
	return err
}

// watchEvery is how often the heap is looked at.
const watchEvery = time.Millisecond

// watchHeap begins to watch the heap. The function it returns ends that, and returns
// the most bytes there were, garbage included.
func watchHeap() (stop func() uint64) {
	quit, most := make(chan struct{}), uint64(0)
	var watching sync.WaitGroup
	watching.Go(func() {
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		ticker := time.NewTicker(watchEvery)
		defer ticker.Stop()
		for {
			metrics.Read(sample)
			most = max(most, sample[0].Value.Uint64())
			select {
			case <-quit:
				return
			case <-ticker.C:
			}
		}
	})
	return func() uint64 {
		close(quit)
		watching.Wait()
		return most
	}
}
