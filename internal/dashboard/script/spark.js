// Spark draws a series over the last minutes: time runs evenly from left to right and ends now, the floor is zero, the top is the largest
// value in sight. Where nothing is known the line is broken.

const sparkWidth = 300;
const sparkHeight = 100;

class Spark {
	constructor(format) {
		this.format = format;
		this.area = svg("path", { class: "area" });
		this.stroke = svg("path", { class: "stroke" });
		this.hair = svg("line", { class: "hair", y1: 0, y2: sparkHeight });
		this.node = svg(
			"svg",
			{ class: "spark", viewBox: `0 0 ${sparkWidth} ${sparkHeight}`, preserveAspectRatio: "none", role: "img" },
			svg("line", { class: "floor", x1: 0, x2: sparkWidth, y1: sparkHeight, y2: sparkHeight }),
			this.area,
			this.stroke,
			this.hair,
		);
	}

	show(series, what) {
		this.series = series;
		this.now = series.last;
		this.span = spanAt(this.now);
		const seen = series.points.filter((point) => point[0] >= this.now - this.span);
		const values = seen.map((point) => point[1]).filter((value) => value !== null);
		this.top = Math.max(...values, 0);
		const pieces = this.pieces(seen);
		this.stroke.setAttribute("d", pieces.map((piece) => `M${piece.map((p) => p.join(" ")).join("L")}`).join(""));
		this.area.setAttribute("d", pieces.map((piece) => `M${piece[0][0]} ${sparkHeight}L${piece.map((p) => p.join(" ")).join("L")}V${sparkHeight}Z`).join(""));
		this.node.setAttribute("aria-label", `${what}, of the last minutes: now ${this.format(values.at(-1))}, at most ${this.format(values.length ? this.top : null)}`);
	}

	// pieces is the unbroken parts of the line; one point alone is drawn as a short one.
	pieces(points) {
		const out = [];
		let before = -Infinity;
		for (const [time, value] of points) {
			if (value === null) {
				before = -Infinity;
				continue;
			}
			const point = [this.x(time).toFixed(1), this.y(value).toFixed(1)];
			if (time - before > gap) {
				out.push([[(point[0] - 0.5).toFixed(1), point[1]]]);
			}
			out.at(-1).push(point);
			before = time;
		}
		return out;
	}

	x(time) {
		return sparkWidth * (1 - (this.now - time) / this.span);
	}

	y(value) {
		return this.top > 0 ? sparkHeight * (1 - (0.94 * value) / this.top) : sparkHeight;
	}

	// onPoint calls look with the point below the pointer, and with nothing when it leaves.
	onPoint(look) {
		this.node.addEventListener("pointermove", (event) => {
			const box = this.node.getBoundingClientRect();
			const point = this.series?.nearest(this.now - this.span * (1 - (event.clientX - box.left) / box.width));
			if (point) {
				this.hair.setAttribute("x1", this.x(point[0]));
				this.hair.setAttribute("x2", this.x(point[0]));
				this.hair.style.visibility = "visible";
				look(point);
			}
		});
		this.node.addEventListener("pointerleave", () => {
			this.hair.style.visibility = "hidden";
			look(null);
		});
	}
}
