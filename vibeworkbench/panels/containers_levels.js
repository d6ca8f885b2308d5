/** How many lines containers said, by level, over time. */

import { html, nothing, svg } from "lit-html";
import { stacked } from "./containers_state.js";
import { absolute, counted, grouped, relative, span } from "./words.js";

/** @typedef {import("./containers_state.js").State} State */

const HIGH = 40;

/** @param {State} state */
export function levelChart({ levels: told, nowMs }) {
  const { levels, buckets, atMs } = stacked(told);
  if (levels.length === 0) return nothing;
  const highest = Math.max(1, ...buckets.map((bucket) => sum(bucket)));
  const totals = levels.map((_, place) => sum(buckets.map((bucket) => bucket[place] ?? 0)));
  const label = `Lines by level since ${absolute(told.from)}: ${levels.map((level, place) => `${grouped(totals[place] ?? 0)} ${level}`).join(", ")}`;
  return html`<section class="vw-card vw-levels" aria-label="Lines by level">
    <h3>Lines by level <span class="vw-number">${counted(sum(totals), "line")}</span></h3>
    <svg viewBox=${`0 0 ${buckets.length} ${HIGH}`} preserveAspectRatio="none" role="img" aria-label=${label}>
      ${buckets.map((bucket, place) => pile(bucket, levels, place, highest, `${absolute(atMs[place])}, ${span(1_000 * told.bucketS)}`))}
    </svg>
    <div class="vw-levels-foot">
      <span>${relative(told.from, nowMs)}</span>
      <ul>
        ${levels.map((level, place) => html`<li data-level=${level}><i aria-hidden="true"></i>${level} <span class="vw-number">${grouped(totals[place] ?? 0)}</span></li>`)}
      </ul>
      <span>now</span>
    </div>
  </section>`;
}

/**
 * Serious ones stand at the bottom, where they can be compared.
 *
 * @param {number[]} bucket
 * @param {string[]} levels
 * @param {number} place
 * @param {number} highest
 * @param {string} when
 */
function pile(bucket, levels, place, highest, when) {
  let y = HIGH;
  const parts = bucket.map((count, which) => {
    const tall = (HIGH * count) / highest;
    y -= tall;
    if (count === 0) return nothing;
    return svg`<rect data-level=${levels[which] ?? ""} x=${place + 0.08} y=${y.toFixed(2)} width="0.84" height=${Math.max(0.4, tall).toFixed(2)}><title>${`${grouped(count)} ${levels[which]}, ${when}`}</title></rect>`;
  });
  return svg`${parts}`;
}

/** @param {number[]} numbers */
function sum(numbers) {
  return numbers.reduce((total, each) => total + each, 0);
}
