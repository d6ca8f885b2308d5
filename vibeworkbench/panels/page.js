/**
 * What runs on a published page: its frame, and its widgets without a kernel.
 *
 * Pages whose widgets are nothing but anywidgets need no more than this; Jupyter's own controls (sliders, boxes, links)
 * come with a second program, loaded only by the pages that show them.
 */

import "./page_address.js";
import { tick, startFrame, watch } from "./page_frame.js";
import { PlainModels } from "./page_models.js";
import { drawFigures } from "./page_plotly.js";
import { jsonOf } from "./page_state.js";

/**
 * @typedef {object} Told What the page tells its program.
 * @property {string} name The dashboard's; empty for pages of none.
 * @property {string | null} renderedAt
 * @property {string} [controls] Where the program for Jupyter's own controls stands, when the page needs it.
 */

/** @type {Told} */
const told = jsonOf("vw-page", { name: "", renderedAt: null });

startFrame();
if (told.name !== "") watch({ name: told.name, renderedAt: told.renderedAt });
await drawPage();
tick();

/** Every widget and figure is drawn in its place. */
async function drawPage() {
  const kept = jsonOf("vw-widgets", {});
  /** @type {{draw: (el: HTMLElement, id: string) => Promise<void>}} */
  const models = told.controls
    ? new (await import(new URL(told.controls, document.baseURI).href)).Models(kept, drawFigures)
    : new PlainModels(kept);
  drawFigures(document);
  for (const el of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-vw-model]")))
    void models.draw(el, el.dataset["vwModel"] ?? "");
}
