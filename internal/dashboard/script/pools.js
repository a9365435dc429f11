// The table of pools. The name opens a row below, with the pool's databases and users.

function waitIsLoud(figures) {
	if (!figures.waiting || figures.max_wait_seconds < longWait) {
		return "";
	}
	return figures.max_wait_seconds >= tooLongWait ? "bad" : "warn";
}

// inUse is servers that clients have, and idle ones, of those there may be.
function inUse(figures) {
	const busy = figures.size - figures.available;
	const most = Math.max(figures.max_size, figures.size, 1);
	return { parts: [busy / most, figures.available / most], text: `${count(busy)} of ${count(figures.max_size)}`, full: busy >= most && figures.waiting > 0 };
}

function statusOf(pool) {
	return pool.status && pool.status !== "active" ? ` ${pool.status}` : "";
}

class Pools {
	constructor() {
		const columns = [
			opener(() => new Users(columns.length), () => this.show(this.sample), statusOf),
			number((pool) => pool.clients.active, count),
			number((pool) => pool.clients.idle, count),
			number((pool) => pool.clients.waiting, count, waitIsLoud),
			gauge(inUse),
			number((pool) => pool.max_wait_seconds, seconds, waitIsLoud),
			number((pool) => pool.now.queries, rate),
			sparkline((pool) => ["pool", pool.name, "queries"], rate, "Queries per second"),
			number((pool) => pool.now.transactions, rate),
			number((pool) => pool.now.queryP99, seconds),
			number((pool) => pool.now.acquireP99, seconds),
		];
		this.rows = new Rows(byId("pools"), columns, "No pools are configured");
	}

	show(sample) {
		this.sample = sample;
		this.rows.show(sample.view.pools, (pool) => pool.name);
		const left = sample.view.omitted.pools;
		setText(byId("pools-note"), left ? `${count(left)} more are not shown: those with the fewest clients` : "");
	}
}
