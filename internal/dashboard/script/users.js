// What a pool consists of: its databases and users, and what else is known of it. Shown when its row is opened.

const userColumns = ["Database", "User", "Active clients", "Idle clients", "Waiting clients", "Servers in use", "Longest wait", "Queries/s"];

class Users {
	constructor(columns) {
		this.facts = el("div", { class: "facts" });
		const heads = userColumns.map((name, i) => el("th", { role: "columnheader", scope: "col", class: i > 1 && i !== 5 ? "n" : "" }, name));
		const table = el("table", { role: "table" }, el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, ...heads)), el("tbody", { role: "rowgroup" }));
		this.left = el("p", { class: "quiet" });
		this.tr = el("tr", { class: "more", role: "row" }, el("td", { role: "cell", colspan: columns }, this.facts, table, this.left));
		this.isWanted = false;
		this.rows = new Rows(
			table,
			[
				text((user) => user.database),
				text((user) => user.user),
				number((user) => user.clients.active, count),
				number((user) => user.clients.idle, count),
				number((user) => user.clients.waiting, count, waitIsLoud),
				gauge(inUse),
				number((user) => user.max_wait_seconds, seconds, waitIsLoud),
				number((user) => user.now.queries, rate),
			],
			"Nobody uses it",
		);
	}

	show(pool) {
		const facts = factsOf(pool);
		const said = JSON.stringify(facts);
		if (said !== this.said) {
			this.said = said;
			this.facts.replaceChildren(...facts.map(([what, value]) => el("span", {}, `${what} `, el("b", {}, value))));
		}
		this.rows.show(pool.users, userKey);
		setText(this.left, pool.users_omitted ? `${count(pool.users_omitted)} more databases and users are not shown: those with the fewest clients.` : "");
	}
}

// factsOf is names and figures, of which those that are nothing are left out.
function factsOf(pool) {
	const facts = [["recommended size", count(pool.recommended.size)]];
	const say = (what, n) => n > 0 && facts.push([what, count(n)]);
	say("in reserve", pool.reserve);
	for (const state of ["connecting", "checking", "resetting", "being_canceled", "draining"]) {
		say(`servers ${state.replace("_", " ")}`, pool.servers[state]);
	}
	for (const [reason, n] of Object.entries(pool.pinned ?? {})) {
		say(`pinned by ${reason}`, n);
	}
	say("listening", pool.listening?.clients);
	say("wait timeouts", pool.wait_timeouts);
	say("failed connects", pool.connects_failed);
	say("cancels", pool.cancels);
	facts.push(["received", bytes(pool.bytes_received)], ["sent", bytes(pool.bytes_sent)]);
	return facts;
}
