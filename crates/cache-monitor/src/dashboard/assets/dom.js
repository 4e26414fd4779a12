// Building and patching elements. Texts from outside become text nodes, nothing else: a key named <script> is shown as it is.

import { GLOSSARY } from "./glossary.js";

/** @typedef {Node | string | null | undefined} Child */

/**
 * An element. Attributes that are null, undefined or false are left out; true is an empty attribute.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string | number | boolean | null | undefined>} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, String(value));
  }
  made.append(...children.filter(isThere));
  return made;
}

/** @param {Child} child @returns {child is Node | string} */
function isThere(child) {
  return child !== null && child !== undefined;
}

/** @param {string} id */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`index.html has no element with the id ${id}`);
  return found;
}

/** A word with its explanation. @param {string} id of the glossary @param {string} text */
export function term(id, text) {
  return element("button", { type: "button", class: "term", "aria-describedby": described(`about-${id}`, GLOSSARY[id]) }, text);
}

/** Lets every element with `data-term` explain itself. */
export function explainTerms() {
  for (const place of document.querySelectorAll("[data-term]")) {
    place.replaceWith(term(/** @type {HTMLElement} */ (place).dataset.term ?? "", place.textContent ?? ""));
  }
}

/** Keeps a text that elements can refer to by `aria-describedby`, and answers its id. */
export function described(id, text) {
  let place = document.getElementById(id);
  if (!place) {
    place = element("p", { id });
    texts.append(place);
  }
  if (place.textContent !== text) place.textContent = text;
  return id;
}

const texts = element("div", { hidden: true });
document.body.append(texts);

const signatures = new WeakMap();

/**
 * Draws only what has changed, so that nothing flickers, and focus, selection and open details stay.
 * @param {Element} place @param {unknown} data all that `draw` depends on @param {() => Child[]} draw
 */
export function patch(place, data, draw) {
  const signature = JSON.stringify(data);
  if (signatures.get(place) === signature) return;
  signatures.set(place, signature);
  place.replaceChildren(...draw().filter(isThere));
}

/** @param {Element} place @param {string} text */
export function setText(place, text) {
  if (place.textContent !== text) place.textContent = text;
}

/** What is shown for a value that is not known. @param {string} why */
export function unknown(why) {
  return element("span", { class: "unknown", "data-why": why }, element("span", { "aria-hidden": "true" }, "–"), hidden(why));
}

/** For screen readers only. @param {string} text */
export function hidden(text) {
  return element("span", { class: "unseen" }, text);
}

/** Bars with their figures. @param {{label: Child, share: number, text: string, colour?: string}[]} rows @param {string} label */
export function bars(rows, label) {
  const items = rows.map((row) => {
    const fill = element("span", { class: "fill" });
    fill.style.width = `${Math.max(0, Math.min(1, row.share || 0)) * 100}%`;
    const track = element("span", { class: "track", "aria-hidden": "true" }, fill);
    return element(
      "li",
      {},
      element("span", { class: "label" }, row.label),
      track,
      element("span", { class: "figure" }, row.text),
    );
  });
  return element("ul", { class: "bars", "aria-label": label }, ...items);
}

/**
 * What stands in a cell: a text, or more. `text` null is shown as a dash that says why. What `draw` draws may depend on `text`
 * alone, by which changes are noticed.
 * @typedef {{text?: ?string, why?: string, tone?: string, draw?: () => Child[], attributes?: Record<string, string>}} Cell
 * @typedef {{head: () => Child, numeric?: boolean}} Column
 * @typedef {{cells: (Cell | string | null | undefined)[], selected?: boolean}} Row  the first cell is the head of the row
 */

/** A table in a region of its own that scrolls sideways, patched cell by cell. */
export class Table {
  /** @param {string} caption @param {Column[]} columns @param {Record<string, string>} [attributes] of the table */
  constructor(caption, columns, attributes = {}) {
    this.columns = columns;
    this.body = element("tbody");
    const heads = columns.map((column) => element("th", { scope: "col", class: column.numeric && "numeric" }, column.head()));
    this.caption = element("caption", { class: "unseen" }, caption);
    const table = element("table", attributes, this.caption, element("thead", {}, element("tr", {}, ...heads)), this.body);
    this.root = element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, table);
  }

  /** @param {Row[]} rows @param {string} [why] values are unknown */
  update(rows, why = "not known") {
    while (this.body.rows.length > rows.length) this.body.lastElementChild?.remove();
    while (this.body.rows.length < rows.length) this.body.append(this.#emptyRow());
    rows.forEach((row, index) => this.#fill(this.body.rows[index], row, why));
  }

  #emptyRow() {
    const cells = this.columns.map((column, index) => {
      return element(index === 0 ? "th" : "td", { scope: index === 0 && "row", class: column.numeric && "numeric" });
    });
    return element("tr", {}, ...cells);
  }

  #fill(place, row, why) {
    place.toggleAttribute("data-selected", Boolean(row.selected));
    row.cells.forEach((given, index) => {
      const cell = typeof given === "object" && given ? given : { text: given };
      const at = place.cells[index];
      for (const [name, value] of Object.entries(cell.attributes ?? {})) at.setAttribute(name, value);
      if (cell.tone) at.dataset.tone = cell.tone;
      else delete at.dataset.tone;
      const drawn = () => cell.draw?.() ?? [cell.text ?? null];
      patch(at, [cell.text, cell.why ?? why], () => (isThere(cell.text) ? drawn() : [unknown(cell.why ?? why)]));
    });
  }
}
