package config

// RedisStore is the store `redis`: the processes that name the same server, prefix and database of Redis share their replies, and what they
// know to be written. It takes Redis 7.0 or Valkey 7.2 at least, one server or what looks like one; not a cluster.
//
// Nothing waits for it: a pool starts without it, and while it is out of reach replies are neither kept nor served, except by
// `invalidation wal`, which hears of all writes without it.
type RedisStore struct {
	// Address is host:port, or unix//path of a socket. Placeholders are resolved when the configuration is loaded. Required.
	Address string `json:"address,omitempty"`

	// Username is who logs in; Redis's own user default if there is none. It takes a password.
	Username string `json:"username,omitempty"`

	// Password is proven to Redis. Write a placeholder like {env.REDIS_PASSWORD}. Default: none.
	Password string `json:"password,omitempty"`

	// Database is the number of Redis's database. Default: 0. At least 0.
	Database *int `json:"database,omitempty"`

	// TLS is how the connections are encrypted. Default: not at all.
	TLS *StoreTLS `json:"tls,omitempty"`

	// Prefix begins the names of all that is kept. Processes with another one share nothing with these. Default: pgmux. 1 to 64 characters.
	Prefix string `json:"prefix,omitempty"`
}

// StoreTLS is how connections to a store are encrypted: its certificate is verified, and its name.
type StoreTLS struct {
	// CA is a PEM file with the certificates of authorities that may have issued the server's certificate, read when the
	// configuration is loaded. Default: the system's.
	CA string `json:"ca,omitempty"`

	// Certificate and Key are PEM files with what we show servers that ask for a client's certificate. Both or none. They are
	// read again when they change.
	Certificate string `json:"certificate,omitempty"`
	Key         string `json:"key,omitempty"`

	// ServerName is what the server's certificate has to be for, instead of the host of the address.
	ServerName string `json:"server_name,omitempty"`
}

const (
	// DefaultStorePrefix is RedisStore.Prefix where none is written.
	DefaultStorePrefix = "pgmux"
	// MaxStorePrefix bounds it: it is part of every name.
	MaxStorePrefix = 64
)
