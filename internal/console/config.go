package console

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/pgmux/caddy-pgmux/internal/engine"
)

var configColumns = columns{"ssss", []string{"key", "value", "default", "changeable"}}

// showConfig has, in the order of their names: PgBouncer's settings that are the app's here; those that are a pool's here, where all pools
// agree; and every pool's own, as `pools.<name>.<option>`.
func (s *session) showConfig(t *table) error {
	rows := s.world.Settings()
	pools := s.world.Pools()
	for _, o := range poolSettings {
		if setting, agreed := o.agreed(pools); agreed && o.pgbouncer != "" {
			rows = append(rows, setting)
		}
		for i := range pools {
			if o.option == "" {
				continue
			}
			own := o.of(&pools[i])
			own.Key = "pools." + pools[i].Name + "." + o.option
			rows = append(rows, own)
		}
	}
	slices.SortFunc(rows, func(a, b Setting) int { return cmp.Compare(a.Key, b.Key) })
	for _, r := range rows {
		t.add(r.Key, r.Value, r.Default, changeable(!r.Fixed))
	}
	return nil
}

func changeable(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

// poolSetting is a setting that each pool has: its name as PgBouncer has it, and ours. One is empty where the values are written in other words.
type poolSetting struct {
	pgbouncer, option, byDefault string
	value                        func(*engine.PoolConfig) string
}

func (o *poolSetting) of(p *Pool) Setting {
	return Setting{Key: o.pgbouncer, Value: o.value(p.PoolConfig), Default: o.byDefault}
}

// agreed is the setting if all pools have the same value.
func (o *poolSetting) agreed(pools []Pool) (setting Setting, agreed bool) {
	for i := range pools {
		own := o.of(&pools[i])
		if i > 0 && own != setting {
			return Setting{}, false
		}
		setting = own
	}
	return setting, len(pools) > 0
}

// Seconds is a time as PgBouncer writes it in SHOW CONFIG; parts of a second are not lost.
func Seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }

func timeOf(field func(*engine.PoolConfig) time.Duration) func(*engine.PoolConfig) string {
	return func(p *engine.PoolConfig) string { return Seconds(field(p)) }
}

func numberOf(field func(*engine.PoolConfig) int) func(*engine.PoolConfig) string {
	return func(p *engine.PoolConfig) string { return strconv.Itoa(field(p)) }
}

func bit(yes bool) string { return strconv.Itoa(asInt(yes)) }

func resetWord(r engine.Reset) string {
	switch r {
	case engine.ResetAlways:
		return "always"
	case engine.ResetNever:
		return "never"
	}
	return "dirty"
}

func orderWord(fifo bool) string {
	if fifo {
		return "fifo"
	}
	return "lifo"
}
