/** The colours of a terminal, from the style sheet: they follow the theme of the page. */

const NAMES = /** @type {const} */ ([
  "background",
  "foreground",
  "cursor",
  "black",
  "red",
  "green",
  "yellow",
  "blue",
  "magenta",
  "cyan",
  "white",
  "brightBlack",
  "brightRed",
  "brightGreen",
  "brightYellow",
  "brightBlue",
  "brightMagenta",
  "brightCyan",
  "brightWhite",
]);

/**
 * @param {HTMLElement} host An element of the panel.
 * @returns {import("@xterm/xterm").ITheme}
 */
export function themeOf(host) {
  const probe = host.ownerDocument.createElement("i");
  probe.hidden = true;
  (host.parentElement ?? host).append(probe);
  const theme = Object.fromEntries(
    NAMES.map((name) => {
      probe.style.color = `var(--vw-tty-${name.replace(/[A-Z]/, (letter) => `-${letter.toLowerCase()}`)})`;
      return [name, getComputedStyle(probe).color];
    }),
  );
  const { background: cursorAccent, foreground } = theme;
  probe.style.color = "var(--vw-tty-selection)";
  const selectionBackground = getComputedStyle(probe).color;
  probe.remove();
  return {
    ...theme,
    cursorAccent,
    selectionBackground,
    selectionInactiveBackground: selectionBackground,
    scrollbarSliderBackground: withAlpha(foreground, 0.18),
    scrollbarSliderHoverBackground: withAlpha(foreground, 0.3),
    scrollbarSliderActiveBackground: withAlpha(foreground, 0.4),
  };
}

/**
 * @param {string | undefined} colour `rgb(…)`
 * @param {number} alpha
 */
function withAlpha(colour = "rgb(128, 128, 128)", alpha) {
  return colour.startsWith("rgb(")
    ? colour.replace("rgb(", "rgba(").replace(")", `, ${alpha})`)
    : "rgba(128,128,128,0.3)";
}
