// Rows keeps a table's body in step with a list: one row for each key, changed in place, so that what is focused, selected or opened stays so.
//
// A column is a function (cell, key) => show, called once for each new row; show(item) then draws the cell for each new item.

class Rows {
	constructor(table, columns, empty) {
		this.body = table.tBodies[0];
		this.columns = columns;
		this.labels = [...table.tHead.rows[0].cells].map((cell) => ({ text: cell.textContent, number: cell.classList.contains("n"), wide: cell.classList.contains("wide") }));
		this.rows = new Map();
		this.none = el("tr", { class: "none", role: "row" }, el("td", { role: "cell", colspan: columns.length }, empty));
	}

	// show draws the items in their order, each with the row that it has open, if it has.
	show(items, keyOf) {
		const before = this.rows;
		this.rows = new Map();
		const wanted = [];
		for (const item of items) {
			const key = keyOf(item);
			const row = before.get(key) ?? this.make(key);
			this.rows.set(key, row);
			row.shows.forEach((show) => show(item));
			wanted.push(row.tr, ...(row.tr.follower?.isWanted ? [row.tr.follower.tr] : []));
		}
		this.place(wanted.length ? wanted : [this.none]);
	}

	// place makes these the rows of the body, and moves none that is where it belongs.
	place(wanted) {
		wanted.forEach((tr, i) => {
			if (this.body.rows[i] !== tr) {
				this.body.insertBefore(tr, this.body.rows[i] ?? null);
			}
		});
		while (this.body.rows.length > wanted.length) {
			this.body.lastElementChild.remove();
		}
	}

	make(key) {
		const tr = el("tr", { role: "row" });
		const shows = this.columns.map((column, i) => {
			const label = this.labels[i];
			const cell = i === 0 ? el("th", { scope: "row", role: "rowheader" }) : el("td", { role: "cell", "data-label": label.text });
			setClass(cell, "n", label.number);
			setClass(cell, "wide", label.wide);
			tr.append(cell);
			return column(cell, key, tr);
		});
		return { tr, shows };
	}
}

// opener is a column of names, each of which opens a row of its own below: follow() makes that, with `tr`, `isWanted` and show(item). What is
// open is drawn when it is opened, by redraw.
function opener(follow, redraw, status) {
	return (cell, name, tr) => {
		const button = el("button", { type: "button", class: "open", "aria-expanded": "false" }, name);
		const said = el("span", { class: "warn" });
		cell.append(button, said);
		button.addEventListener("click", () => {
			tr.follower ??= follow();
			tr.follower.isWanted = !tr.follower.isWanted;
			button.setAttribute("aria-expanded", String(tr.follower.isWanted));
			redraw();
		});
		return (item) => {
			setText(said, status?.(item) ?? "");
			if (tr.follower?.isWanted) {
				tr.follower.show(item);
			}
		};
	};
}

// text is a column of texts; loud(item) is "warn", "bad" or nothing.
function text(get, loud) {
	return (cell) => (item) => {
		setText(cell, get(item));
		setClass(cell, "warn", loud?.(item) === "warn");
		setClass(cell, "bad", loud?.(item) === "bad");
	};
}

// number is a column of figures, of which zero is quiet.
function number(get, format, loud) {
	const show = text((item) => format(get(item)), loud);
	return (cell) => {
		const showText = show(cell);
		return (item) => {
			showText(item);
			setClass(cell, "zero", !get(item));
		};
	};
}

// gauge is a column of bars with a figure beside each: get(item) is {parts: [share, …], text, full}.
function gauge(get) {
	return (cell) => {
		const bar = new Bar(2);
		const label = el("span");
		cell.append(el("div", { class: "gauge" }, bar.node, label));
		return (item) => {
			const { parts, text, full } = get(item);
			bar.show(parts, full);
			setText(label, text);
		};
	};
}

// sparkline is a column of the last minutes of a series; get(item) is its name.
function sparkline(get, format, what) {
	return (cell) => {
		const spark = new Spark(format);
		cell.append(spark.node);
		return (item) => spark.show(seriesOf(get(item)), what);
	};
}

// Bar is a bar of some parts, each a share of the whole; the first is work, the others rest.
class Bar {
	constructor(parts) {
		this.parts = Array.from({ length: parts }, (_, i) => el("i", { class: i ? "rest" : "work" }));
		this.node = el("div", { class: "bar-of", "aria-hidden": "true" }, ...this.parts);
	}

	show(shares, full) {
		this.parts.forEach((part, i) => {
			const width = `${(Math.min(Math.max(shares[i] ?? 0, 0), 1) * 100).toFixed(1)}%`;
			if (part.style.width !== width) {
				part.style.width = width;
			}
		});
		setClass(this.node, "full", Boolean(full));
	}
}
