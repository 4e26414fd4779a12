// The explanation of a term or of a dash, beside it. One bubble for the whole page; it comes by pointer, touch or focus, stays
// while it is pointed at, and goes by Escape, as WCAG 1.4.13 asks. Screen readers read the description of the term itself.

import { element } from "./dom.js";

const bubble = element("div", { class: "bubble", "aria-hidden": "true", hidden: true });
document.body.append(bubble);

/** @type {?Element} */
let shownFor = null;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let leaving;

/** @param {EventTarget | null} target */
function subject(target) {
  return target instanceof Element ? target.closest(".term, [data-why]") : null;
}

/** @param {Element} of */
function textFor(of) {
  const why = of.getAttribute("data-why");
  return why ?? document.getElementById(of.getAttribute("aria-describedby") ?? "")?.textContent ?? "";
}

/** @param {Element} of */
function show(of) {
  clearTimeout(leaving);
  shownFor = of;
  bubble.textContent = textFor(of);
  bubble.hidden = bubble.textContent === "";
  const at = of.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = bubble;
  const below = at.bottom + 6 + height < innerHeight;
  bubble.style.left = `${Math.max(8, Math.min(at.left, document.documentElement.clientWidth - width - 8))}px`;
  bubble.style.top = `${below ? at.bottom + 6 : Math.max(8, at.top - height - 6)}px`;
}

function hide() {
  clearTimeout(leaving);
  shownFor = null;
  bubble.hidden = true;
}

/** The pointer needs a moment to cross from the term to the bubble. */
function hideSoon() {
  clearTimeout(leaving);
  leaving = setTimeout(hide, 150);
}

document.addEventListener("pointerover", (event) => {
  if (bubble.contains(/** @type {Node} */ (event.target))) return clearTimeout(leaving);
  const of = subject(event.target);
  if (of) show(of);
  else if (shownFor && shownFor !== document.activeElement) hideSoon();
});
document.addEventListener("focusin", (event) => {
  const of = subject(event.target);
  if (of) show(of);
  else hide();
});
document.addEventListener("focusout", hideSoon);
document.addEventListener("click", (event) => {
  const of = subject(event.target);
  if (of) show(of);
  else if (!bubble.contains(/** @type {Node} */ (event.target))) hide();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") hide();
});
addEventListener("scroll", hide, { passive: true, capture: true });
