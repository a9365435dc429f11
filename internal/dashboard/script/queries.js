// The table of queries that took most time together since the start.

class Queries {
	constructor() {
		this.rows = new Rows(
			byId("queries"),
			[
				statement,
				text((query) => query.pool),
				number((query) => query.now.calls, rate),
				number((query) => query.calls, count),
				number((query) => query.mean_seconds, seconds),
				number((query) => query.p99_seconds, seconds),
				number((query) => query.rows, count),
				number((query) => query.errors, count),
				gauge((query) => ({ parts: [query.now.share], text: percent(query.now.share) })),
			],
			"None yet",
		);
	}

	show({ view }) {
		this.rows.show(view.queries, queryKey);
		setText(byId("queries-note"), this.note(view));
	}

	note(view) {
		return view.omitted.queries ? `by the time they took together; ${count(view.omitted.queries)} more are not shown` : "by the time they took together";
	}
}

// statement is a query's text, of which a click shows all.
function statement(cell) {
	const words = el("span");
	const button = el("button", { type: "button", class: "query", "aria-expanded": "false" }, words);
	cell.append(button);
	button.addEventListener("click", () => {
		button.setAttribute("aria-expanded", String(button.getAttribute("aria-expanded") !== "true"));
	});
	return (query) => setText(words, query.query);
}
