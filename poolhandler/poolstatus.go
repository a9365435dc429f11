package poolhandler

import (
	"maps"
	"slices"

	"github.com/pgmux/caddy-pgmux/internal/adminapi"
	"github.com/pgmux/caddy-pgmux/internal/engine"
)

// addSizing adds that of one (database, user).
func addSizing(r *adminapi.Recommended, s *engine.Sizing) {
	r.Size += s.Recommended
	r.BusyServers += s.BusyServers
	r.ArrivalsPerSecond += s.ArrivalsPerSecond
	r.WindowSeconds = max(r.WindowSeconds, s.Window.Seconds())
	if r.ServiceSeconds = s.ServiceSeconds; r.ArrivalsPerSecond > s.ArrivalsPerSecond {
		r.ServiceSeconds = r.BusyServers / r.ArrivalsPerSecond
	}
}

// addFigures adds the figures of one (database, user).
func addFigures(f *adminapi.Figures, s *engine.PoolStats) {
	f.Size += sizeOf(s)
	f.Available += s.ServersIdle
	f.MaxSize += s.MaxSize
	f.Reserve += s.Reserve
	addSizing(&f.Recommended, &s.Sizing)
	f.Waiting += s.ClientsWaiting
	f.MaxWaitSeconds = max(f.MaxWaitSeconds, s.MaxWait.Seconds())
	f.Clients.Idle += s.ClientsIdle
	f.Clients.Active += s.ClientsActive
	f.Clients.Waiting += s.ClientsWaiting
	f.Clients.Total += s.ClientsIdle + s.ClientsActive + s.ClientsWaiting
	f.Servers.Idle += s.ServersIdle
	f.Servers.Active += s.ServersActive
	f.Servers.Checking += s.ServersChecking
	f.Servers.Draining += s.ServersDraining
	f.Servers.Resetting += s.ServersResetting
	f.Servers.BeingCanceled += s.ServersBeingCanceled
	f.Servers.Connecting += s.ServersConnecting
	for reason, n := range s.Pinned {
		if f.Pinned == nil {
			f.Pinned = make(map[string]int)
		}
		f.Pinned[reason] += n
	}
	if s.ClientsListening+s.Channels+s.Listeners > 0 {
		if f.Listening == nil {
			f.Listening = &adminapi.Listeners{}
		}
		f.Listening.Clients += s.ClientsListening
		f.Listening.Channels += s.Channels
		f.Listening.Servers += s.Listeners
	}
	addCounts(f, &s.Counts)
	f.Utilization = utilization(f.Size, f.Available, f.MaxSize)
}

// addCounts adds what has been counted.
func addCounts(f *adminapi.Figures, s *engine.Counts) {
	f.Queries += s.Queries
	f.Transactions += s.Transactions
	f.BytesReceived += s.BytesReceived
	f.BytesSent += s.BytesSent
	f.Connects += s.Connects
	f.ConnectsFailed += s.ConnectsFailed
	f.WaitTimeouts += s.WaitTimeouts
	f.Cancels += s.Cancels
	f.ReserveDials += s.ReserveDials
	f.ChecksFailed += s.ChecksFailed
	f.Expired += s.ServersExpired
	f.IdledOut += s.ServersIdledOut
}

// sizeOf is the servers open.
func sizeOf(s *engine.PoolStats) int {
	return s.ServersIdle + s.ServersActive + s.ServersChecking + s.ServersResetting + s.ServersBeingCanceled + s.ServersDraining
}

func utilization(size, available, maxSize int) float64 {
	if maxSize <= 0 {
		return 0
	}
	return float64(size-available) / float64(maxSize)
}

// details is every pool that is configured or still drains, sorted by name. A pool that nobody has used yet has the
// size that its first user may have.
func details(c *engine.Config, s engine.Snapshot) []*adminapi.PoolDetail {
	found := make(map[string]*adminapi.PoolDetail)
	get := func(name string) *adminapi.PoolDetail {
		if found[name] == nil {
			found[name] = &adminapi.PoolDetail{
				Pool: adminapi.Pool{Name: name, Status: adminapi.StatusActive}, Users: []adminapi.User{}, Upstreams: map[string]int{},
			}
		}
		return found[name]
	}
	for i := range s.Pools {
		addUser(get(s.Pools[i].Pool), &s.Pools[i])
	}
	if c != nil {
		for i := range c.Pools {
			addConfigured(get(c.Pools[i].Name), &c.Pools[i])
		}
	}
	for name, counts := range s.Forgotten {
		if found[name] != nil {
			addCounts(&found[name].Figures, counts)
		}
	}
	out := make([]*adminapi.PoolDetail, 0, len(found))
	for _, name := range slices.Sorted(maps.Keys(found)) {
		out = append(out, found[name])
	}
	return out
}

// details is every pool with what stands for it.
func (p *process) details(s engine.Snapshot) []*adminapi.PoolDetail {
	all := details(p.discoveries.inForce.Load(), s)
	if r := p.running.Load(); r != nil {
		for _, d := range all {
			d.Status = r.Status(d.Name, "")
		}
	}
	return all
}

// addUser adds one (database, user).
func addUser(d *adminapi.PoolDetail, s *engine.PoolStats) {
	addFigures(&d.Figures, s)
	u := adminapi.User{Database: s.Database, User: s.User}
	addFigures(&u.Figures, s)
	d.Users = append(d.Users, u)
	for address, n := range s.Upstreams {
		d.Upstreams[address] += n
	}
}

// addConfigured adds what is known of a pool without its being used.
func addConfigured(d *adminapi.PoolDetail, c *engine.PoolConfig) {
	if len(d.Users) == 0 {
		d.MaxSize = c.PoolSize
	}
	for _, u := range c.Upstreams {
		d.Upstreams[u.Address] += 0
	}
}
