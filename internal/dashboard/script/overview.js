// The band on top: all pools together.

// Tile is one figure with its name, its last minutes and a word more; a pointer on the line reads it.
class Tile {
	constructor(what, figure, name, format) {
		this.what = what;
		this.name = name;
		this.value = el("div", { class: "value", "data-figure": figure }, unknown);
		this.note = el("div", { class: "note" });
		this.spark = new Spark(format);
		this.spark.onPoint((point) => {
			this.read = point && `${format(point[1])} at ${clockTime(new Date(point[0] * 1000))}`;
			setText(this.note, this.read ?? this.says);
		});
		this.format = format;
		this.says = "";
		this.node = el("div", { class: "tile" }, el("div", { class: "what" }, what), this.value, this.note, this.spark.node);
	}

	show(value, says) {
		const series = seriesOf(["total", this.name]);
		setText(this.value, value);
		this.spark.show(series, this.what);
		this.says = says ?? `peak ${this.format(series.points.length ? this.spark.top : null)}`;
		setText(this.note, this.read ?? this.says);
	}
}

class Overview {
	constructor() {
		this.queries = new Tile("Queries per second", "queries", "queries", rate);
		this.transactions = new Tile("Transactions per second", "transactions", "transactions", rate);
		this.query = new Tile("Query time, p99", "query-p99", "queryP99", seconds);
		this.acquire = new Tile("Wait for a server, p99", "acquire-p99", "acquireP99", seconds);
		this.clients = new Tile("Clients", "clients", "clients", count);
		this.servers = el("div", { class: "value", "data-figure": "servers" }, unknown);
		this.used = new Bar(2);
		this.serversNote = el("div", { class: "note" });
		const tile = el("div", { class: "tile" }, el("div", { class: "what" }, "Servers in use"), this.servers, this.serversNote, this.used.node);
		byId("overview").append(...[this.queries, this.transactions, this.query, this.acquire, this.clients].map((t) => t.node), tile);
	}

	show({ total }) {
		this.queries.show(rate(total.queries));
		this.transactions.show(rate(total.transactions));
		this.query.show(seconds(total.queryP99));
		this.acquire.show(seconds(total.acquireP99));
		this.clients.show(count(total.clients), `${count(total.active)} active, ${count(total.waiting)} waiting`);
		setText(this.servers, `${count(total.busy)} of ${count(total.max)}`);
		this.used.show([total.busy / total.max, (total.size - total.busy) / total.max], total.busy >= total.max && total.waiting > 0);
		setText(this.serversNote, `${count(total.size)} open`);
	}
}
