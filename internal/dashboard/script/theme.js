// Dark or light: as the system has it, or as is chosen here, until the page is closed. Nothing is stored.

const themes = ["auto", "light", "dark"];

function startTheme() {
	const button = byId("theme");
	button.addEventListener("click", () => {
		const root = document.documentElement;
		const next = themes[(themes.indexOf(root.dataset.theme) + 1) % themes.length];
		root.dataset.theme = next;
		setText(button, `Theme: ${next}`);
	});
}
