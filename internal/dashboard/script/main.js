// The page: each view becomes a sample, and every part draws it.

const parts = [new Problems(), new Overview(), new Pools(), new Upstreams(), new Caches(), new Queries()];
let sample = null;

function showView(view) {
	if (sample?.view.now === view.now) {
		return; // many look, and the figures are shared
	}
	sample = new Sample(view, sample);
	sample.remember();
	sample.before = null; // or all of them would be kept
	parts.forEach((part) => part.show(sample));
}

startTheme();
new Live(showView);
