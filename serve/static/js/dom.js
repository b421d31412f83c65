// Making and finding elements.

export const $ = (id) => document.getElementById(id);

/** An HTML element with attributes and children; `on…` are listeners. */
export function html(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

/** Sets text only where it differs, so that live regions stay silent. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** What a button says for two seconds after it was pressed. */
export function confirmOn(button, words) {
  button.dataset.words ??= button.textContent;
  button.textContent = words;
  setTimeout(() => (button.textContent = button.dataset.words), 2000);
}

/** Copies, or selects `shown` where the browser keeps the clipboard from pages over plain HTTP. */
export async function copyText(text, button, shown) {
  try {
    await navigator.clipboard.writeText(text);
    confirmOn(button, "Copied");
  } catch {
    if (shown) getSelection().selectAllChildren(shown);
    confirmOn(button, shown ? "Selected: press Ctrl+C" : "The browser forbids it");
  }
}
