// Figures as people read them: three digits that count, and a unit. What is not known is a dash.

const unknown = "–";

function grouped(n) {
	return Math.round(n).toLocaleString("en").replaceAll(",", "\u202f");
}

// count is a whole number: 987, 12 345, 1.23 M.
function count(n) {
	if (n == null) {
		return unknown;
	}
	return n < 1e6 ? grouped(n) : scaled(n, 1000, ["", "k", "M", "G", "T", "P"]);
}

// rate is something a second: 0, 0.4, 12.3, 987, 12.3 k.
function rate(n) {
	if (n == null) {
		return unknown;
	}
	if (n === 0) {
		return "0";
	}
	return n < 1000 ? digits(n) : scaled(n, 1000, ["", "k", "M", "G"]);
}

// seconds is a duration: 85 µs, 1.23 ms, 4.5 s, 3 min, 2 h, 5 d.
function seconds(s) {
	if (s == null) {
		return unknown;
	}
	if (s === 0) {
		return "0";
	}
	for (const [from, one, unit] of [[2 * 86400, 86400, "d"], [2 * 3600, 3600, "h"], [120, 60, "min"]]) {
		if (s >= from) {
			return `${digits(s / one)} ${unit}`;
		}
	}
	if (s >= 1) {
		return `${digits(s)} s`;
	}
	return s >= 1e-3 ? `${digits(s * 1e3)} ms` : `${digits(s * 1e6)} µs`;
}

function bytes(n) {
	return n == null ? unknown : scaled(n, 1024, ["B", "KiB", "MiB", "GiB", "TiB"]);
}

function percent(share) {
	return share == null ? unknown : `${(share * 100).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;
}

function scaled(n, base, units) {
	let i = 0;
	for (; n >= base && i < units.length - 1; i++) {
		n /= base;
	}
	return units[i] ? `${digits(n)} ${units[i]}` : digits(n);
}

// digits is three digits that count, fewer for whole numbers below ten of which there are none behind the point.
function digits(n) {
	if (n >= 100) {
		return grouped(n);
	}
	return n >= 10 ? n.toFixed(1).replace(/\.0$/, "") : n.toFixed(2).replace(/\.?0+$/, "");
}

function clockTime(date) {
	return date.toLocaleTimeString("en-GB");
}
