package config

import "testing"

func TestPriorityLinesAreWholeAndCount(t *testing.T) {
	line := func(lines string) string { return `{"priority": [` + lines + `]}` }
	refused(t, map[string]string{
		line(`null`):                                                                                   "pools.app.priority.0: is null",
		line(`{"name":"a","level":"low"}`):                                                             "does not say by what; write user, database or application_name",
		line(`{"by":"user","level":"low"}`):                                                            "has no name",
		line(`{"by":"user","name":"a"}`):                                                               "has no level; write high, normal or low",
		line(`{"by":"role","name":"a","level":"low"}`):                                                 `priority.0.by: is "role", but must be one of user, database, application_name`,
		line(`{"by":"user","name":"a","level":"lo"}`):                                                  "did you mean low?",
		line(`{"by":"user","name":"a*b","level":"low"}`):                                               "a * may stand only at the end",
		line(`{"by":"user","name":"a**","level":"low"}`):                                               "a * may stand only at the end",
		line(`{"by":"user","name":"a","level":"low"},{"by":"user","name":"a","level":"high"}`):         "pools.app.priority.1: has user a a second time",
		line(`{"by":"user","name":"a*","level":"low"},{"by":"user","name":"ab","level":"high"}`):       "never counts, because user a* stands before ab and fits first",
		line(`{"by":"user","name":"a*","level":"low"},{"by":"user","name":"ab*","level":"high"}`):      "never counts",
		line(`{"by":"database","name":"*","level":"low"},{"by":"database","name":"x","level":"high"}`): "never counts",
	})
	accepted(t,
		line(`{"by":"user","name":"ab","level":"high"},{"by":"user","name":"a*","level":"low"}`),
		line(`{"by":"user","name":"ab*","level":"high"},{"by":"user","name":"*","level":"normal"}`),
		line(`{"by":"user","name":"a*","level":"low"},{"by":"application_name","name":"ab","level":"high"}`),
		line(`{"by":"user","name":"a","level":"low"},{"by":"user","name":"ab","level":"low"}`),
	)
}
