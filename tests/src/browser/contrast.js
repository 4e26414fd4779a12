// The visible texts whose contrast is lower than WCAG 2.2 asks for at level AA (success criterion 1.4.3): 4.5 to 1, and 3 to 1
// for large text.
(() => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
  const context = canvas.getContext("2d", { willReadFrequently: true });

  // Red, green, blue and opacity of any colour of CSS.
  function parts(colour) {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = context.getImageData(0, 0, 1, 1).data;
    return { rgb: [red, green, blue], opacity: alpha / 255 };
  }

  const over = (top, opacity, below) => top.map((part, index) => part * opacity + below[index] * (1 - opacity));

  function background(element) {
    if (!element) return [255, 255, 255];
    const { rgb, opacity } = parts(getComputedStyle(element).backgroundColor);
    return opacity === 1 ? rgb : over(rgb, opacity, background(element.parentElement));
  }

  function opacityOf(element) {
    return element ? Number(getComputedStyle(element).opacity) * opacityOf(element.parentElement) : 1;
  }

  function luminance(rgb) {
    const [red, green, blue] = rgb.map((part) => (part <= 10.31475 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  }

  function contrast(element) {
    const behind = background(element);
    const { rgb, opacity } = parts(getComputedStyle(element).color);
    const [dark, light] = [luminance(over(rgb, opacity * opacityOf(element), behind)), luminance(behind)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  }

  function needed(element) {
    const { fontSize, fontWeight } = getComputedStyle(element);
    const large = parseFloat(fontSize) >= (Number(fontWeight) >= 700 ? 18.66 : 24);
    return large ? 3 : 4.5;
  }

  function isSeen(element) {
    const { width, height } = element.getBoundingClientRect();
    return width > 1 && height > 1 && element.checkVisibility({ visibilityProperty: true });
  }

  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const low = [];
  while (texts.nextNode()) {
    const { data, parentElement: element } = texts.currentNode;
    if (!data.trim() || !isSeen(element)) continue;
    const found = contrast(element);
    if (found < needed(element)) low.push(`${data.trim().slice(0, 40)}: ${found.toFixed(2)} to 1`);
  }
  return low;
})()
