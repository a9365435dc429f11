// Live asks for a view again and again, and says whether what is shown is of now.
//
//	connecting ──▶ live ◀──▶ stale      the server did not answer, or not in time; it is asked on
//	                │ ▲
//	                ▼ │
//	               paused               by the button; or, without a word, while nobody looks (the tab is hidden)

const interval = 2000; // milliseconds between an answer and the next question
const timeout = 5000; // that an answer may take

class Live {
	constructor(show) {
		this.show = show;
		this.seen = null; // when the last view came, by performance.now
		this.paused = false;
		this.url = new URL("data", location.href);
		this.url.username = this.url.password = ""; // a page may be opened with them, but may not ask with them; the browser knows them by now
		document.addEventListener("visibilitychange", () => this.next(0));
		byId("pause").addEventListener("click", () => this.togglePause());
		setInterval(() => this.age(), 1000);
		this.next(0);
	}

	// next asks after some milliseconds, unless nobody wants to know.
	next(wait) {
		clearTimeout(this.timer);
		if (!document.hidden && !this.paused) {
			this.timer = setTimeout(() => this.ask(), wait);
		}
	}

	async ask() {
		const turn = (this.turn = {}); // an answer to a question before the last one is late
		try {
			const view = await this.fetch();
			if (turn === this.turn && !this.paused) {
				this.arrived(view);
			}
		} catch (error) {
			if (turn === this.turn && !this.paused) {
				this.failed(error);
			}
		}
		if (turn === this.turn) {
			this.next(interval);
		}
	}

	async fetch() {
		let answer;
		try {
			answer = await fetch(this.url, { cache: "no-store", signal: AbortSignal.timeout(timeout) });
		} catch (error) {
			throw new Error(error.name === "TimeoutError" ? "Caddy does not answer." : "Caddy cannot be reached.");
		}
		if (answer.status === 401 || answer.status === 403) {
			throw new Error("Caddy wants a login; load the page again.");
		}
		const body = await bodyOf(answer);
		if (!answer.ok) {
			throw new Error(`Caddy answers ${answer.status}${body?.error ? `: ${body.error}` : "."}`);
		}
		if (!Array.isArray(body?.pools)) {
			throw new Error(isJSON(answer) && !answer.redirected ? "What Caddy answers is no figures." : "Caddy wants a login; load the page again.");
		}
		return body;
	}

	// arrived shows a view, and then calls it that of now: one that cannot be shown is none.
	arrived(view) {
		this.show(view);
		this.seen = performance.now();
		this.tell("live", "Live");
		byId("stale").hidden = true;
		setClass(document.body, "stale-figures", false);
		setText(byId("version"), view.version);
		setText(byId("clock"), clockTime(new Date(view.now)));
	}

	failed(error) {
		this.tell("stale", "Stale");
		setText(byId("stale-why"), error.message);
		byId("stale").hidden = false;
		setClass(document.body, "stale-figures", true);
		this.age();
	}

	// age says how old the figures are, while they are not those of now.
	age() {
		if (byId("stale").hidden) {
			return;
		}
		const age = this.seen === null ? "" : `These figures are ${seconds(Math.round((performance.now() - this.seen) / 1000))} old. `;
		setText(byId("stale-since"), `${age}It is tried again.`);
	}

	togglePause() {
		this.paused = !this.paused;
		byId("pause").setAttribute("aria-pressed", String(this.paused));
		setText(byId("pause"), this.paused ? "Resume" : "Pause");
		if (this.paused) {
			this.tell("paused", "Paused");
		}
		this.next(0);
	}

	tell(state, word) {
		byId("state").dataset.state = state;
		setText(byId("state-word"), word);
	}
}

// bodyOf is the document of an answer; null if it is none, or is cut off: what asks for a login is a page, whatever its status.
async function bodyOf(answer) {
	try {
		return await answer.json();
	} catch (error) {
		if (error.name === "TimeoutError") {
			throw new Error("Caddy does not answer.");
		}
		return null;
	}
}

function isJSON(answer) {
	return /^application\/json\b/.test(answer.headers.get("Content-Type") ?? "");
}
