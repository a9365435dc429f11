// What the page computes, behind its own files that need no browser. Prints a line for each promise that is broken.

function same(what, got, want) {
	const [g, w] = [JSON.stringify(got), JSON.stringify(want)];
	if (g !== w) {
		console.log(`${what}: got ${g}, want ${w}`);
	}
}

// Figures have three digits that count, and a unit.
same("seconds", [null, 0, 8.5e-7, 85e-6, 0.00123, 0.99994, 4.5, 119, 120, 7199, 7200, 86400, 200000].map(seconds), [
	"–", "0", "0.85 µs", "85 µs", "1.23 ms", "1\u202f000 ms", "4.5 s", "119 s", "2 min", "120 min", "2 h", "24 h", "2.31 d",
]);
same("rate", [null, 0, 0.4, 12.34, 999, 1000, 12345, 2.5e6].map(rate), ["–", "0", "0.4", "12.3", "999", "1 k", "12.3 k", "2.5 M"]);
same("count", [null, 0, 987, 12345, 1.234e6, 5e12].map(count), ["–", "0", "987", "12\u202f345", "1.23 M", "5 T"]);
same("bytes", [0, 1023, 1024, 268435456].map(bytes), ["0 B", "1\u202f023 B", "1 KiB", "256 MiB"]);
same("percent", [null, 0, 0.004, 0.5, 1].map(percent), ["–", "0 %", "0.4 %", "50 %", "100 %"]);

const start = Date.parse("2026-01-01T00:00:00Z");

// viewAt is what a server says, so many seconds after it has begun: one pool with two buckets of query times, and one cache.
function viewAt(at, queries, buckets, more = {}) {
	const pool = {
		name: "app", queries, transactions: queries / 2, wait_timeouts: 0, connects_failed: 0, size: 3, available: 1, max_size: 4, users: [], clients: { total: 8, idle: 5, active: 2, waiting: 1 },
	};
	return {
		now: new Date(start + at * 1000).toISOString(), started: "a", pools: [pool], upstreams: [], queries: [], bucket_seconds: [1, 2],
		cache: [{ pool: "app", hits: queries / 4, misses: queries / 4, invalidated: 0, evicted: 0 }],
		latency: { app: { query: { buckets }, acquire: { buckets: [0, 0, 0] } } },
		...more,
	};
}

// The first view tells no rates.
const first = new Sample(viewAt(0, 1000, [10, 0, 0]), null);
same("first", [first.total.queries, first.total.queryP99, first.total.clients, first.total.busy, first.total.max], [null, null, 8, 2, 4]);

// The second tells what has happened since: 100 queries in two seconds, all between one second and two.
const second = new Sample(viewAt(2, 1100, [10, 100, 0]), first);
same("second", [second.total.queries, second.total.transactions, second.view.cache[0].now.ratio], [50, 25, 0.5]);
same("quantiles", [0.5, 1].map((q) => second.quantile([0, 100, 0], q)), [1.5, 2]);
same("p99", second.total.queryP99, 1.99);
same("beyond the last bound", second.quantile([0, 0, 7], 0.5), 2);
same("nothing counted", second.quantile([0, 0, 0], 0.5), null);

// Nothing has happened: no rate, rather than an unknown one, and no p99.
const idle = new Sample(viewAt(4, 1100, [10, 100, 0]), second);
same("idle", [idle.total.queries, idle.total.queryP99, idle.view.cache[0].now.ratio], [0, null, null]);

// Another process has begun to count anew, and so has another pool by the same name: nobody is told a rate that was none.
same("restarted", new Sample(viewAt(6, 9000, [1, 1, 1], { started: "b" }), idle).total.queries, null);
same("counted anew", new Sample(viewAt(6, 5, [0, 1, 0]), idle).total.queries, null);
same("a new pool", new Sample(viewAt(6, 5, [0, 1, 0]), new Sample({ ...viewAt(4, 0, [0, 0, 0]), pools: [], cache: [], latency: {} }, first)).total.queries, null);
same("an older view", new Sample(viewAt(1, 1, [0, 1, 0]), idle).total.queries, null);

// Nobody has looked for a while: what was counted meanwhile is of no interval, and not of now. A view may be late, though.
same("late", new Sample(viewAt(4 + gap, 1220, [10, 220, 0]), idle).total.queries, 10);
const back = new Sample(viewAt(5 + gap, 1230, [10, 230, 0]), idle);
same("back", [back.total.queries, back.total.queryP99, back.view.pools[0].now.timeouts, back.view.cache[0].now.ratio], [null, null, 0, null]);

// A query's share is of the time of all queries, also of those that are not shown.
const asked = [{ pool: "app", fingerprint: "1", calls: 1, total_seconds: 30 }, { pool: "app", fingerprint: "2", calls: 1, total_seconds: 10 }];
const shares = (more) => new Sample(viewAt(0, 1, [0, 0, 0], more), null).view.queries.map((query) => query.now.share);
same("shares", [shares({ queries: asked, query_seconds: 80 }), shares({ queries: asked, query_seconds: 0 })], [[0.375, 0.125], [0, 0]]);

// Timeouts are a problem for a minute, and then no more; those of a time when nobody looked are none.
function problemsAfter(at, timeouts) {
	const view = viewAt(at, 0, [0, 0, 0]);
	Object.assign(view.pools[0], { wait_timeouts: timeouts, waiting: 0, max_wait_seconds: 0 });
	view.cache = [];
	const sample = new Sample(view, problemsAfter.before ?? null);
	sample.remember();
	problemsAfter.before = sample;
	return problemsOf(sample).length;
}
same("timeouts", [problemsAfter(1000, 4), problemsAfter(1002, 6), problemsAfter(1060, 6), problemsAfter(1063, 6)], [0, 1, 1, 0]);
same("while hidden", [problemsAfter(2000, 9), problemsAfter(2002, 9), problemsAfter(2004, 10)], [0, 0, 1]);

// A series keeps five minutes, and is forgotten when nothing comes any more.
const series = seriesOf("kept");
for (let at = 0; at <= 1000; at += 2) {
	series.add(at, at % 4 ? at : null);
}
same("kept", [series.points[0][0], series.points.length, series.nearest(801)[0]], [700, 151, 802]);
forgetOldSeries(1300);
same("kept on", allSeries.has('"kept"'), true);
forgetOldSeries(1301);
same("forgotten", allSeries.has('"kept"'), false);

// What is asked for is figures, or it is said why there are none.
const figures = { pools: [] };
const json = { get: () => "application/json; charset=utf-8" };
const html = { get: () => "text/html" };
const fails = (name) => async () => {
	throw Object.assign(new Error("why"), { name });
};
const answers = [
	["figures", { ok: true, status: 200, headers: json, json: async () => figures }, figures],
	["a login page", { ok: true, status: 200, headers: html, json: fails("SyntaxError") }, "Caddy wants a login; load the page again."],
	["JSON of somebody else", { ok: true, status: 200, redirected: true, headers: json, json: async () => ({}) }, "Caddy wants a login; load the page again."],
	["cut off", { ok: true, status: 200, headers: json, json: fails("SyntaxError") }, "What Caddy answers is no figures."],
	["null", { ok: true, status: 200, headers: json, json: async () => null }, "What Caddy answers is no figures."],
	["too slow", { ok: true, status: 200, headers: json, json: fails("TimeoutError") }, "Caddy does not answer."],
	["no answer", fails("TimeoutError"), "Caddy does not answer."],
	["nobody there", fails("TypeError"), "Caddy cannot be reached."],
	["unauthorized", { ok: false, status: 401, headers: html, json: fails("SyntaxError") }, "Caddy wants a login; load the page again."],
	["unavailable", { ok: false, status: 503, headers: json, json: async () => ({ error: "no" }) }, "Caddy answers 503: no"],
	["a bad gateway", { ok: false, status: 502, headers: html, json: fails("SyntaxError") }, "Caddy answers 502."],
];

async function asksForFigures() {
	for (const [what, answer, want] of answers) {
		globalThis.fetch = async () => (typeof answer === "function" ? answer() : answer);
		same(what, await Live.prototype.fetch.call({ url: "data" }).catch((error) => error.message), want);
	}
}

// What cannot be shown is not called that of now.
function callsItLive() {
	const page = {
		seen: null,
		show() {
			throw new Error("no");
		},
		tell: (state) => same("told", state, "nothing"),
	};
	try {
		Live.prototype.arrived.call(page, figures);
	} catch {
		// which is for its caller to tell
	}
	same("seen", page.seen, null);
}

callsItLive();
asksForFigures().catch((error) => console.log(error));
