package cluster

import (
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"meterledger/internal/tools/port"
	"meterledger/internal/tools/suite/programs"
)

// TestMain also stands in for a program of a cluster: with -cluster-node it connects to its first argument.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && slices.Contains(os.Args, "-cluster-node") {
		c, err := net.Dial("tcp", os.Args[1])
		if err != nil {
			os.Exit(1)
		}
		_, _ = io.Copy(io.Discard, c) // until the other side ends it
		os.Exit(0)
	}
	os.Exit(m.Run())
}

const (
	a = programs.Name("api1")
	b = programs.Name("api2")
	c = programs.Name("etcd1")
)

// servedNetwork has a proxy before a server that says back all it is told. Connections are those of who is
// named last.
func servedNetwork(t *testing.T) (n *network, dial func(programs.Name) net.Conn, heard chan string) {
	t.Helper()
	owners := make(chan programs.Name, 1)
	n = newNetwork(func(net.Conn) programs.Name { return <-owners })
	t.Cleanup(n.close)
	heard = make(chan string, 10)
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	go func() {
		for {
			one, err := server.Accept()
			if err != nil {
				return
			}
			go func() {
				buffer := make([]byte, 10)
				for {
					got, err := one.Read(buffer)
					if err != nil {
						one.Close()
						return
					}
					heard <- string(buffer[:got])
					_, _ = one.Write(buffer[:got])
				}
			}()
		}
	}()
	address := n.via("", c, server.Addr().String())
	return n, func(by programs.Name) net.Conn {
		owners <- by
		one, err := net.Dial("tcp", address)
		if errors.Is(err, syscall.ECONNRESET) {
			return nil // before it was told that it is there
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { one.Close() })
		return one
	}, heard
}

func tell(t *testing.T, to net.Conn, what string) {
	t.Helper()
	if _, err := to.Write([]byte(what)); err != nil {
		t.Fatal(err)
	}
}

// read returns what came, or why nothing came in a moment.
func read(from net.Conn) (string, error) {
	if err := from.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		return "", err
	}
	buffer := make([]byte, 10)
	got, err := from.Read(buffer)
	return string(buffer[:got]), err
}

func wantRead(t *testing.T, from net.Conn, want string) {
	t.Helper()
	buffer := make([]byte, len(want))
	_ = from.SetReadDeadline(time.Time{})
	if _, err := io.ReadFull(from, buffer); err != nil || string(buffer) != want {
		t.Fatalf("read %q, %v, want %q", buffer, err, want)
	}
}

func TestOneWayIsLostAndTheOtherOnesAreNot(t *testing.T) {
	n, dial, heard := servedNetwork(t)
	first, second := dial(a), dial(b)
	tell(t, first, "1")
	wantRead(t, first, "1")
	<-heard
	n.set(map[way]fault{{c, a}: {lost: true}})
	tell(t, first, "2")
	if got := <-heard; got != "2" {
		t.Errorf("the server heard %q", got)
	}
	if got, err := read(first); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("what is lost arrived: %q, %v", got, err)
	}
	tell(t, second, "3")
	wantRead(t, second, "3")
	<-heard
	n.set(map[way]fault{{a, c}: {lost: true}})
	wantRead(t, first, "2")
	tell(t, first, "4")
	select {
	case got := <-heard:
		t.Errorf("the server heard %q", got)
	case <-time.After(50 * time.Millisecond):
	}
	n.set(nil)
	wantRead(t, first, "4")
}

func TestARefusedWayResetsItsConnectionsAndTheNewOnes(t *testing.T) {
	n, dial, _ := servedNetwork(t)
	first, second := dial(a), dial(b)
	for _, one := range []net.Conn{first, second} {
		tell(t, one, "1")
		wantRead(t, one, "1")
	}
	n.set(map[way]fault{{c, a}: {refused: true}})
	if _, err := first.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a connection that is refused ends with %v", err)
	}
	if late := dial(a); late != nil {
		if _, err := late.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("a new one ends with %v", err)
		}
	}
	tell(t, second, "2")
	wantRead(t, second, "2")
	n.set(nil)
	third := dial(a)
	tell(t, third, "3")
	wantRead(t, third, "3")
}

func TestAConnectionToNobodyIsReset(t *testing.T) {
	n := newNetwork(func(net.Conn) programs.Name { return a })
	defer n.close()
	one, err := net.Dial("tcp", n.via("", c, port.Free()))
	if err == nil { // else it was reset before it was told that it is there
		defer one.Close()
		_, err = one.Read(make([]byte, 1))
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("it ends with %v", err)
	}
}

func TestWhoseConnectionItIsIsFoundOut(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("skipped: only Linux tells whose connection it is")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	program := exec.Command(os.Args[0], l.Addr().String(), "-cluster-node", "api7")
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	one, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if got := ownerOf(one); got != "api7" {
		t.Errorf("it is of %q", got)
	}
	own, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	if got := ownerOf(accepted); got != "" {
		t.Errorf("that of a process that is no program is of %q", got)
	}
	if err := errors.Join(one.Close(), program.Wait()); err != nil {
		t.Error(err)
	}
}

func TestSettingsOfASoakThatMakeNoSenseAreRefused(t *testing.T) {
	for _, args := range [][]string{
		{"-cycles", "0"}, {"-keep", "0"}, {"-workers", "0"}, {"-longest", "1ms"}, {"-cycles", "many"}, {"now"}, {"-only", "nothing"},
	} {
		if err := Run(t.Context(), append([]string{"-dir", t.TempDir()}, args...), io.Discard, io.Discard); err == nil {
			t.Errorf("%q was taken", args)
		}
	}
}

func TestEverythingHappensBeforeAnythingHappensAgain(t *testing.T) {
	d := &drill{settings: settings{seed: 7}, may: nemeses}
	for range 2 {
		var seen []string
		for range nemeses {
			d.cycle++
			seen = append(seen, d.next().name)
		}
		if slices.Sort(seen); !slices.Equal(seen, slices.Sorted(slices.Values(names(nemeses)))) {
			t.Errorf("a round has %q", seen)
		}
	}
}
