/** What a panel's reader may do, for what the panel offers; what is allowed is decided by the server. */

/**
 * @typedef {object} State What is known of the reader.
 * @property {string | null} role
 * @property {boolean | null} narrowed Whether the reader's token opens no more than a view; nothing while it is not known.
 */

const ROLES = ["viewer", "analyst", "operator", "admin"];

/**
 * @param {State} state
 * @param {"analyst" | "operator"} role
 */
function reaches(state, role) {
  return state.role !== null && ROLES.indexOf(state.role) >= ROLES.indexOf(role);
}

/**
 * @param {State} state
 * @returns {boolean} Whether REST tells this reader more than the rooms: the role allows it, and no token narrows it.
 */
export function mayRead(state) {
  return reaches(state, "analyst") && state.narrowed === false;
}

/**
 * @param {State} state
 * @returns {boolean} Whether the server has yet to be asked who the reader is: polls do not say it, and rooms not all.
 */
export function isUnknown(state) {
  return state.role === null || (reaches(state, "analyst") && state.narrowed === null);
}

/**
 * @param {State} state
 * @returns {string} Why this reader can only watch; empty for who may act, or while that is not known.
 */
export function whyWatching(state) {
  if (state.role === null) return "";
  if (state.narrowed === true) return "You are watching: your link opens this view, not its actions.";
  return reaches(state, "operator") ? "" : "You are watching: actions take the role operator.";
}

/**
 * @param {State} state
 * @param {string} what What REST alone tells, in the plural.
 * @returns {string} Why the reader does not see it; empty for who does, or while that is not known.
 */
export function whyNotRead(state, what) {
  if (isUnknown(state) || mayRead(state)) return "";
  return state.narrowed === true ? `${what} are not part of this view.` : `${what} take the role analyst.`;
}
