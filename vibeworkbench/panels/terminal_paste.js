/** Pastes of any size: what is sent, in which pieces, and how it is paced so that nothing of it is lost. */

/** A piece is far smaller than what the server keeps for a program that does not read. */
export const PIECE_BYTES = 16 * 1024;
const AGAIN_MS = 250;

/**
 * As xterm.js does: lines end as the Enter key does, and what is within brackets cannot end them.
 *
 * Source: XTerm Control Sequences, "Bracketed Paste Mode".
 *
 * @param {string} text
 * @param {boolean} isBracketed Whether the program has asked to know what is pasted.
 * @returns {string} What is sent.
 */
export function pasted(text, isBracketed) {
  const lines = text.replace(/\r?\n/g, "\r");
  return isBracketed ? `\x1b[200~${lines.replace(/\x1b/g, "\u241b")}\x1b[201~` : lines;
}

/** @param {string} text */
export function linesOf(text) {
  return text === "" ? 0 : text.replace(/\r?\n$/, "").split(/\r\n|\r|\n/).length;
}

/** @param {string} text Whether a shell would run something of it at once. */
export function isManyLines(text) {
  return /[\r\n]/.test(text);
}

/**
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @param {number} [size]
 * @returns {Uint8Array<ArrayBuffer>[]} In order; a character is never cut.
 */
export function pieces(bytes, size = PIECE_BYTES) {
  const made = [];
  for (let from = 0; from < bytes.length;) {
    let to = Math.min(from + size, bytes.length);
    while (to > from + 1 && isWithin(bytes[to])) to -= 1;
    made.push(bytes.subarray(from, to));
    from = to;
  }
  return made;
}

/** @param {number | undefined} byte Whether it goes on with a character that an earlier byte begins. */
function isWithin(byte) {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}

/**
 * All of it was sent, each piece once the one before was taken; a piece that was refused for want of room is sent again.
 *
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @param {object} way
 * @param {(piece: Uint8Array<ArrayBuffer>) => Promise<"taken" | "full" | "lost">} way.send
 * @param {(sentBytes: number, isWaiting: boolean) => void} way.onProgress
 * @param {AbortSignal} way.signal
 * @returns {Promise<number>} How many bytes were taken; fewer than all when it was stopped or the way was lost.
 */
export async function sendAll(bytes, { send, onProgress, signal }) {
  let sent = 0;
  for (const piece of pieces(bytes)) {
    for (let answer = ""; answer !== "taken";) {
      if (signal.aborted) return sent;
      answer = await send(piece);
      if (answer === "lost") return sent;
      if (answer === "full") {
        onProgress(sent, true);
        await pause(AGAIN_MS, signal);
      }
    }
    sent += piece.length;
    onProgress(sent, false);
  }
  return sent;
}

/**
 * @param {number} ms
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
    signal.addEventListener("abort", done);
  });
}
