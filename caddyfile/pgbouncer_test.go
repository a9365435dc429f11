package caddyfile

import (
	"os"
	"strings"
	"testing"
)

// The settings of PgBouncer 1.25, by section of its configuration file.
const (
	ofPgBouncer = `admin_users application_name_add_host auth_dbname auth_file auth_hba_file auth_ident_file auth_ldap_options
		auth_query auth_type auth_user autodb_idle_timeout cancel_wait_timeout client_idle_timeout client_login_timeout
		client_tls13_ciphers client_tls_ca_file client_tls_cert_file client_tls_ciphers client_tls_dheparams
		client_tls_ecdhcurve client_tls_key_file client_tls_protocols client_tls_sslmode conffile default_pool_size
		disable_pqexec dns_max_ttl dns_nxdomain_ttl dns_zone_check_period idle_transaction_timeout
		ignore_startup_parameters job_name listen_addr listen_backlog listen_port log_connections log_disconnections
		log_pooler_errors log_stats logfile max_client_conn max_db_client_connections max_db_connections max_packet_size
		max_prepared_statements max_user_client_connections max_user_connections min_pool_size peer_id pidfile pkt_buf
		pool_mode query_timeout query_wait_notify query_wait_timeout reserve_pool_size reserve_pool_timeout resolv_conf
		sbuf_loopcnt scram_iterations server_check_delay server_check_query server_connect_timeout server_fast_close
		server_idle_timeout server_lifetime server_login_retry server_reset_query server_reset_query_always
		server_round_robin server_tls13_ciphers server_tls_ca_file server_tls_cert_file server_tls_ciphers
		server_tls_key_file server_tls_protocols server_tls_sslmode service_name so_reuseport stats_period stats_users
		suspend_timeout syslog syslog_facility syslog_ident tcp_defer_accept tcp_keepalive tcp_keepcnt tcp_keepidle
		tcp_keepintvl tcp_socket_buffer tcp_user_timeout track_extra_parameters transaction_timeout unix_socket_dir
		unix_socket_group unix_socket_mode user verbose`
	ofDatabases = `dbname host port user password auth_user auth_query auth_dbname pool_size min_pool_size reserve_pool_size
		reserve_pool connect_query pool_mode query_wait_timeout load_balance_hosts max_db_connections
		max_db_client_connections server_lifetime client_encoding datestyle timezone`
	ofUsers = `pool_size reserve_pool_size pool_mode max_user_connections query_timeout query_wait_timeout
		idle_transaction_timeout transaction_timeout client_idle_timeout max_user_client_connections`
	ofPeers = `host port pool_size`
)

// TestEverySettingOfPgBouncerIsMapped looks for each name in the first cell of a row of docs/pgbouncer.md.
func TestEverySettingOfPgBouncerIsMapped(t *testing.T) {
	text, err := os.ReadFile("../docs/pgbouncer.md")
	if err != nil {
		t.Fatal(err)
	}
	general, rest, _ := strings.Cut(string(text), "\n## `[databases]`\n")
	databases, rest, _ := strings.Cut(rest, "\n## `[users]`\n")
	users, rest, _ := strings.Cut(rest, "\n## `[peers]`\n")
	peers, _, _ := strings.Cut(rest, "\n## Files\n")
	for names, section := range map[string]string{ofPgBouncer: general, ofDatabases: databases, ofUsers: users, ofPeers: peers} {
		for _, name := range strings.Fields(names) {
			if !hasRow(section, name) {
				t.Errorf("%s has no row in docs/pgbouncer.md", name)
			}
		}
	}
}

func hasRow(section, name string) bool {
	for line := range strings.Lines(section) {
		cells := strings.SplitN(line, "|", 3)
		if len(cells) == 3 && strings.Contains(cells[1], "`"+name+"`") {
			return true
		}
	}
	return false
}
