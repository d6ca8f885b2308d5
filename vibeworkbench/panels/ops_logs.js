/** What an issue about logs rests on: its template, its course, lines of it, its stack, and the way to all of them. */

import { html, nothing } from "lit-html";
import { isPublished } from "./credentials.js";
import { bars, logText, templateText } from "./log_parts.js";
import { choiceFrom } from "./logs_choice.js";
import { message } from "./logs_record.js";
import { serverOf } from "./server_address.js";
import { grouped, relative } from "./words.js";

/** The parts of an issue's evidence that are shown here. */
export const SHOWN = new Set(["link", "template", "templateId", "samples", "sparkline", "frames"]);

/**
 * @param {Record<string, any>} evidence
 * @returns {boolean} Whether it is about logs.
 */
export function isOfLogs({ link }) {
  return typeof link === "string" && link.startsWith("?");
}

/**
 * @param {Record<string, any>} evidence
 * @param {number} nowMs
 */
export function logEvidence({ link, template, samples, sparkline, frames }, nowMs) {
  return html`<section class="vw-log-evidence">
    ${typeof template === "string" && template !== "" ? html`<p class="vw-template-whole">${templateText(template)}</p>` : nothing}
    ${course(sparkline, nowMs)}
    <p>
      <a
        class="vw-button"
        data-link=${link}
        href=${`${serverOf()}vibeworkbench/dashboards/logs${link}`}
        target=${isPublished() ? nothing : "_blank"}
        @click=${(/** @type {MouseEvent} */ event) => follow(event, link)}
        >Open its lines</a
      >
    </p>
    ${list("Lines of it", samples, (sample) => html`<li>${message(String(sample))}</li>`)}
    ${list("Where it happens", frames, (frame) => html`<li><code>${logText(frameText(frame))}</code></li>`)}
  </section>`;
}

/**
 * @param {any} frame A text, or its parts by name.
 * @returns {string}
 */
function frameText(frame) {
  if (typeof frame === "string") return frame;
  return Object.values(frame ?? {})
    .filter((part) => part !== null && part !== "")
    .join(" ");
}

/**
 * @param {import("./log_parts.js").Spark | undefined} sparkline
 * @param {number} nowMs
 */
function course(sparkline, nowMs) {
  if (!sparkline?.counts?.some((count) => count > 0)) return nothing;
  return html`<figure class="vw-bars-large">
    ${bars(sparkline, "large")}
    <figcaption>
      <span>${relative(sparkline.from, nowMs)}</span><span>at most ${grouped(Math.max(...sparkline.counts))}</span
      ><span>now</span>
    </figcaption>
  </figure>`;
}

/**
 * @param {string} title
 * @param {any[] | undefined} items
 * @param {(item: any) => unknown} row
 */
function list(title, items, row) {
  if (!Array.isArray(items) || items.length === 0) return nothing;
  return html`<h4>${title}</h4>
    <ul class="vw-samples">
      ${items.map(row)}
    </ul>`;
}

/**
 * A logs panel on this page shows the lines; where there is none the link leads to the page that has one.
 *
 * @param {MouseEvent} event
 * @param {string} link
 */
function follow(event, link) {
  const detail = choiceFrom(link);
  const asked = new CustomEvent("vibeworkbench:logs", { detail, cancelable: true });
  if (!document.dispatchEvent(asked)) event.preventDefault();
}
