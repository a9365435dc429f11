// The table of upstreams.

class Upstreams {
	constructor() {
		this.rows = new Rows(
			byId("upstreams"),
			[
				text((upstream) => upstream.address),
				text((upstream) => upstream.pool),
				tag(roleOf, (upstream) => upstream.role === "primary"),
				health,
				text((upstream) => upstream.breaker, (upstream) => (upstream.breaker === "closed" ? "" : "warn")),
				number((upstream) => upstream.lag_seconds, seconds, (upstream) => (upstream.too_late ? "warn" : "")),
				number((upstream) => upstream.latency_seconds, seconds),
				number((upstream) => upstream.servers.active, count),
				number((upstream) => upstream.servers.open, count),
				sparkline((upstream) => ["upstream", upstreamKey(upstream)], count, "Connections in use"),
			],
			"No upstreams are known",
		);
	}

	show({ view }) {
		this.rows.show(view.upstreams, upstreamKey);
		setText(byId("upstreams-note"), view.omitted.upstreams ? `${count(view.omitted.upstreams)} more are not shown` : "");
	}
}

// roleOf is what an upstream is; one that is alone is not asked.
function roleOf(upstream) {
	return upstream.role === "unknown" && !upstream.probes ? "not asked" : upstream.role;
}

// tag is a column of words of a few kinds.
function tag(get, strong) {
	return (cell) => {
		const node = el("span", { class: "tag" });
		cell.append(el("span", {}, node));
		return (item) => {
			setText(node, get(item));
			setClass(node, "strong", strong(item));
		};
	};
}

// health is whether an upstream gets transactions, and why not.
function health(cell) {
	const node = el("span", { class: "health" });
	cell.append(node);
	return (upstream) => {
		setText(node, upstream.up ? (upstream.too_late ? "up, too late" : "up") : upstream.why ? `down: ${upstream.why}` : "down");
		setClass(node, "down", !upstream.up);
		setClass(node, "late", upstream.up && Boolean(upstream.too_late));
	};
}
