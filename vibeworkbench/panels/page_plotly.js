/** Plotly's figures in outputs, drawn by Plotly's own program from the page's assets; loaded only when there is one. */

import { addressOf, undrawn } from "./page_anywidget.js";

/**
 * @typedef {{data: unknown[], layout?: Record<string, unknown>, config?: Record<string, unknown>, frames?: unknown[]}} Figure
 * @typedef {{newPlot: (el: HTMLElement, figure: Figure) => Promise<unknown>}} Plotly
 */

/** @type {Promise<Plotly> | undefined} */
let loading;

/**
 * @param {string} src Relative to the page.
 * @returns {Promise<Plotly>}
 */
function plotly(src) {
  loading ??= new Promise((resolve, reject) => {
    const script = Object.assign(document.createElement("script"), { src: addressOf(src) });
    script.addEventListener("load", () => resolve(/** @type {any} */ (globalThis).Plotly));
    script.addEventListener("error", () => reject(new Error("Plotly's program could not be loaded.")));
    document.head.append(script);
  });
  return loading;
}

/**
 * Every figure below `root` is drawn, or it is said there that it could not be.
 *
 * @param {ParentNode} root
 */
export function drawFigures(root) {
  for (const el of /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll("[data-vw-plotly]"))) {
    const text = el.querySelector("script")?.textContent ?? "{}";
    plotly(el.dataset["vwPlotly"] ?? "")
      .then((library) => {
        el.replaceChildren();
        return library.newPlot(el, responsive(JSON.parse(text)));
      })
      .catch((error) => undrawn(el, error));
  }
}

/**
 * @param {Figure} figure
 * @returns {Figure} As wide as the page, without the logo and its link to another host.
 */
function responsive(figure) {
  return { ...figure, config: { displaylogo: false, responsive: true, ...figure.config } };
}
