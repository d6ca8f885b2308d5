// @ts-check
/*
 * Watches the connection between a page of Voila's and its kernel, and tells the reader when it is lost.
 *
 *     socket closes → the server is asked how the kernel is → it is there: Voila connects again by itself
 *                                                           → it is gone, or the reader's right: reload
 *                                                           → no answer: asked again, less and less often
 *
 * A classic script at the top of the page: it must be there before Voila opens its first socket.
 */
(() => {
  const FIRST_WAIT_MS = 1000;
  const LONGEST_WAIT_MS = 30_000;
  const ANSWER_WITHIN_MS = 10_000;
  const PATIENCE_MS = 1500;
  const RIGHTS_CHANGED = 4401;
  const ENDED = 4404;

  /** @typedef {"reconnecting" | "unreachable" | "ended" | "rights"} Trouble */
  /** @type {Record<Trouble, string>} */
  const SENTENCES = {
    reconnecting: "The connection was lost. Connecting again …",
    unreachable: "The server cannot be reached. Trying again …",
    ended: "This page is no longer live: what ran behind it has ended. What you see may be out of date.",
    rights: "You are no longer logged in, or may no longer see this page.",
  };
  const READ_ONLY = "You are watching. Changes that you make on this page have no effect.";

  const Socket = globalThis.WebSocket;
  let isLeaving = false;
  let isLive = false;
  let attempt = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** @type {Trouble | null} */
  let trouble = null;
  /** @type {HTMLElement | null} */
  let notice = null;

  class WatchedSocket extends Socket {
    /** @param {ConstructorParameters<typeof WebSocket>} given */
    constructor(...given) {
      super(...given);
      if (/\/api\/kernels\/[^/]+\/channels$/.test(new URL(this.url).pathname)) follow(this);
    }
  }
  globalThis.WebSocket = WatchedSocket;

  takeToken();

  addEventListener("pagehide", () => {
    isLeaving = true;
    clearTimeout(timer);
    endKernel();
  });
  addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload(); // its kernel ended when it was left
  });
  addEventListener("online", () => {
    if (trouble === "unreachable") void ask();
  });
  addEventListener("vibeworkbench-ended", () => show("ended"));
  addEventListener("DOMContentLoaded", () => {
    if (!config().vibeworkbenchReadOnly) return;
    const note = paragraph(READ_ONLY, "vw-voila-readonly");
    note.setAttribute("role", "note");
    document.body.prepend(note);
  });

  /** @param {WebSocket} socket */
  function follow(socket) {
    socket.addEventListener("open", () => {
      isLive = true;
      attempt = 0;
      clearTimeout(timer);
      hide();
    });
    socket.addEventListener("close", ({ code }) => {
      isLive = false;
      if (isLeaving || isFinal()) return;
      if (code === RIGHTS_CHANGED) show("rights");
      else if (code === ENDED) show("ended");
      else void ask();
    });
  }

  async function ask() {
    clearTimeout(timer);
    const found = await kernelIs();
    if (isLeaving || isLive || isFinal()) return;
    if (found !== "reconnecting" || attempt > 0) show(found);
    if (isFinal()) return;
    const wait = found === "reconnecting" && attempt === 0 ? PATIENCE_MS : FIRST_WAIT_MS * 2 ** attempt;
    attempt += 1;
    timer = setTimeout(ask, Math.min(LONGEST_WAIT_MS, wait) * (0.75 + Math.random() / 2));
  }

  /** @returns {Promise<Trouble>} */
  async function kernelIs() {
    const kernel = await statusOf(`api/kernels/${config().kernelId}`);
    if (kernel === 0 || kernel >= 500) return "unreachable";
    if (kernel < 300) return "reconnecting";
    if (kernel === 404) return "ended";
    const own = await statusOf("vibeworkbench/api/status"); // whom the server knows may not ask for others' kernels
    if (own === 0 || own >= 500) return "unreachable";
    return own < 300 ? "ended" : "rights";
  }

  /**
   * @param {string} path
   * @returns {Promise<number>} The HTTP status, 0 without an answer.
   */
  async function statusOf(path) {
    const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
    try {
      return (await fetch(`${config().baseUrl}${path}`, { cache: "no-store", signal })).status;
    } catch {
      return 0;
    }
  }

  function isFinal() {
    return trouble === "ended" || trouble === "rights";
  }

  /** @param {Trouble} found */
  function show(found) {
    if (trouble === found) return;
    hide();
    trouble = found;
    notice = document.createElement("div");
    notice.className = "vw-voila-lost";
    notice.dataset["trouble"] = found;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Reload";
    button.addEventListener("click", () => location.reload());
    document.body.append(notice);
    notice.setAttribute("role", isFinal() ? "alert" : "status"); // before its text is there: else it is not read out
    notice.append(paragraph(SENTENCES[found], ""), button);
  }

  function hide() {
    trouble = null;
    notice?.remove();
    notice = null;
  }

  /**
   * @param {string} text
   * @param {string} className
   */
  function paragraph(text, className) {
    const made = document.createElement("p");
    made.textContent = text;
    made.className = className;
    return made;
  }

  /** @returns {{baseUrl: string, kernelId: string, vibeworkbenchReadOnly?: boolean}} */
  function config() {
    return JSON.parse(
      document.getElementById("jupyter-config-data")?.textContent ?? '{"baseUrl": "/", "kernelId": ""}',
    );
  }

  /** Voila says so, too, but not on every way out of a page. */
  function endKernel() {
    const { baseUrl, kernelId } = config();
    if (!kernelId) return;
    const said = new FormData();
    said.append("_xsrf", /(?:^|; )_xsrf=([^;]*)/.exec(document.cookie)?.[1] ?? "");
    navigator.sendBeacon(`${baseUrl}voila/api/shutdown/${kernelId}`, said);
  }

  /** The token is out of the address, before somebody copies it from there: the page has a session now. */
  function takeToken() {
    const url = new URL(location.href);
    if (!url.searchParams.has("token")) return;
    url.searchParams.delete("token");
    history.replaceState(history.state, "", url.href);
  }
})();
