/**
 * Where the logs panel's state comes from: REST answers what was asked for, the room says what comes.
 *
 *     choose → (a pause in typing) → REST → rows;  room `main` of party `logs` → lines → rows, or waiting
 */

import { isOpen, partsOf, queryOf } from "./logs_choice.js";
import { apply, initial, olderThan } from "./logs_state.js";
import { Rest, RestError } from "./rest.js";
import { isUnknown, mayRead } from "./rights.js";
import { joinRoom } from "./socket.js";

/**
 * @typedef {import("./logs_state.js").State} State
 * @typedef {import("./logs_state.js").LogLine} LogLine
 * @typedef {import("./logs_choice.js").Choice} Choice
 */

/** A reader who types is asked for at most so often. */
const TYPING_MS = 300;
const PAGE = "200";
/** How often the templates and sources that are looked at are read again. */
const AGAIN_MS = 15_000;

/**
 * @typedef {object} Place Where lines are said and asked for.
 * @property {string} party
 * @property {string} room
 * @property {string} path Of REST.
 * @property {Record<string, string>} fixed What every question holds.
 */

/** @type {Place} */
const ALL = { party: "logs", room: "main", path: "logs", fixed: {} };

/** The state of one panel, or of the part of one that shows lines, kept right. */
export class LogsSource {
  state;
  #place;
  #changed;
  #rest;
  #room;
  #wasJoined = false;
  #readAtMs = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #typing;
  /** @type {Promise<void> | undefined} */
  #asking;
  #closed = false;

  /**
   * @param {string} server The server's root with its base_url.
   * @param {() => void} changed Called after each change of `state`.
   * @param {Partial<Choice>} [choice] What is asked for first.
   * @param {Place} [place]
   */
  constructor(server, changed, choice = {}, place = ALL) {
    this.server = server;
    this.#place = place;
    this.state = initial(Date.now(), choice);
    this.#changed = changed;
    this.#rest = new Rest(server);
    this.#room = this.#join();
  }

  #join() {
    return joinRoom({
      server: this.server,
      party: this.#place.party,
      room: this.#place.room,
      recording: false,
      onMessage: (message) => this.#heard(message),
      onConnection: (connection) => this.learn({ type: "panel:connection", data: connection }),
    });
  }

  /** Nothing is read any more. */
  close() {
    this.#closed = true;
    this.#room.close();
    clearTimeout(this.#typing);
  }

  /** @param {import("./logs_state.js").PanelEvent} event */
  learn(event) {
    const next = apply(this.state, event);
    if (this.#closed || next === this.state) return;
    this.state = next;
    this.#changed();
  }

  /** Time goes on; what is looked at and not told live is read again now and then. */
  tick() {
    this.learn({ type: "panel:tick", data: Date.now() });
    if (Date.now() - this.#readAtMs >= AGAIN_MS && document.visibilityState === "visible") this.#readView();
  }

  /** The next try is now, also where the room was left for good: somebody may have logged in meanwhile. */
  retry() {
    if (this.state.connection.quality !== "closed") return this.#room.retryNow();
    this.#room.close();
    this.#room = this.#join();
    this.learn({ type: "panel:connection", data: this.#room.connection });
  }

  /** @param {import("./socket.js").Message} message */
  #heard(message) {
    this.learn(message);
    if (message.type === "connected") void this.#joined();
  }

  async #joined() {
    if (isUnknown(this.state)) await this.#askCaller();
    if (!mayRead(this.state)) return;
    if (this.#wasJoined) await this.#catchUp();
    else await this.search();
    this.#wasJoined = true;
    if (this.#place !== ALL) return;
    void this.readSources();
    this.#readView();
    void this.#readTemplateText();
  }

  /**
   * @param {Partial<Choice>} choice
   * @param {boolean} [typed] Whether more of it may follow at once.
   */
  choose(choice, typed = false) {
    this.learn({ type: "panel:chose", data: choice });
    clearTimeout(this.#typing);
    if (typed) this.#typing = setTimeout(() => void this.search(), TYPING_MS);
    else void this.search();
    if (choice.template) void this.#readTemplateText();
  }

  /** @param {import("./logs_state.js").ViewName} view */
  show(view) {
    this.learn({ type: "panel:view", data: view });
    this.#readView();
  }

  #readView() {
    this.#readAtMs = Date.now();
    if (!mayRead(this.state)) return;
    if (this.state.view === "templates" && this.state.templates.items.length <= Number(PAGE)) void this.readTemplates();
    if (this.state.view === "sources") void this.readSources();
    if (this.state.template) void this.#readTemplate(this.state.template.templateId);
  }

  /** What is chosen is asked for. */
  async search() {
    if (!mayRead(this.state)) return;
    this.learn({ type: "panel:asked", data: { more: false } });
    await this.#page({}, "panel:page", false);
  }

  /** Older lines are asked for. */
  async more() {
    const { nextCursor, loading, failure } = this.state;
    const to = olderThan(this.state);
    if (loading !== "" || failure !== "" || (nextCursor === null && to === null)) return;
    this.learn({ type: "panel:asked", data: { more: true } });
    await this.#page(to === null ? { cursor: nextCursor ?? "" } : { to }, "panel:page", true);
  }

  async #catchUp() {
    if (isOpen(this.state.choice)) await this.#page({}, "panel:caught-up", false);
  }

  /**
   * @param {Record<string, string>} place
   * @param {string} type
   * @param {boolean} more
   */
  async #page(place, type, more) {
    const { asked, choice } = this.state;
    try {
      const page = await this.#rest.get(this.#place.path, {
        ...queryOf(choice, Date.now()),
        ...this.#place.fixed,
        ...place,
        limit: PAGE,
      });
      this.learn({ type, data: { asked, more, ...page } });
    } catch (error) {
      this.learn({ type: "panel:failed", data: { asked, message: this.#told(error) } });
    }
  }

  /** @param {{more?: boolean, sort?: import("./logs_state.js").TemplateSort}} [how] */
  async readTemplates({ more = false, sort } = {}) {
    this.#readAtMs = Date.now();
    this.learn({ type: "panel:templates-asked", data: { more, sort } });
    const { templates, choice } = this.state;
    const { template: _, instance: __, ...query } = queryOf(choice, Date.now());
    /** @type {Record<string, string>} */
    const cursor = more && templates.nextCursor !== null ? { cursor: templates.nextCursor } : {};
    try {
      const page = await this.#rest.get("logs/templates", { ...query, sort: templates.sort, limit: PAGE, ...cursor });
      this.learn({ type: "panel:templates", data: { ...page, more } });
    } catch (error) {
      this.learn({ type: "panel:templates-failed", data: this.#told(error) });
    }
  }

  /** @param {import("./logs_state.js").Template | null} template It is open. */
  openTemplate(template) {
    this.learn({ type: "panel:template", data: template });
    if (template) void this.#readTemplate(template.templateId);
  }

  /** @param {string} templateId */
  async #readTemplate(templateId) {
    await this.#quietly(async () => {
      const template = await this.#rest.get(`logs/templates/${encodeURIComponent(templateId)}`);
      this.learn({ type: "panel:template-read", data: template });
    });
  }

  async #readTemplateText() {
    const { template } = this.state.choice;
    if (template === "" || !mayRead(this.state)) return;
    await this.#quietly(async () => {
      const { templateId, text } = await this.#rest.get(`logs/templates/${encodeURIComponent(template)}`);
      this.learn({ type: "panel:template-text", data: { templateId, text } });
    });
  }

  /** The sources are read. */
  async readSources() {
    this.learn({ type: "panel:sources-asked" });
    try {
      const { items } = await this.#rest.get("logs/sources");
      this.learn({ type: "panel:sources", data: items });
    } catch (error) {
      this.learn({ type: "panel:sources-failed", data: this.#told(error) });
    }
  }

  /**
   * @param {string} line
   * @param {string} source `kind:source`; empty where it comes from none that is known.
   */
  async explain(line, source) {
    this.learn({ type: "panel:explain", data: { line, source } });
    const { kind, source: name } = partsOf(source);
    const from = { ...(kind === "" ? {} : { kind }), ...(name === "" ? {} : { source: name }) };
    try {
      const answer = await this.#rest.post("logs/explain", { line, ...from });
      this.learn({ type: "panel:explained", data: answer });
    } catch (error) {
      this.learn({ type: "panel:explain-failed", data: this.#told(error) });
    }
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

  /** @param {() => Promise<void>} read What may fail without anybody being told. */
  async #quietly(read) {
    try {
      await read();
    } catch (error) {
      this.#told(error);
    }
  }

  /**
   * @param {unknown} error
   * @returns {string} What the server said.
   */
  #told(error) {
    if (!(error instanceof RestError)) throw error;
    return error.message;
  }
}
