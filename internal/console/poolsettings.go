package console

import (
	"time"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

type poolConfig = engine.PoolConfig

// poolSettings is those that both have. Defaults are ours.
var poolSettings = []poolSetting{
	{"client_idle_timeout", "client_idle_timeout", "0", timeOf(func(p *poolConfig) time.Duration { return p.ClientIdleTimeout })},
	{"default_pool_size", "pool_size", "20", numberOf(func(p *poolConfig) int { return p.PoolSize })},
	{"idle_transaction_timeout", "idle_transaction_timeout", "0", timeOf(func(p *poolConfig) time.Duration { return p.IdleTransactionTimeout })},
	{"max_db_client_connections", "max_client_connections", "0", numberOf(func(p *poolConfig) int { return p.MaxClientConnections })},
	{"max_db_connections", "max_server_connections", "1000", numberOf(func(p *poolConfig) int { return p.MaxServerConnections })},
	{"max_prepared_statements", "max_prepared_statements", "1000", numberOf(func(p *poolConfig) int { return p.MaxPreparedStatements })},
	{"max_user_client_connections", "max_user_client_connections", "0", numberOf(func(p *poolConfig) int { return p.MaxUserClientConnections })},
	{"min_pool_size", "min_pool_size", "0", numberOf(func(p *poolConfig) int { return p.MinPoolSize })},
	{"pool_mode", "pool_mode", "transaction", func(p *poolConfig) string { return p.Mode.String() }},
	{"query_timeout", "query_timeout", "0", timeOf(func(p *poolConfig) time.Duration { return p.QueryTimeout })},
	{"query_wait_timeout", "query_wait_timeout", "30", timeOf(func(p *poolConfig) time.Duration { return p.QueryWaitTimeout })},
	{"reserve_pool_size", "reserve_pool_size", "0", numberOf(func(p *poolConfig) int { return p.ReservePoolSize })},
	{"reserve_pool_timeout", "reserve_pool_timeout", "5", timeOf(func(p *poolConfig) time.Duration { return p.ReservePoolTimeout })},
	{"server_check_delay", "server_check_interval", "30", timeOf(func(p *poolConfig) time.Duration { return p.ServerCheckInterval })},
	{"server_check_query", "server_check_query", "", func(p *poolConfig) string { return p.ServerCheckQuery }},
	{"server_connect_timeout", "server_connect_timeout", "5", timeOf(func(p *poolConfig) time.Duration { return p.ServerConnectTimeout })},
	{"server_idle_timeout", "server_idle_timeout", "600", timeOf(func(p *poolConfig) time.Duration { return p.ServerIdleTimeout })},
	{"server_lifetime", "server_lifetime", "1800", timeOf(func(p *poolConfig) time.Duration { return p.ServerLifetime })},
	{"server_login_retry", "server_login_retry", "1", timeOf(func(p *poolConfig) time.Duration { return p.ServerLoginRetry })},
	{"server_reset_query", "server_reset_query", "DISCARD ALL", func(p *poolConfig) string { return p.ServerResetQuery }},
	{"server_reset_query_always", "", "0", func(p *poolConfig) string { return bit(p.ServerReset == engine.ResetAlways) }},
	{"", "server_reset", "dirty", func(p *poolConfig) string { return resetWord(p.ServerReset) }},
	{"server_round_robin", "", "0", func(p *poolConfig) string { return bit(p.FIFO) }},
	{"", "idle_server_order", "lifo", func(p *poolConfig) string { return orderWord(p.FIFO) }},
	{"transaction_timeout", "transaction_timeout", "0", timeOf(func(p *poolConfig) time.Duration { return p.TransactionTimeout })},
}
