/** Where the ops panel's state comes from: two rooms, and REST for what the rooms do not carry. */

import { LEADS_TO } from "./ops_choice.js";
import { apply, initial } from "./ops_state.js";
import { Rest, RestError } from "./rest.js";
import { joinRoom } from "./socket.js";

/**
 * @typedef {import("./ops_state.js").State} State
 * @typedef {import("./ops_state.js").Issue} Issue
 * @typedef {import("./ops_choice.js").Verb} Verb
 */

/** Most issues read one by one; when more are stale the list is read again. */
const READ_SINGLY = 8;
/** Changes that come within this time are read together. */
const GATHER_MS = 250;
const PAGE = 200;
/** Most pages read of one list. */
const PAGES = 10;
const UNRESOLVED = "open,acknowledged,in_progress,muted";
const NOTICE_MS = 8_000;

/** @type {Record<Verb, string>} */
const DONE = { acknowledge: "Acknowledged", claim: "Claimed", resolve: "Resolved", mute: "Muted", reopen: "Reopened" };
/** Verbs that `reopen` takes back without a trace, when the issue was open before. */
const UNDOABLE = new Set(["acknowledge", "claim", "resolve", "mute"]);

/** The state of one panel, kept right. */
export class OpsSource {
  state = initial(Date.now());
  #changed;
  #rest;
  #rooms;
  #reading = false;
  #noticeId = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #gathering;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #noticeEnd;
  #closed = false;

  /**
   * @param {string} server The server's root with its base_url.
   * @param {() => void} changed Called after each change of `state`.
   */
  constructor(server, changed) {
    this.server = server;
    this.#changed = changed;
    this.#rest = new Rest(server);
    const room = "main";
    this.#rooms = [
      joinRoom({
        server,
        room,
        party: "ops-monitor-broadcast",
        onMessage: (message) => this.#heard(message),
        onConnection: (connection) => this.learn({ type: "panel:connection", data: connection }),
      }),
      joinRoom({
        server,
        room,
        party: "health-check-broadcast",
        onMessage: (message) => message.type === "health" && this.learn(message),
      }),
    ];
  }

  /** Nothing is read or changed any more. */
  close() {
    this.#closed = true;
    for (const room of this.#rooms) room.close();
    clearTimeout(this.#gathering);
    clearTimeout(this.#noticeEnd);
  }

  /** @param {import("./ops_state.js").PanelEvent} event */
  learn(event) {
    const next = apply(this.state, event);
    if (this.#closed || next === this.state) return;
    this.state = next;
    if (next.stale.size > 0 && !this.#reading) this.#readSoon();
    this.#changed();
  }

  /** Time goes on. */
  tick() {
    this.learn({ type: "panel:tick", data: Date.now() });
  }

  retry() {
    for (const room of this.#rooms) room.retryNow();
  }

  /** @param {"full" | "incremental"} scope A scan of it is asked for. */
  async scan(scope) {
    this.learn({ type: "panel:scan-asked", data: scope });
    try {
      await this.#rest.post("ops/scan", { scope }, { Prefer: "respond-async" });
    } catch (error) {
      const notice = this.#notice("bad", `The ${scope} scan did not start. ${sentence(error)}`);
      this.learn({ type: "panel:scan-refused", data: { scope, notice } });
    }
  }

  /**
   * What was asked for shows at once; what the server says corrects it.
   *
   * @param {Issue} issue
   * @param {Verb} verb
   * @param {Record<string, string>} body
   */
  async act(issue, verb, body) {
    const { issueId, title } = issue;
    this.learn({ type: "panel:wished", data: { issueId, to: LEADS_TO[verb] } });
    try {
      const answer = await this.#rest.post(`ops/issues/${encodeURIComponent(issueId)}/${verb}`, body);
      const undo = UNDOABLE.has(verb) && issue.state === "open" ? { issueId } : null;
      this.learn({
        type: "panel:acted",
        data: { issue: answer, notice: this.#notice("good", `${DONE[verb]}: ${title}`, undo) },
      });
    } catch (error) {
      const notice = this.#notice("bad", `Not done: ${sentence(error)}`);
      this.learn({ type: "panel:refused", data: { issueId, notice } });
    }
  }

  /** @param {Partial<State["choice"]>} choice */
  choose(choice) {
    this.learn({ type: "panel:chose", data: choice });
    const { state } = this.state.choice;
    if ((state === "resolved" || state === "all") && !this.state.resolvedLoaded) void this.#readResolved();
  }

  /** @param {import("./socket.js").Message} message */
  #heard(message) {
    this.learn(message);
    if (message.type === "snapshot") {
      void this.#readSchedules();
      void this.#readHistory();
      if (this.state.role === null) void this.#readRole();
      const unresolved = Object.entries(this.state.summary.byState).reduce(
        (sum, [name, { count }]) => sum + (name === "resolved" ? 0 : count),
        0,
      );
      if (unresolved > this.state.issues.size) void this.#readUnresolved();
      this.choose({ shown: this.state.choice.shown });
    }
    // A scan counts sightings of issues whose state does not change: those say no message of their own.
    if (message.type === "scan-result") (void this.#readUnresolved(), void this.#readSchedules());
  }

  #readSoon() {
    this.#reading = true;
    this.#gathering = setTimeout(() => void this.#readStale(), GATHER_MS);
  }

  async #readStale() {
    const { stale, selected } = this.state;
    const issueIds = stale.size <= READ_SINGLY ? [...stale] : [...stale].filter((issueId) => issueId === selected);
    const all = stale.size > READ_SINGLY;
    this.learn({ type: "panel:reading", data: [...stale] });
    await this.#quietly(async () => {
      const single = issueIds.map((issueId) => this.#rest.get(`ops/issues/${encodeURIComponent(issueId)}`));
      if (all) await this.#readUnresolved();
      this.learn({ type: "panel:issues", data: { items: await Promise.all(single) } });
    });
    this.#reading = false;
    if (this.state.stale.size > 0 && !this.#closed) this.#readSoon();
  }

  async #readUnresolved() {
    const askedAtMs = this.state.asOfMs ?? 0;
    await this.#quietly(async () => {
      const [summary, items] = await Promise.all([this.#rest.get("ops/summary"), this.#list(UNRESOLVED)]);
      this.learn({ type: "panel:unresolved", data: { items, askedAtMs } });
      if ((this.state.asOfMs ?? 0) === askedAtMs) this.learn({ type: "panel:summary", data: summary });
    });
  }

  async #readResolved() {
    await this.#quietly(async () =>
      this.learn({ type: "panel:resolved", data: { items: await this.#list("resolved", 1) } }),
    );
  }

  /** Polls do not say who we are. */
  async #readRole() {
    await this.#quietly(async () => {
      const { caller } = await this.#rest.get("status");
      this.learn({ type: "panel:role", data: caller.role });
    });
  }

  /** Messages carry each score as it comes; those of the past are in REST alone. */
  async #readHistory() {
    await this.#quietly(async () => {
      const { history } = await this.#rest.get("health");
      this.learn({ type: "panel:history", data: history });
    });
  }

  async #readSchedules() {
    await this.#quietly(async () => {
      const { items } = await this.#rest.get("schedules");
      this.learn({ type: "panel:schedules", data: items });
    });
  }

  /**
   * @param {string} state
   * @param {number} pages
   * @returns {Promise<Issue[]>}
   */
  async #list(state, pages = PAGES) {
    /** @type {Issue[]} */
    const found = [];
    /** @type {string | null} */
    let cursor = null;
    for (let page = 0; page < pages && (page === 0 || cursor !== null); page += 1) {
      /** @type {{items: Issue[], nextCursor: string | null}} */
      const answer = await this.#rest.get("ops/issues", {
        state,
        limit: String(PAGE),
        ...(cursor === null ? {} : { cursor }),
      });
      found.push(...answer.items);
      cursor = answer.nextCursor;
    }
    return found;
  }

  /**
   * What is read in the background may fail while the connection is away; the snapshot on return makes up for it.
   *
   * @param {() => Promise<void>} read
   */
  async #quietly(read) {
    try {
      await read();
    } catch (error) {
      if (!(error instanceof RestError)) throw error;
    }
  }

  /**
   * @param {"good" | "bad"} tone
   * @param {string} text
   * @param {{issueId: string} | null} [undo]
   */
  #notice(tone, text, undo = null) {
    clearTimeout(this.#noticeEnd);
    this.#noticeEnd = setTimeout(() => this.learn({ type: "panel:notice-gone" }), NOTICE_MS);
    this.#noticeId += 1;
    return { id: this.#noticeId, tone, text, undo };
  }
}

/** @param {unknown} error */
function sentence(error) {
  if (error instanceof RestError) return error.message;
  throw error;
}
