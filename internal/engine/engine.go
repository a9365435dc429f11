package engine

import "github.com/pgmux/caddy-pgmux/internal/loop"

// Engine is a fixed number of shards and what they share.
type Engine struct{}

// Shard is the core of one event loop.
type Shard struct{}

var _ loop.Core = (*Shard)(nil)

func New(shards int, host Host) *Engine { panic("later") }

// Shard returns the core of loop i. Bind its driver, then loop.Run it on a thread of its own.
func (e *Engine) Shard(i int) *Shard { panic("later") }

// Bind tells the shard its driver: how to be woken, and how many connections it may hold. Before Run.
func (s *Shard) Bind(d loop.Driver) { panic("later") }

// Apply makes c the configuration: sizes and timeouts of pools that exist change, new pools are there at once,
// pools no longer named drain. It cannot fail: what can be wrong with a configuration is found before.
func (e *Engine) Apply(c *Config) { panic("later") }

// Admit counts a client in before it logs in; nil if there is room. Every Admit is followed by one Attach that
// succeeds, or one Leave.
func (e *Engine) Admit(pool string) *Refusal { panic("later") }

// Leave gives an admission back.
func (e *Engine) Leave(pool string) { panic("later") }

// Attach hands a logged-in client over. On a refusal the descriptor is still the caller's, and so is the admission.
func (e *Engine) Attach(c Client) *Refusal { panic("later") }

// Cancel is a client's CancelRequest: pid and secret are what the engine gave it as BackendKeyData.
func (e *Engine) Cancel(pid uint32, secret []byte) { panic("later") }

// Dialed answers a DialRequest.
func (e *Engine) Dialed(t Ticket, r DialResult) { panic("later") }

// Cancelled answers a CancelRequest.
func (e *Engine) Cancelled(t Ticket) { panic("later") }

// Snapshot asks every loop for its figures; the channel yields them once, when the last has answered.
func (e *Engine) Snapshot() <-chan Snapshot { panic("later") }

// Drain begins the end: new clients are refused with 57P03, idle ones are told 57P01, the others may finish what
// they do for DrainTimeout; then every loop stops. The channel is closed when all clients have gone.
func (e *Engine) Drain() <-chan struct{} { panic("later") }

func (s *Shard) Stopped() bool       { panic("later") }
func (s *Shard) Deadline() int64     { panic("later") }
func (s *Shard) Tick(now int64)      { panic("later") }
func (s *Shard) Step(ev *loop.Event) { panic("later") }
func (s *Shard) Ops() []loop.Op      { panic("later") }
