package config

import "fmt"

// checkSizes are the bounds of servers. What is kept must fit into what is allowed.
func (p *Pool) checkSizes(path string) *Problem {
	return first(
		p.PoolSize.check(path+".pool_size"),
		atLeast(path+".max_server_connections", p.MaxServerConnections, 0, "0 means no bound"),
		p.checkMinPoolSize(path+".min_pool_size"),
		atLeast(path+".reserve_pool_size", p.ReservePoolSize, 0, "0 means no reserve"),
		notNegative(path+".reserve_pool_timeout", p.ReservePoolTimeout, "0 means at once"),
	)
}

func (s *PoolSize) check(path string) *Problem {
	if s == nil || *s == AutoPoolSize {
		return nil
	}
	return atLeast(path, (*int)(s), 1, "it is the number of servers for one database and user; or write auto")
}

func (p *Pool) checkMinPoolSize(path string) *Problem {
	if problem := atLeast(path, p.MinPoolSize, 0, "0 means that none is kept"); problem != nil {
		return problem
	}
	least, size := Int(p.MinPoolSize, 0), Int((*int)(p.PoolSize), DefaultPoolSize)
	if p.PoolSize == nil || *p.PoolSize != AutoPoolSize {
		if least > size {
			return &Problem{path, fmt.Sprintf("is %d, but pool_size is %d; raise pool_size, or keep fewer", least, size)}
		}
	}
	if most := Int(p.MaxServerConnections, DefaultMaxServerConnections); most > 0 && least > most {
		return &Problem{path, fmt.Sprintf("is %d, but max_server_connections is %d for all databases and users; "+
			"raise that, or keep fewer", least, most)}
	}
	return nil
}

// checkLimits are the bounds of clients.
func (p *Pool) checkLimits(path string) *Problem {
	const hint = "0 means no bound of its own"
	return first(
		atLeast(path+".max_client_connections", p.MaxClientConnections, 0, hint),
		atLeast(path+".max_user_client_connections", p.MaxUserClientConnections, 0, hint),
		atLeast(path+".max_address_client_connections", p.MaxAddressClientConnections, 0, hint),
		atLeast(path+".max_waiting_clients", p.MaxWaitingClients, 0, hint),
	)
}

func (p *Pool) checkTimeouts(path string) *Problem {
	const never, unbounded = "0 means never", "0 means no bound"
	return first(
		notNegative(path+".query_wait_timeout", p.QueryWaitTimeout, "0 means for ever"),
		notNegative(path+".query_timeout", p.QueryTimeout, unbounded),
		notNegative(path+".transaction_timeout", p.TransactionTimeout, unbounded),
		notNegative(path+".idle_transaction_timeout", p.IdleTransactionTimeout, unbounded),
		notNegative(path+".client_idle_timeout", p.ClientIdleTimeout, unbounded),
		notNegative(path+".slow_query", p.SlowQuery, "0 means that none is slow"),
		positive(path+".server_connect_timeout", p.ServerConnectTimeout),
		positive(path+".server_login_retry", p.ServerLoginRetry),
		notNegative(path+".server_idle_timeout", p.ServerIdleTimeout, never),
		notNegative(path+".server_lifetime", p.ServerLifetime, never),
		notNegative(path+".server_check_interval", p.ServerCheckInterval, never),
	)
}

// checkReset refuses to clean a server always, and with nothing.
func (p *Pool) checkReset(path string) *Problem {
	path += ".server_reset"
	if problem := oneOf(path, p.ServerReset, ServerResets); problem != nil {
		return problem
	}
	if p.ServerReset == "always" && p.ServerResetQuery != nil && *p.ServerResetQuery == "" {
		return &Problem{path, "is always, but server_reset_query is empty; write the query, or server_reset dirty"}
	}
	return nil
}
