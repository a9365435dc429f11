package config

import "testing"

func TestTrackParametersIsNamesOrAllOrNone(t *testing.T) {
	const at = "pools.app.track_parameters: "
	refused(t, map[string]string{
		`{"track_parameters": []}`:                                    at + "is empty; write names of settings, or * for all, or none",
		`{"track_parameters": [""]}`:                                  at + "has an empty name",
		`{"track_parameters": ["*", "search_path"]}`:                  at + "has * beside names; write * alone, or names alone",
		`{"track_parameters": ["search_path", "None"]}`:               at + "has none beside names",
		`{"track_parameters": ["*", "*"]}`:                            at + "has * beside names",
		`{"track_parameters": ["TimeZone", "datestyle", "timezone"]}`: at + "has timezone twice; remove one",
		`{"track_parameters": ["All"]}`:                               at + "has all, which is no setting; write * for all",
		`{"track_parameters": ["app.*"]}`:                             at + `has "app.*", but a * stands only for all settings`,
		`{"track_parameters": ["datestyle,"]}`:                        at + `has "datestyle,"; write each name by itself, without commas`,
		`{"track_parameters": ["time zone"]}`:                         at + `has "time zone", which cannot be the name of a setting; write it as in pg_settings`,
		`{"track_parameters": ["1st"]}`:                               "cannot be the name",
		`{"track_parameters": ["app."]}`:                              "cannot be the name",
		`{"track_parameters": [".tenant"]}`:                           "cannot be the name",
		`{"track_parameters": ["app..tenant"]}`:                       "cannot be the name",
		`{"track_parameters": ["app.7"]}`:                             "cannot be the name",
	})
	accepted(t,
		`{"track_parameters": ["*"]}`,
		`{"track_parameters": ["none"]}`,
		`{"track_parameters": ["TimeZone", "search_path", "role", "app.tenant", "app.eu.tenant$1", "_mine"]}`,
	)
}

func TestPinningIsOnOffOrError(t *testing.T) {
	refused(t, map[string]string{
		`{"pinning": "errors"}`:      `pools.app.pinning: is "errors", but must be one of on, off, error; did you mean error?`,
		`{"max_pinned_servers": -1}`: "pools.app.max_pinned_servers: is -1, but must be at least 0; 0 means no bound but pool_size",
	})
	accepted(t,
		`{"pinning": "on"}`, `{"pinning": "off"}`, `{"pinning": "error"}`,
		`{"max_pinned_servers": 0}`, `{"max_pinned_servers": 1}`, `{"pool_size": 5, "max_pinned_servers": 6}`,
		`{"pool_mode": "session", "track_parameters": ["none"], "pinning": "error", "max_pinned_servers": 1}`,
	)
}
