/**
 * Where the ops panel's state comes from: two rooms, and REST for what the rooms do not carry.
 *
 * Who may only watch has the rooms alone: nothing is asked for that is known to be refused.
 */

import { LEADS_TO } from "./ops_choice.js";
import { isUnknown, mayRead } from "./rights.js";
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
/** A thousand who watch do not all ask at once: so much time for each member of the room, and at most so much. */
const SPREAD_MS = 20;
const SPREAD_CAP_MS = 30_000;

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
  #members = 1;
  #reading = false;
  /** @type {Promise<void> | undefined} The question who the reader is, while it is under way. */
  #asking;
  #noticeId = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #gathering;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #refreshing;
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
    this.#rooms = this.#join();
  }

  #join() {
    const { server } = this;
    const monitor = joinRoom({
      server,
      party: "ops-monitor-broadcast",
      room: "main",
      onMessage: (message) => this.#heard(message),
      onConnection: (connection) => this.#connected(connection),
    });
    const health = joinRoom({
      server,
      party: "health-check-broadcast",
      room: "main",
      onMessage: (message) => message.type === "health" && this.learn(message),
    });
    return { monitor, health };
  }

  /** @param {import("./socket.js").Connection} connection */
  #connected(connection) {
    const { transport } = this.state.connection;
    this.learn({ type: "panel:connection", data: connection });
    // Polls do not say who the reader is, nor that it is another one than before.
    if (connection.transport === "poll" && transport !== "poll") void this.#askCaller().then(() => this.#complete());
  }

  #leave() {
    this.#rooms.monitor.close();
    this.#rooms.health.close();
  }

  /** Nothing is read or changed any more. */
  close() {
    this.#closed = true;
    this.#leave();
    clearTimeout(this.#gathering);
    clearTimeout(this.#refreshing);
    clearTimeout(this.#noticeEnd);
  }

  /** @param {import("./ops_state.js").PanelEvent} event */
  learn(event) {
    const next = apply(this.state, event);
    if (this.#closed || next === this.state) return;
    this.state = next;
    if (next.stale.size > 0 && !this.#reading && mayRead(next)) this.#readSoon();
    this.#changed();
  }

  /** Time goes on. */
  tick() {
    this.learn({ type: "panel:tick", data: Date.now() });
  }

  /** The next try is now, also where the rooms were left for good: somebody may have logged in meanwhile. */
  retry() {
    if (this.state.connection.quality !== "closed") {
      this.#rooms.monitor.retryNow();
      this.#rooms.health.retryNow();
      return;
    }
    this.#leave();
    this.#rooms = this.#join();
    this.learn({ type: "panel:connection", data: this.#rooms.monitor.connection });
  }

  /** @param {string} text The reader is told. */
  tell(text) {
    this.learn({ type: "panel:told", data: this.#notice("plain", text) });
  }

  /** @param {"full" | "incremental"} scope A scan of it is asked for. */
  async scan(scope) {
    this.learn({ type: "panel:scan-asked", data: scope });
    try {
      await this.#rest.post("ops/scan", { scope }, { Prefer: "respond-async" });
    } catch (error) {
      const notice = this.#notice("bad", `The ${scope} scan did not start. ${this.#told(error)}`);
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
      const notice = this.#notice("bad", `Not done: ${this.#told(error)}`);
      this.learn({ type: "panel:refused", data: { issueId, notice } });
    }
  }

  /** @param {Partial<State["choice"]>} choice */
  choose(choice) {
    this.learn({ type: "panel:chose", data: choice });
    void this.#readChosen();
  }

  /** @param {import("./socket.js").Message} message */
  #heard(message) {
    this.#members = message.data?.members ?? this.#members;
    this.learn(message);
    if (message.type === "snapshot" || message.type === "connected") void this.#complete();
    // A scan counts sightings of issues whose state does not change: those say no message of their own.
    if (message.type === "scan-result") this.#refreshSoon();
  }

  /** What the rooms do not carry is known, to who may read it. */
  async #complete() {
    if (!this.state.ready) return;
    if (isUnknown(this.state)) await this.#askCaller();
    if (!mayRead(this.state)) return;
    const unresolved = [...this.state.issues.values()].filter(({ state }) => state !== "resolved");
    if (unresolved.length < unresolvedCount(this.state.summary)) void this.#readUnresolved();
    if (this.state.stale.size > 0 && !this.#reading) this.#readSoon();
    void this.#readChosen();
  }

  async #readChosen() {
    const { choice, resolvedLoaded } = this.state;
    const wanted = choice.state === "resolved" || choice.state === "all";
    if (wanted && !resolvedLoaded && mayRead(this.state)) await this.#readResolved();
  }

  #refreshSoon() {
    const spreadMs = Math.min(SPREAD_CAP_MS, SPREAD_MS * this.#members);
    this.#refreshing ??= setTimeout(() => void this.#refresh(), GATHER_MS + spreadMs * Math.random());
  }

  async #refresh() {
    this.#refreshing = undefined;
    const snapshot = await this.#rooms.monitor.refresh();
    if (snapshot === null) return;
    const { summary, issues } = snapshot.data;
    const whole = issues.length >= unresolvedCount(summary) || !mayRead(this.state);
    this.learn({ ...snapshot, type: "refreshed", data: { ...snapshot.data, whole } });
    if (!whole) await this.#readUnresolved();
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

  #askCaller() {
    return (this.#asking ??= this.#readCaller());
  }

  async #readCaller() {
    await this.#quietly(async () => {
      const { caller } = await this.#rest.get("status");
      this.learn({ type: "panel:caller", data: caller });
    });
    this.#asking = undefined;
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
      this.#told(error);
    }
  }

  /**
   * @param {unknown} error
   * @returns {string} What the server said. Where it refused what the role seemed to allow, the role is another one now.
   */
  #told(error) {
    if (!(error instanceof RestError)) throw error;
    if (error.status === 403) void this.#askCaller();
    return error.message;
  }

  /**
   * @param {"good" | "bad" | "plain"} tone
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

/** @param {import("./ops_state.js").Summary} summary */
function unresolvedCount({ byState }) {
  return Object.entries(byState).reduce((sum, [name, { count }]) => sum + (name === "resolved" ? 0 : count), 0);
}
