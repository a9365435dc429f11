// The last minutes of each figure, as this page has seen them.

const longestSpan = 300; // seconds that are kept and shown
const shortestSpan = 60;
const gap = 12; // seconds without a view behind which it begins anew: lines are broken, and nothing is said of what happened meanwhile

let firstSeen = null; // when this page has begun to look

// spanAt is how many seconds sparklines show: as many as this page has looked, within these bounds, so that a page that was just opened is not
// mostly empty.
function spanAt(now) {
	firstSeen ??= now;
	return Math.min(Math.max(now - firstSeen, shortestSpan), longestSpan);
}

class Series {
	constructor() {
		this.points = []; // [time in seconds, value or null], in order
	}

	add(time, value) {
		this.points.push([time, value ?? null]);
		while (this.points[0][0] < time - longestSpan) {
			this.points.shift();
		}
	}

	get last() {
		return this.points.at(-1)?.[0] ?? 0;
	}

	// nearest is the point that is closest to a time and has a value.
	nearest(time) {
		let best;
		for (const point of this.points) {
			if (point[1] !== null && (!best || Math.abs(point[0] - time) < Math.abs(best[0] - time))) {
				best = point;
			}
		}
		return best;
	}

	// since is the sum of what has been added after a time.
	since(time) {
		return this.points.reduce((sum, [at, value]) => (at > time ? sum + value : sum), 0);
	}
}

const allSeries = new Map();

// seriesOf is the series of a name; [pool, figure], say.
function seriesOf(name) {
	const key = JSON.stringify(name);
	if (!allSeries.has(key)) {
		allSeries.set(key, new Series());
	}
	return allSeries.get(key);
}

// forgetOldSeries drops those of things that are gone: pools come and go, and a page may be open for weeks.
function forgetOldSeries(now) {
	for (const [key, series] of allSeries) {
		if (series.last < now - longestSpan) {
			allSeries.delete(key);
		}
	}
}
