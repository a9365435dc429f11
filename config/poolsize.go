package config

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// PoolSize is a number of servers, or `auto`: in JSON a number, or the string "auto".
type PoolSize int

// AutoPoolSize lets the size follow the load.
const AutoPoolSize PoolSize = -1 << 31

// ParsePoolSize reads what the Caddyfile has.
func ParsePoolSize(text string) (PoolSize, error) {
	if text == "auto" {
		return AutoPoolSize, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("pool_size takes a whole number or auto, and %q is neither", text)
	}
	return PoolSize(n), nil
}

// MarshalJSON implements json.Marshaler.
func (s PoolSize) MarshalJSON() ([]byte, error) {
	if s == AutoPoolSize {
		return []byte(`"auto"`), nil
	}
	return strconv.AppendInt(nil, int64(s), 10), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *PoolSize) UnmarshalJSON(text []byte) error {
	var word string
	if err := json.Unmarshal(text, &word); err == nil {
		if word != "auto" {
			return fmt.Errorf("pool_size is %q, but must be a whole number or \"auto\"", word)
		}
		*s = AutoPoolSize
		return nil
	}
	var n int
	if err := json.Unmarshal(text, &n); err != nil {
		return fmt.Errorf("pool_size is %s, but must be a whole number or \"auto\"", text)
	}
	*s = PoolSize(n)
	return nil
}

// Interface guards
var (
	_ json.Marshaler   = PoolSize(0)
	_ json.Unmarshaler = (*PoolSize)(nil)
)
