package adapters

import (
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
)

// The settings of PgBouncer 1.25 (bouncer_params of its src/main.c), by section of its configuration file.
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
		max_db_client_connections server_lifetime client_encoding datestyle timezone application_name`
	ofUsers = `pool_size reserve_pool_size pool_mode max_user_connections query_timeout query_wait_timeout
		idle_transaction_timeout transaction_timeout client_idle_timeout max_user_client_connections`
	ofPeers = `host port pool_size`
)

// newer is what came after 1.25.
var newer = []string{"pool_idle_timeout", "login_notify_message", "target_session_attrs"}

func TestEverySettingHasARow(t *testing.T) {
	for names, rows := range map[string][]setting{ofPgBouncer: allSettings, ofDatabases: databaseKeys, ofUsers: userKeys, ofPeers: peerKeys} {
		for _, name := range strings.Fields(names) {
			if find(rows, name) == nil {
				t.Errorf("%s has no row", name)
			}
		}
		for i, row := range rows {
			if !slices.Contains(strings.Fields(names), row.name) && !slices.Contains(newer, row.name) {
				t.Errorf("PgBouncer has no %s", row.name)
			}
			if find(rows, row.name) != &rows[i] {
				t.Errorf("%s has two rows", row.name)
			}
		}
	}
}

// other is a value of each setting that is not PgBouncer's default, and what else the file needs then; by default it is 7.
var other = map[string]string{
	"auth_type": "scram-sha-256", "auth_user": "asker", "auth_query": "SELECT $1\nauth_user = asker", "auth_dbname": "app\nauth_user = asker",
	"client_tls_sslmode":   "require\nclient_tls_cert_file = /c\nclient_tls_key_file = /k",
	"client_tls_cert_file": "/c\nclient_tls_sslmode = require\nclient_tls_key_file = /k",
	"client_tls_key_file":  "/k\nclient_tls_sslmode = require\nclient_tls_cert_file = /c",
	"client_tls_ca_file":   "/ca\nclient_tls_sslmode = verify-ca\nclient_tls_cert_file = /c\nclient_tls_key_file = /k",
	"client_tls_protocols": "tlsv1.3\nclient_tls_sslmode = require\nclient_tls_cert_file = /c\nclient_tls_key_file = /k",
	"client_tls_ecdhcurve": "prime256v1\nclient_tls_sslmode = require\nclient_tls_cert_file = /c\nclient_tls_key_file = /k",
	"unix_socket_mode":     "0700", "pool_mode": "transaction", "unix_socket_dir": "/run", "server_tls_sslmode": "require",
	"server_tls_ca_file":   "/ca\nserver_tls_sslmode = verify-full",
	"server_tls_cert_file": "/c\nserver_tls_key_file = /k", "server_tls_key_file": "/k\nserver_tls_cert_file = /c",
	"reserve_pool_timeout": "1\nreserve_pool_size = 1",
	"log_connections":      "0", "log_disconnections": "0", "log_pooler_errors": "0",
}

// TestEverySettingIsMappedOrWarnedOf writes each, and looks what has become of it.
func TestEverySettingIsMappedOrWarnedOf(t *testing.T) {
	for _, row := range allSettings {
		text := "7"
		if s, ok := other[row.name]; ok {
			text = s
		}
		head, tail, _ := strings.Cut(text, "\n") // what else it needs is there in any case
		without, _ := adapted(t, tail)
		with, warnings := adapted(t, row.name+" = "+head+"\n"+tail)
		warned := slices.ContainsFunc(warnings, func(w caddyconfig.Warning) bool { return w.Directive == row.name && w.Line == 8 })
		switch {
		case with == "" && row.kind == mapped, with != without && row.kind == mapped, warned:
		case row.kind == covered && !warned:
		default:
			t.Errorf("%s = %s: it is neither mapped nor warned of", row.name, head)
		}
	}
}

// adapted is a small file with these lines of [pgbouncer]; empty where it cannot be without them.
func adapted(t *testing.T, lines string) (string, []caddyconfig.Warning) {
	t.Helper()
	out, warnings, err := PgBouncer{}.Adapt([]byte("[databases]\napp = host=127.0.0.1\n\n[pgbouncer]\nlisten_addr = *\nauth_file = /users\nadmin_users = a\n"+lines), nil)
	if err != nil {
		return "", nil
	}
	return string(out), warnings
}

// TestDefaultsNeedNoWarning: what says that all is as it is by default is read as that.
func TestDefaultsNeedNoWarning(t *testing.T) {
	for _, row := range allSettings {
		if row.kind != mapped || row.standard != "" && !strings.Contains(row.standard, " of ") {
			with, warnings := adapted(t, row.name+" = "+row.standard)
			if without, before := adapted(t, ""); row.standard != "0" && with != without || printed(warnings) != printed(before) {
				t.Errorf("%s = %s, which is the default, changes something: %s\n%s", row.name, row.standard, printed(warnings), with)
			}
		}
	}
}
