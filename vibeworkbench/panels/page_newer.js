/**
 * When a published page gives way to a newer one: by itself, unless its reader is in the middle of something.
 *
 *     room says renderedAt → newer than ours? → fetched once, it must be good → reload, the reader's place is kept
 */

/**
 * @typedef {object} Host What the outside gives; tests give their own.
 * @property {() => Promise<boolean>} good Whether the newer page is there and good.
 * @property {() => boolean} busy Whether the reader is in the middle of something.
 * @property {() => void} offer The reader is told that a newer page waits.
 * @property {() => void} reload
 * @property {(act: () => void, delayMs: number) => void} later
 * @property {() => number} random In [0, 1).
 * @property {() => number} tried Unix milliseconds of the render that this page was reloaded for; 0 for none.
 * @property {(atMs: number) => void} trying The same is remembered across the reload.
 */

/** Viewers come back within this time and not all at once. */
export const SPREAD_MS = 2_000;
/** Until the next look when the newer page could not be had. */
export const AGAIN_MS = 15_000;

/** Decides for one page. */
export class Newer {
  #shownAtMs;
  #host;
  #wantedAtMs = 0;
  #going = false;

  /**
   * @param {number} shownAtMs When the page that is shown was rendered; 0 for none yet.
   * @param {Host} host
   */
  constructor(shownAtMs, host) {
    this.#shownAtMs = shownAtMs;
    this.#host = host;
  }

  /** Whether a newer page than this one is known. */
  get waits() {
    return this.#wantedAtMs > this.#shownAtMs;
  }

  /** @param {string | null | undefined} renderedAt Of the newest good page. */
  heard(renderedAt) {
    const atMs = Date.parse(renderedAt ?? "");
    if (!(atMs > Math.max(this.#shownAtMs, this.#wantedAtMs))) return;
    this.#wantedAtMs = atMs;
    // A reload for this very page has brought the old one (a cache on the way): the reader decides.
    if (this.#host.tried() >= atMs) this.#host.offer();
    else this.#host.later(() => this.proceed(), this.#host.random() * SPREAD_MS);
  }

  /** The page gives way if it can now. To be called again when the reader may have finished. */
  async proceed() {
    if (!this.waits || this.#going || this.#host.tried() >= this.#wantedAtMs) return;
    if (this.#host.busy()) return this.#host.offer();
    this.#going = true;
    const good = await this.#host.good();
    this.#going = false;
    if (!good) return this.#host.later(() => this.proceed(), AGAIN_MS);
    if (this.#host.busy()) return this.#host.offer();
    this.giveWay();
  }

  /** The page gives way now: so its reader wants it. */
  giveWay() {
    this.#host.trying(this.#wantedAtMs);
    this.#host.reload();
  }
}

/**
 * @param {Document} page
 * @returns {boolean} Whether its reader types, chooses, drags or has selected text to copy.
 */
export function readerIsBusy(page) {
  const { activeElement } = page;
  const works = activeElement?.closest(
    "textarea, select, input, [contenteditable]:not([contenteditable=false]), [role=slider]",
  );
  const selects = (page.getSelection()?.toString() ?? "") !== "";
  return Boolean(works) || selects || page.querySelector("dialog[open]") !== null;
}
