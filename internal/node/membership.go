package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"meterledger/internal/archive"
	"meterledger/internal/chain"
	"meterledger/internal/closing"
	"meterledger/internal/cluster"
	"meterledger/internal/journal"
	"meterledger/internal/ledger"
)

// membership is the cluster that a data folder belongs to: what its mark says is held against what the engine
// says, before anything else is opened. So a folder of several nodes is not taken for one of a node
// alone, and an engine that is another one, or has lost something, not for the one of before.
//
// The mark is written before the engine is used and goes last when a node leaves, so a folder
// without one has no part in any order. A mark of revision 0 says that the node was about to found
// one.
type membership struct {
	Options        // Shared is not nil
	mark    pinned // the zero value if the folder has none
	engine  identity
	told    time.Time // that it does not answer
}

// openMembership reads the mark of a data folder, which the caller has locked, and asks the engine who it is.
func openMembership(ctx context.Context, o Options) (m *membership, err error) {
	m = &membership{Options: o}
	m.mark.Mark, err = cluster.ReadMark(o.FS, o.DataDir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if err := m.checkNames(); err != nil {
		return nil, err
	}
	m.engine, err = cluster.Ask(ctx, m.identify)
	return m, err
}

// identify asks the engine who it is, and tells now and then that it does not answer.
func (m *membership) identify(ctx context.Context) (i identity, err error) {
	i.id, i.revision, err = m.Shared.Engine.Identity(ctx)
	if err != nil && time.Since(m.told) > tellEvery {
		m.told = time.Now()
		m.Log.Warn("the engine does not say who it is; it is asked again", "error", err)
	}
	return i, err
}

// tellEvery is how often the log tells of an engine that does not answer at a start.
const tellEvery = 10 * time.Second

// ask makes a call that changes something until the engine answers.
func (m *membership) ask(ctx context.Context, call func(context.Context) error) error {
	_, err := cluster.Ask(ctx, func(ctx context.Context) (struct{}, error) { return struct{}{}, call(ctx) })
	return err
}

// checkAlone refuses the data folder of a node of several.
func checkAlone(o Options) error {
	mark, err := cluster.ReadMark(o.FS, o.DataDir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	return fmt.Errorf("%s is the folder of node %s of the cluster %s, as its file %s says, and would go on alone: start with -cluster or CLUSTER, or make it one of a node alone with -cluster-leave",
		o.DataDir, mark.Node, mark.Cluster, cluster.MarkName)
}

func (m *membership) isMarked() bool { return m.mark.Cluster != "" }

// isFounding reports whether the folder was about to found an order, and may not have.
func (m *membership) isFounding() bool { return m.isMarked() && m.mark.Revision == 0 }

func (m *membership) checkNames() error {
	switch o := m.Shared; {
	case !m.isMarked():
		return nil
	case m.mark.Cluster != o.Cluster:
		return fmt.Errorf("%s is a folder of the cluster %s, not of %s: choose another folder, or that cluster with -cluster-name or CLUSTER_NAME", m.DataDir, m.mark.Cluster, o.Cluster)
	case m.mark.Node != o.Self.Name:
		return fmt.Errorf("%s is the folder of node %s, not of %s: choose another folder, or that name with -cluster-node or CLUSTER_NODE", m.DataDir, m.mark.Node, o.Self.Name)
	}
	return nil
}

// enter makes sure that the folder may take part in the order of the engine, and marks it. An order is founded or
// healed here if that is asked for.
func (m *membership) enter(ctx context.Context) error {
	j, err := ledger.OpenJournal(ledger.Options{FS: m.FS, DataDir: m.DataDir, Zone: m.Zone, Log: m.Log})
	if err != nil {
		return err
	}
	return errors.Join(m.enterWith(ctx, j), j.Close())
}

func (m *membership) enterWith(ctx context.Context, j *journal.Journal) error {
	order, err := m.order(ctx, j.End())
	if err != nil {
		return err
	}
	if err := m.agrees(order); err != nil {
		return err
	}
	switch isOther := order.At.Journal != m.mark.Journal; {
	case !m.isMarked() || m.isFounding() && isOther:
		err = m.join(order, j.End())
	case isOther:
		err = fmt.Errorf("%s is of another order than that of the engine: choose the engine of its cluster with -cluster or CLUSTER, or an empty folder", m.DataDir)
	default:
		err = m.goOn(ctx, order, j)
	}
	return err
}

// order returns what the order was founded with. If there is none it is founded, if that is asked for.
func (m *membership) order(ctx context.Context, end chain.Position) (cluster.Order, error) {
	o, err := cluster.Ask(ctx, m.Shared.Engine.Founded)
	var left *cluster.LeftError
	hasGoneOn := errors.As(err, &left) && left.At.Journal == end.Journal && left.At.Sequence < end.Sequence // alone
	if errors.Is(err, cluster.ErrNotFounded) || hasGoneOn && m.Shared.Founding != ledger.FoundNever {
		if err = m.mayFound(end); err == nil {
			err = m.found(ctx, end)
		}
		if err != nil {
			return o, err
		}
		o, err = cluster.Ask(ctx, m.Shared.Engine.Founded)
	}
	if errors.As(err, &left) {
		return o, fmt.Errorf("%w: %s is of no use any more, unless it is that of node %s, which is made that of a node alone with -cluster-leave", err, m.DataDir, left.Node)
	}
	return o, err
}

// agrees refuses settings in which all nodes must agree.
func (m *membership) agrees(o cluster.Order) error {
	form := map[bool]string{false: "off", true: "zstd"}
	switch {
	case o.Zone != m.Zone.String():
		return fmt.Errorf("the cluster was founded with the time zone %s, not %s: start with that zone, -timezone or TIMEZONE", o.Zone, m.Zone)
	case o.Compressed != m.ArchiveCompress:
		return fmt.Errorf("the cluster was founded with archives of the form %s, not %s: start with that form, -archive-compress or ARCHIVE_COMPRESS", form[o.Compressed], form[m.ArchiveCompress])
	}
	return nil
}

// join marks a folder that has nothing yet.
func (m *membership) join(o cluster.Order, end chain.Position) error {
	if end.Sequence > 0 {
		return fmt.Errorf("%s holds the journal of another node, up to batch %d: join the cluster with an empty folder; what that one holds can begin a cluster with an engine that holds no order yet, by -cluster-found", m.DataDir, end.Sequence)
	}
	if err := m.hasArchives(o); err != nil {
		return err
	}
	return m.write(o.At.Journal, m.engine)
}

// hasArchives makes sure that the folder which nodes share is there, before this one takes part.
func (m *membership) hasArchives(o cluster.Order) error {
	_, err := archive.OpenShared(m.FS, m.ArchiveDir, m.Zone, o.At.Journal)
	return err
}

// goOn refuses an engine that is another one than before, or has lost something, unless it is to be healed.
func (m *membership) goOn(ctx context.Context, o cluster.Order, j *journal.Journal) error {
	v, err := cluster.Ask(ctx, m.Shared.Engine.View)
	if err = errors.Join(err, m.hasArchives(o)); err != nil {
		return err
	}
	end := j.End()
	isAhead := v.Head.Sequence < end.Sequence
	isOther := m.mark.isOther(m.engine)
	isOwn := m.Shared.Founding == ledger.FoundAgain && o.Again && o.At == end // by a process that ended before it wrote the mark
	switch {
	case isAhead && isFork(j, v.Head):
		err = m.otherBatch(v.Head.Sequence)
	case m.Shared.Heal:
		err = m.heal(ctx, j)
	case isAhead:
		err = m.halt(ctx, end.Sequence, v)
	case isOther && !isOwn:
		return fmt.Errorf("%s: %w", m.DataDir, m.mark.otherError(m.engine))
	}
	if err == nil {
		err = m.fits(ctx, end)
	}
	if err != nil || !isOther && !m.isFounding() {
		return err
	}
	return m.write(m.mark.Journal, m.engine)
}

// fits refuses an order that has another batch where the folder ends. Where the order goes on, the next batch tells. A folder
// without any has the journal of nobody yet.
func (m *membership) fits(ctx context.Context, end chain.Position) error {
	v, err := cluster.Ask(ctx, m.Shared.Engine.View)
	if err == nil && end.Sequence > 0 && v.Head.Sequence == end.Sequence && v.Head != end {
		err = m.otherBatch(end.Sequence)
	}
	return err
}

// write marks the folder as one of an engine.
func (m *membership) write(journal chain.ID, engine identity) error {
	m.mark.Mark = cluster.Mark{Cluster: m.Shared.Cluster, Journal: journal, Engine: engine.id, Revision: engine.revision, Node: m.Shared.Self.Name}
	return m.mark.Write(m.FS, m.DataDir)
}

// mayFound refuses to found an order that was not asked for, or not by what this folder holds.
func (m *membership) mayFound(end chain.Position) error {
	switch founding := m.Shared.Founding; {
	case founding == ledger.FoundNever && m.isMarked():
		return fmt.Errorf("the engine holds no order, but that of %s was founded before: choose its engine with -cluster or CLUSTER; if that is lost, start the node that has most with -cluster-found=again, and the others with -cluster-heal", m.DataDir)
	case founding == ledger.FoundNever:
		return fmt.Errorf("%w: start one node with -cluster-found, whose folder begins it, and then the others", cluster.ErrNotFounded)
	case !m.isMarked() || m.isFounding():
		return nil
	case founding == ledger.FoundOnce:
		return fmt.Errorf("the engine holds no order, and %s was part of one before: if its engine is lost, start the node that has most with -cluster-found=again, and the others with -cluster-heal", m.DataDir)
	case end.Journal != m.mark.Journal:
		return fmt.Errorf("%s has nothing of the order yet: start the node that has most with -cluster-found=again", m.DataDir)
	}
	return nil
}

// found begins an order with what the folder holds. Whatever ends it, the same again goes on with it.
func (m *membership) found(ctx context.Context, end chain.Position) error {
	if !m.isMarked() {
		if err := m.write(end.Journal, identity{id: m.engine.id}); err != nil {
			return err
		}
	}
	if err := archive.Share(m.FS, m.ArchiveDir, end.Journal); err != nil {
		return err
	}
	if err := closing.ShareKept(m.FS, m.DataDir, m.ArchiveDir); err != nil {
		return err
	}
	o := cluster.Order{At: end, Zone: m.Zone.String(), Compressed: m.ArchiveCompress, Again: m.Shared.Founding == ledger.FoundAgain}
	err := m.ask(ctx, func(ctx context.Context) error { return m.Shared.Engine.Found(ctx, o) })
	said := "the order of a cluster was founded; until other nodes have copied it, what this folder holds is on this disk alone"
	if o.Again {
		said = "the order of a cluster was founded again; readings are taken once as many nodes are there as keep each batch: start the others with -cluster-heal"
	}
	if err == nil {
		m.Log.Info(said, "cluster", m.Shared.Cluster, "behind_batch", end.Sequence)
	}
	if errors.Is(err, cluster.ErrFounded) { // by an earlier try, or by another node
		err = nil
	}
	return err
}
