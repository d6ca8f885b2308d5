/** The terminals that a reader may see, and how one begins or ends. */

import { html, nothing } from "lit-html";
import { empty, walker } from "./panel_controls.js";
import { counted, relative } from "./words.js";

/**
 * @typedef {import("./terminal_state.js").State} State
 * @typedef {import("./terminal_state.js").Listed} Listed
 * @typedef {import("./terminal.js").Acts} Acts
 */

/** @type {Record<string, [string, string]>} */
const STANDS = {
  connected: ["good", "runs"],
  connecting: ["fair", "connecting"],
  reconnecting: ["fair", "reconnecting"],
  closed: ["bad", "not reached"],
};
/** @type {Record<string, string>} */
const KIND = { local: "on this machine", websocket: "on another server", docker: "in a container" };

/**
 * @param {State} state
 * @param {Acts} acts
 */
export function terminalList(state, acts) {
  const { list } = state;
  if (list.stage === "failed" && list.items.length === 0) return failed(list.reason, acts);
  return html`${form(state, acts)} ${list.items.length === 0 ? none(state, acts) : rows(state, acts)}`;
}

/** @param {State} state Whether the reader may begin a terminal. */
export function mayCreate({ callerRole, narrowed, readOnly }) {
  return !readOnly && narrowed !== true && ["operator", "admin"].includes(callerRole ?? "");
}

/**
 * @param {string} reason
 * @param {Acts} acts
 */
function failed(reason, acts) {
  const again = html`<button type="button" class="vw-button" @click=${acts.retry}>Try again</button>`;
  return empty("The terminals cannot be listed", reason, again);
}

/**
 * @param {State} state
 * @param {Acts} acts
 */
function none(state, acts) {
  if (!mayCreate(state)) return empty("No terminal is open to you", "Whoever owns one lets you in by your name.");
  const begin = html`<button
    type="button"
    class="vw-button vw-first"
    ?disabled=${state.opening}
    @click=${() => acts.create({ upstream: { kind: "local" } })}
  >
    ${state.opening ? "Opening…" : "Open a terminal"}
  </button>`;
  return empty("No terminal is open", "A terminal lives on when you leave, and others can watch it or help.", begin);
}

/**
 * @param {State} state
 * @param {Acts} acts
 */
function rows(state, acts) {
  const { items } = state.list;
  return html`<div class="vw-desk">
    <ul class="vw-tty-rows" aria-label=${counted(items.length, "terminal")} @keydown=${walker(".vw-tty-row")}>
      ${items.map((each) => row(each, state, acts))}
    </ul>
  </div>`;
}

/**
 * @param {Listed} each
 * @param {State} state
 * @param {Acts} acts
 */
function row(each, { nowMs, readOnly }, acts) {
  const ended = each.exit !== null && each.exit !== undefined;
  const [mood, word] = ended ? ["unknown", "ended"] : (STANDS[each.state?.state] ?? ["unknown", ""]);
  return html`<li>
    <button
      type="button"
      class="vw-tty-row"
      data-terminal=${each.terminalId}
      @click=${() => acts.open(each.terminalId)}
    >
      <span class="vw-tty-name"><b>${each.name}</b> <span class="vw-subject">${each.terminalId}</span></span>
      <span class="vw-hop-state" data-mood=${each.hold ? "fair" : mood}
        ><i aria-hidden="true"></i>${each.hold ? "held" : word}</span
      >
      <span class="vw-why">${KIND[each.upstream?.kind] ?? each.upstream?.kind} · of ${each.owner}</span>
      <span class="vw-why">${counted(each.members ?? 0, "person here", "people here")}</span>
      <span class="vw-when">${relative(each.createdAt, nowMs)}</span>
    </button>
    ${
      each.role === "owner" && !readOnly
        ? html`<button
            type="button"
            class="vw-button vw-tty-end"
            aria-label=${`End ${each.name}`}
            @click=${() => acts.end(each)}
          >
            End
          </button>`
        : nothing
    }
  </li>`;
}

/**
 * @param {State} state
 * @param {Acts} acts
 */
function form({ tools, opening }, acts) {
  if (tools.open !== "new") return nothing;
  const submit = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    acts.create(orderOf(new FormData(/** @type {HTMLFormElement} */ (event.currentTarget))));
  };
  return html`<form class="vw-tty-new vw-form" aria-label="A new terminal" @submit=${submit}>
    <label
      >Where
      <select name="kind">
        <option value="local">On this machine</option>
        <option value="websocket">On another server</option>
        <option value="docker">In a container</option>
      </select></label
    >
    <label class="vw-of-websocket">Address <input name="url" placeholder="wss://host/terminals/websocket/1" /></label>
    <label class="vw-of-websocket">Token in variable <input name="tokenEnv" placeholder="OTHER_TOKEN" /></label>
    <label class="vw-of-docker">Container <input name="container" placeholder="shop-1" /></label>
    <label>Name <input name="name" maxlength="80" placeholder="chosen for you" /></label>
    <button type="submit" class="vw-button vw-first" ?disabled=${opening}>${opening ? "Opening…" : "Open"}</button>
  </form>`;
}

/**
 * @param {FormData} given
 * @returns {Record<string, unknown>}
 */
function orderOf(given) {
  const text = (/** @type {string} */ name) => String(given.get(name) ?? "").trim();
  const kind = text("kind");
  const fields = { local: [], websocket: ["url", "tokenEnv"], docker: ["container"] }[kind] ?? [];
  const own = Object.fromEntries(fields.filter((name) => text(name) !== "").map((name) => [name, text(name)]));
  const name = text("name");
  return { upstream: { kind, ...own }, ...(name === "" ? {} : { name }) };
}
