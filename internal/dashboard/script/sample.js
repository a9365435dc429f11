// What has happened between two views: rates, and quantiles of what was counted meanwhile.

// Sample is a view with the figures of its interval: in `pool.now`, `cache.now`, `query.now`, and `total` of all pools.
class Sample {
	constructor(view, before) {
		this.view = view;
		this.time = Date.parse(view.now) / 1000;
		this.before = before && this.follows(before) ? before : null;
		this.seconds = this.before ? this.time - this.before.time : 0;
		this.pools();
		this.caches();
		this.queries();
		this.total = this.sum();
	}

	// follows reports whether an older sample is what this one is to be compared with. Another process has begun to count anew; and what was
	// counted while nobody looked may be from long ago.
	follows(before) {
		const passed = this.time - before.time;
		return before.view.started === this.view.started && passed > 0 && passed <= gap;
	}

	// per is a rate; null before there are two views, and where a count has become less: that of something new by the same name.
	per(now, then) {
		if (!this.before || then == null || now < then) {
			return null;
		}
		return (now - then) / this.seconds;
	}

	pools() {
		const then = new Map(this.before?.view.pools.map((pool) => [pool.name, pool]));
		for (const pool of this.view.pools) {
			const old = then.get(pool.name);
			const latency = this.view.latency[pool.name];
			const oldLatency = this.before?.view.latency[pool.name];
			pool.now = {
				queries: this.per(pool.queries, old?.queries),
				transactions: this.per(pool.transactions, old?.transactions),
				timeouts: Math.max(0, pool.wait_timeouts - (old?.wait_timeouts ?? pool.wait_timeouts)),
				failures: Math.max(0, pool.connects_failed - (old?.connects_failed ?? pool.connects_failed)),
				query: difference(latency?.query, oldLatency?.query),
				acquire: difference(latency?.acquire, oldLatency?.acquire),
			};
			pool.now.queryP99 = this.quantile(pool.now.query, 0.99);
			pool.now.acquireP99 = this.quantile(pool.now.acquire, 0.99);
			const users = new Map(old?.users.map((user) => [userKey(user), user]));
			for (const user of pool.users) {
				user.now = { queries: this.per(user.queries, users.get(userKey(user))?.queries) };
			}
		}
	}

	caches() {
		const then = new Map(this.before?.view.cache.map((cache) => [cache.pool, cache]));
		for (const cache of this.view.cache) {
			const old = then.get(cache.pool);
			cache.now = {};
			for (const name of ["hits", "misses", "invalidated", "evicted"]) {
				cache.now[name] = this.per(cache[name], old?.[name]);
			}
			const asked = cache.now.hits + cache.now.misses;
			cache.now.ratio = asked > 0 ? cache.now.hits / asked : null;
		}
	}

	queries() {
		const then = new Map(this.before?.view.queries.map((query) => [queryKey(query), query]));
		const time = this.view.query_seconds;
		for (const query of this.view.queries) {
			query.now = { calls: this.per(query.calls, then.get(queryKey(query))?.calls), share: time > 0 ? query.total_seconds / time : 0 };
		}
	}

	// sum is all pools together.
	sum() {
		const total = { queries: null, transactions: null, clients: 0, active: 0, waiting: 0, size: 0, busy: 0, max: 0 };
		let query = null;
		let acquire = null;
		for (const pool of this.view.pools) {
			total.queries = plus(total.queries, pool.now.queries);
			total.transactions = plus(total.transactions, pool.now.transactions);
			total.clients += pool.clients.total;
			total.active += pool.clients.active;
			total.waiting += pool.clients.waiting;
			total.size += pool.size;
			total.busy += pool.size - pool.available;
			total.max += pool.max_size;
			query = together(query, pool.now.query);
			acquire = together(acquire, pool.now.acquire);
		}
		total.queryP99 = this.quantile(query, 0.99);
		total.acquireP99 = this.quantile(acquire, 0.99);
		return total;
	}

	// quantile is the duration, in seconds, that a share of those counted stays below, spread evenly within its bucket; null if none are.
	quantile(buckets, share) {
		const all = buckets?.reduce((sum, n) => sum + n, 0);
		if (!all) {
			return null;
		}
		const ends = this.view.bucket_seconds;
		let below = 0;
		for (let i = 0; i < buckets.length; i++) {
			if (buckets[i] > 0 && below + buckets[i] >= share * all) {
				const from = i ? ends[i - 1] : 0;
				return from + ((ends[i] ?? from) - from) * ((share * all - below) / buckets[i]);
			}
			below += buckets[i];
		}
		return null;
	}

	// remember adds the figures to the series that sparklines are drawn from.
	remember() {
		const at = this.time;
		for (const name of ["queries", "transactions", "queryP99", "acquireP99", "clients"]) {
			seriesOf(["total", name]).add(at, this.total[name]);
		}
		for (const pool of this.view.pools) {
			for (const name of ["queries", "timeouts", "failures"]) {
				seriesOf(["pool", pool.name, name]).add(at, pool.now[name]);
			}
		}
		for (const upstream of this.view.upstreams) {
			seriesOf(["upstream", upstreamKey(upstream)]).add(at, upstream.servers.active);
		}
		for (const cache of this.view.cache) {
			seriesOf(["cache", cache.pool]).add(at, cache.now.ratio);
		}
		forgetOldSeries(at);
	}
}

function userKey(user) {
	return JSON.stringify([user.database, user.user]);
}

function upstreamKey(upstream) {
	return JSON.stringify([upstream.pool, upstream.address]);
}

function queryKey(query) {
	return JSON.stringify([query.pool, query.fingerprint]);
}

function plus(sum, value) {
	return value == null ? sum : (sum ?? 0) + value;
}

// difference is what a histogram has counted since an older one; null if that is not known.
function difference(now, then) {
	const buckets = now && then ? now.buckets.map((n, i) => n - then.buckets[i]) : null;
	return buckets?.every((n) => n >= 0) ? buckets : null;
}

function together(sum, buckets) {
	return sum && buckets ? sum.map((n, i) => n + buckets[i]) : (sum ?? buckets);
}
