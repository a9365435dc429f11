package config

import "testing"

func TestLogIsEventsOrAllOrNone(t *testing.T) {
	const at = "pools.app.log: "
	refused(t, map[string]string{
		`{"log": []}`:                     at + "is empty; write connections, disconnections, errors, pins, or all, or none",
		`{"log": [""]}`:                   at + "has an empty word",
		`{"log": ["all", "pins"]}`:        at + "has all beside others; write all alone, or the others alone",
		`{"log": ["pins", "none"]}`:       at + "has none beside others",
		`{"log": ["pins", "pins"]}`:       at + "has pins twice; remove one",
		`{"log": ["connects"]}`:           at + `is "connects", but must be one of connections, disconnections, errors, pins, all, none`,
		`{"log": ["pins", "everything"]}`: at + `is "everything", but must be one of`,
	})
	refused(t, map[string]string{`{"tracing": "yes"}`: `pools.app.tracing: is "yes", but must be one of off, on`})
	accepted(t, `{"tracing": "on"}`, `{"log": ["all"]}`, `{"log": ["none"]}`, `{"log": ["connections", "disconnections", "errors", "pins"]}`)
}
