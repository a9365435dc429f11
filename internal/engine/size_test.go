package engine

import (
	"reflect"
	"runtime"
	"testing"
	"unsafe"

	"github.com/pgmux/caddy-pgmux/internal/loop"
)

const (
	// maxIdleClient is what an idle client may cost, all of it our own memory.
	maxIdleClient = 512
	// driverConn is the larger of the drivers' states of a connection (uring and epoll, 20 to 24 bytes), rounded up.
	driverConn = 32
)

func TestTheSlotOfAClientIsSmall(t *testing.T) {
	n := unsafe.Sizeof(slot{})
	t.Logf("a slot is %d bytes, of which the client is %d", n, unsafe.Sizeof(client{}))
	if n+driverConn > maxIdleClient {
		t.Fatalf("%d bytes, with %d of the driver: more than %d", n, driverConn, maxIdleClient)
	}
}

// The garbage collector never looks into the slots of clients.
func TestSlotsHaveNoPointers(t *testing.T) {
	if where := pointerIn(reflect.TypeFor[slot](), "slot"); where != "" {
		t.Fatal(where)
	}
}

func pointerIn(t reflect.Type, path string) string {
	switch t.Kind() {
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			if where := pointerIn(f.Type, path+"."+f.Name); where != "" {
				return where
			}
		}
	case reflect.Array:
		return pointerIn(t.Elem(), path+"[]")
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8,
		reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Float32, reflect.Float64:
	default:
		return path + " is a " + t.String()
	}
	return ""
}

// What a hundred thousand idle clients really cost, before and after their first query.
func TestIdleClientsAreSmall(t *testing.T) {
	const n = 100_000
	h := &benchHost{}
	e := New(1, h)
	h.e = e
	b := &bench{shard: e.Shard(0), now: 1}
	b.shard.Bind(benchDriver{})
	e.Apply(&Config{Pools: []PoolConfig{onePool(2)}})
	b.attach(t, e)
	b.ask(t, b.clients[0], simpleQuery, simpleAnswer)
	b.clients = make([]loop.ID, 0, n+1)
	empty := heap()
	for range n {
		b.attach(t, e)
	}
	before := (heap() - empty) / n
	t.Logf("%d bytes of heap for an idle client after its login", before)
	for _, c := range b.clients {
		b.ask(t, c, simpleQuery, simpleAnswer)
	}
	after := (heap() - empty) / n
	t.Logf("%d bytes after its first query", after)
	for i, c := range b.clients {
		if i == 0 {
			b.ask(t, c, prepare, prepareAnswer)
			continue
		}
		b.turn(loop.Event{Kind: loop.Received, Conn: c, Data: prepare})
	}
	t.Logf("%d bytes with a prepared statement of its own", (heap()-empty)/n)
	if before+driverConn > maxIdleClient || after+driverConn > maxIdleClient {
		t.Fatalf("more than %d, with %d of the driver", maxIdleClient, driverConn)
	}
	runtime.KeepAlive(b)
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
