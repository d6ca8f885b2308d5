/** The reader's clipboard, also where the page is not of a secure origin. */

/** @param {string} text It is in the clipboard. */
export async function putIntoClipboard(text) {
  if (globalThis.isSecureContext && globalThis.navigator.clipboard !== undefined) {
    try {
      return await globalThis.navigator.clipboard.writeText(text);
    } catch {
      // Not allowed here; the old way asks nobody.
    }
  }
  const copy = (/** @type {ClipboardEvent} */ event) => {
    event.preventDefault();
    event.stopImmediatePropagation();
    event.clipboardData?.setData("text/plain", text);
  };
  document.addEventListener("copy", copy, { capture: true, once: true });
  document.execCommand("copy");
  return document.removeEventListener("copy", copy, { capture: true });
}

/** @returns {Promise<string | null>} What is in the clipboard; nothing where the browser does not tell. */
export async function takeFromClipboard() {
  try {
    return (await globalThis.navigator.clipboard?.readText?.()) ?? null;
  } catch {
    return null;
  }
}
