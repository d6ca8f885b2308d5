/** One record: everything it carries, and where one can go from it. */

import { html, nothing } from "lit-html";
import { levelChip, logText } from "./log_parts.js";
import { LINE_CHARACTERS } from "./log_text.js";
import { closeButton, fact } from "./panel_controls.js";
import { mayRead } from "./rights.js";
import { absolute, evidenceName, evidenceText, grouped, milliseconds, span } from "./words.js";

/**
 * @typedef {import("./logs_state.js").State} State
 * @typedef {import("./logs_state.js").LogLine} LogLine
 * @typedef {import("./logs.js").LineActs} Acts
 */

/** Characters of a record that are drawn: more would make the page slow, and are read with the client. */
const WHOLE_CHARACTERS = 100_000;
const AROUND_MS = 30_000;
/** Digits of a container's id that tell it from others. */
const CONTAINER_DIGITS = 12;
/** A frame of a stack that is a library's, by where its file stands. */
const FOREIGN =
  /site-packages|dist-packages|node_modules|\/lib\/python|<frozen |\bnode:internal|java\.base\/|\/rustc\//;

/**
 * @param {State} state
 * @param {LogLine} line
 * @param {Acts} acts
 */
export function record(state, line, acts) {
  const at = line.timestamp ?? line.receivedAt;
  return html`<aside class="vw-details vw-log-record" aria-label="Record" data-line=${line.lineId}>
    <div class="vw-details-head">
      ${levelChip(line.level)} <time title=${at}>${absolute(at)}</time>
      ${closeButton("Close the record", () => acts.select(null))}
    </div>
    ${message(line.message)} ${mayRead(state) ? ways(state, line, acts) : nothing}
    <dl class="vw-facts">
      ${fact("Source", `${line.kind}:${line.source}`)} ${fact("Instance", shortInstance(line))}
      ${fact("Stream", line.stream)} ${fact("Arrived", arrival(line))}
      ${fact("Template", line.templateId ? html`<code>${line.templateId}</code>` : null)}
    </dl>
    ${attributes(line)}
  </aside>`;
}

/** @param {LogLine} line */
function shortInstance({ kind, instance }) {
  if (instance === "") return null;
  const shown = kind === "container" ? instance.slice(0, CONTAINER_DIGITS) : instance;
  return html`<code title=${instance}>${logText(shown)}</code>`;
}

/** @param {LogLine} line */
function arrival({ timestamp, receivedAt }) {
  if (timestamp === null) return `${absolute(receivedAt)}; the record does not tell its time`;
  const lateMs = milliseconds(receivedAt) - milliseconds(timestamp);
  return Math.abs(lateMs) < 1_000
    ? "at once"
    : lateMs > 0
      ? `${span(lateMs)} later`
      : `${span(-lateMs)} earlier: its clock is ahead`;
}

/** @param {string} text */
export function message(text) {
  const shown = text.slice(0, WHOLE_CHARACTERS);
  const cut = text.length - shown.length;
  const isLong = text.length > LINE_CHARACTERS;
  const lines = shown.split("\n").flatMap((line, place) => (place === 0 ? [logText(line)] : ["\n", inner(line)]));
  return html`<pre class="vw-log-whole" tabindex="0" ?data-long=${isLong}>${lines}</pre>
    ${cut > 0 ? html`<p class="vw-why">${grouped(cut)} more characters are not shown; the client reads them.</p>` : nothing}`;
}

/** @param {string} line One after the first: of a stack, frames of libraries stand back. */
function inner(line) {
  return FOREIGN.test(line) ? html`<span class="vw-foreign">${logText(line)}</span>` : logText(line);
}

/**
 * @param {State} state
 * @param {LogLine} line
 * @param {Acts} acts
 */
function ways({ choice }, line, { lines, explain }) {
  if (!lines || !explain) return nothing;
  const source = `${line.kind}:${line.source}`;
  const atMs = milliseconds(line.timestamp ?? line.receivedAt);
  const around = {
    text: "",
    level: "",
    template: "",
    source,
    instance: line.instance,
    lastS: 0,
    from: new Date(atMs - AROUND_MS).toISOString(),
    to: new Date(atMs + AROUND_MS).toISOString(),
  };
  return html`<div class="vw-ways">
    ${
      line.templateId && choice.template !== line.templateId
        ? html`<button
            type="button"
            class="vw-button"
            @click=${() => lines({ template: line.templateId ?? "", text: "" })}
          >
            Lines like this
          </button>`
        : nothing
    }
    <button type="button" class="vw-button" @click=${() => lines(around)}>Around it</button>
    <button type="button" class="vw-button" @click=${() => explain(line.message, source)}>How it was understood</button>
  </div>`;
}

/** @param {LogLine} line */
function attributes({ attributes: all }) {
  const entries = Object.entries(all ?? {});
  if (entries.length === 0) return nothing;
  return html`<section>
    <h4>Attributes</h4>
    <dl class="vw-evidence">
      ${entries.map(
        ([name, value]) =>
          html`<dt>${logText(evidenceName(name))}</dt>
            <dd>${logText(evidenceText(name, value))}</dd>`,
      )}
    </dl>
  </section>`;
}
