// Elements and texts. This is the only place that makes them, and it takes text as text: nothing here, or anywhere in these files, makes markup
// of data (no innerHTML, no insertAdjacentHTML, no document.write), which a test holds.

const svgSpace = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
	for (const [name, value] of Object.entries(attributes ?? {})) {
		node.setAttribute(name, value);
	}
	node.append(...children);
	return node;
}

// el makes an HTML element; children are elements or strings, which become texts.
function el(tag, attributes, ...children) {
	return fill(document.createElement(tag), attributes, children);
}

function svg(tag, attributes, ...children) {
	return fill(document.createElementNS(svgSpace, tag), attributes, children);
}

function byId(id) {
	return document.getElementById(id);
}

// setText changes a text only if it differs, so that a selection in it, and a screen reader, are left in peace.
function setText(node, text) {
	if (node.textContent !== text) {
		node.textContent = text;
	}
}

function setClass(node, name, on) {
	if (node.classList.contains(name) !== on) {
		node.classList.toggle(name, on);
	}
}
