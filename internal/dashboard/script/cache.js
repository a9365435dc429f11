// The table of query caches; without any it is not there. The name opens a row below, with the tables that were changed most.

class Caches {
	constructor() {
		const columns = [
			opener(() => new Tables(columns.length), () => this.show(this.sample)),
			text((cache) => cache.state, (cache) => (cache.state === "on" ? "" : "warn")),
			gauge((cache) => ({ parts: [ratioOf(cache)], text: percent(ratioOf(cache)) })),
			sparkline((cache) => ["cache", cache.pool], percent, "Hit ratio"),
			number((cache) => cache.now.hits, rate),
			number((cache) => cache.now.misses, rate),
			number((cache) => cache.entries, count),
			gauge((cache) => ({ parts: [cache.bytes / Math.max(cache.max_bytes, 1)], text: `${bytes(cache.bytes)} of ${bytes(cache.max_bytes)}` })),
			number((cache) => cache.now.invalidated, rate),
			number((cache) => cache.now.evicted, rate),
		];
		this.rows = new Rows(byId("cache"), columns, "No pool has a query cache");
	}

	show(sample) {
		this.sample = sample;
		const { cache, omitted } = sample.view;
		byId("cache-section").hidden = cache.length === 0;
		this.rows.show(cache, (one) => one.pool);
		setText(byId("cache-note"), omitted.caches ? `${count(omitted.caches)} more are not shown` : "");
	}
}

// ratioOf is the share of hits in the last interval, or since the start where nobody has asked in it.
function ratioOf(cache) {
	return cache.now.ratio ?? cache.hit_ratio;
}

// Tables is those that replies of a cache depend on, and how often each was changed.
class Tables {
	constructor(columns) {
		this.facts = el("div", { class: "facts" });
		this.tr = el("tr", { class: "more", role: "row" }, el("td", { role: "cell", colspan: columns }, this.facts));
		this.isWanted = false;
	}

	show(cache) {
		const all = cache.tables.map((table) => [`${table.database}.${table.table}`, `${count(table.invalidations)} invalidations`, `${count(table.entries)} replies`]);
		const said = JSON.stringify(all);
		if (said === this.said) {
			return;
		}
		this.said = said;
		this.facts.replaceChildren(
			el("span", {}, all.length ? "Tables changed most:" : "No reply depends on a table yet"),
			...all.map(([name, changes, replies]) => el("span", {}, el("b", {}, name), ` ${changes}, ${replies}`)),
		);
	}
}
