// What wants somebody's attention, in sentences; nothing is there while nothing does. Of each kind the loudest come first.

const shownProblems = 8;
const recently = 60; // seconds that an event is worth a sentence
const longWait = 1; // seconds a client may wait before that is worth one
const tooLongWait = 5;

function problemsOf(sample) {
	const all = [];
	const bad = (text) => all.push({ loud: "bad", text });
	const warn = (text) => all.push({ loud: "warn", text });
	for (const upstream of sample.view.upstreams) {
		const name = `Upstream ${upstream.address} of pool ${upstream.pool}`;
		if (!upstream.up) {
			bad(`${name} gets no new transactions${upstream.why ? `: ${upstream.why}` : "."}`);
		} else if (upstream.breaker !== "closed") {
			warn(`${name}: connections to it have failed; its circuit breaker is ${upstream.breaker}.`);
		} else if (upstream.too_late) {
			warn(`${name} is ${seconds(upstream.lag_seconds)} late, which is more than max_replica_lag.`);
		}
	}
	for (const pool of sample.view.pools) {
		poolProblems(pool, sample.time, bad, warn);
	}
	for (const cache of sample.view.cache) {
		if (cache.state.startsWith("off")) {
			warn(`The query cache of pool ${cache.pool} is ${cache.state}.`);
		}
	}
	return all.sort((a, b) => (a.loud === b.loud ? 0 : a.loud === "bad" ? -1 : 1));
}

function poolProblems(pool, now, bad, warn) {
	if (pool.status && pool.status !== "active") {
		warn(`Pool ${pool.name} is ${pool.status}.`);
	}
	if (pool.waiting > 0 && pool.max_wait_seconds >= longWait) {
		const say = pool.max_wait_seconds >= tooLongWait ? bad : warn;
		say(`Pool ${pool.name}: ${clientsWait(pool.waiting)} for a server, the first for ${seconds(pool.max_wait_seconds)}.`);
	}
	const timeouts = seriesOf(["pool", pool.name, "timeouts"]).since(now - recently);
	if (timeouts > 0) {
		bad(`Pool ${pool.name}: in the last minute ${timeouts === 1 ? "one query" : `${count(timeouts)} queries`} got no server within query_wait_timeout.`);
	}
	const failures = seriesOf(["pool", pool.name, "failures"]).since(now - recently);
	if (failures > 0) {
		warn(`Pool ${pool.name}: in the last minute ${failures === 1 ? "one connection" : `${count(failures)} connections`} to Postgres failed.`);
	}
}

function clientsWait(n) {
	return n === 1 ? "one client waits" : `${count(n)} clients wait`;
}

class Problems {
	constructor() {
		this.list = byId("problems");
		this.said = "";
	}

	// show draws the list. How many there are is read aloud, when that changes: what they say has figures in it that change all the time.
	show(sample) {
		const all = problemsOf(sample);
		const shown = all.slice(0, shownProblems);
		if (all.length > shown.length) {
			shown.push({ loud: "warn", text: `… and ${all.length - shown.length} more.` });
		}
		const said = JSON.stringify(shown);
		if (said !== this.said) {
			this.said = said;
			this.list.replaceChildren(...shown.map(({ loud, text }) => el("li", { class: loud }, text)));
		}
		setText(byId("problems-said"), all.length ? `${all.length} ${all.length === 1 ? "problem" : "problems"}` : "");
	}
}
