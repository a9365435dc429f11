//go:build e2e

package e2e

import "testing"

const background = `getComputedStyle(document.body).backgroundColor`

func isLightAndDark(t *testing.T, _ *watched, page *tab) {
	page.prefer("prefers-color-scheme", "light")
	page.awaitTrue("light, as the system", background+` === "rgb(247, 247, 245)"`)
	page.prefer("prefers-color-scheme", "dark")
	page.awaitTrue("dark, as the system", background+` === "rgb(16, 18, 20)"`)
	page.click("#theme")
	page.awaitTrue("light, as chosen", background+` === "rgb(247, 247, 245)"`)
	page.click("#theme")
	page.click("#theme")
	page.awaitTrue("as the system again", background+` === "rgb(16, 18, 20)"`)
	page.prefer("prefers-reduced-motion", "reduce")
	page.awaitTrue("nothing glides", `getComputedStyle(document.querySelector(".bar-of > i")).transitionDuration === "0s"`)
	page.prefer("prefers-color-scheme", "light")
	page.awaitTrue("all words can be read", contrastIsEnough)
}

// contrastIsEnough holds the colours of words against the grounds they are on: 4.5 to 1 (WCAG 2.2, 1.4.3).
const contrastIsEnough = `(() => {
	const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
	const luminance = (color) => {
		context.fillStyle = color;
		context.fillRect(0, 0, 1, 1);
		const [r, g, b] = [...context.getImageData(0, 0, 1, 1).data].map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	};
	const contrast = (a, b) => { const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
	const root = document.documentElement, chosen = root.dataset.theme, probe = document.body.appendChild(document.createElement("i"));
	const color = (name) => { probe.style.color = "var(--" + name + ")"; return getComputedStyle(probe).color; };
	const pairs = [["ink", "ground"], ["ink", "sheet"], ["quiet", "ground"], ["quiet", "sheet"], ["quiet", "faint"], ["warn", "warn-ground"], ["warn", "sheet"],
		["bad", "bad-ground"], ["bad", "sheet"], ["work", "sheet"]];
	const low = ["light", "dark"].flatMap((theme) => {
		root.dataset.theme = theme;
		return pairs.filter(([a, b]) => contrast(color(a), color(b)) < 4.5).map((pair) => theme + ": " + pair);
	});
	root.dataset.theme = chosen;
	probe.remove();
	if (low.length) throw new Error(low.join("; "));
	return true;
})()`

func fitsAPhone(t *testing.T, _ *watched, page *tab) {
	page.viewport(390, 844, true)
	page.click("#pools > tbody > tr:nth-child(1) .open")
	page.awaitTrue("nothing is wider than the screen", `document.documentElement.scrollWidth <= 390 && innerWidth === 390
		&& [...document.querySelectorAll("main *")].every((e) => e.closest(".unseen, thead, svg") || e.getBoundingClientRect().right <= 390.5)`)
	page.awaitTrue("one column", `new Set([...document.querySelectorAll(".tile")].map((e) => e.getBoundingClientRect().left)).size === 1`)
	page.awaitTrue("cells say what they are", `getComputedStyle(document.querySelector("#pools td.n"), "::before").content.includes("Active")`)
	page.click("#pools > tbody > tr:nth-child(1) .open")
	page.viewport(1280, 900, false)
}
