/** The counts of all issues, moved by one transition after the other. */

import { SEVERITY_WEIGHT } from "./words.js";

/**
 * @typedef {import("./ops_state.js").Summary} Summary
 * @typedef {import("./ops_state.js").Severity} Severity
 */

/**
 * The summary after one transition; means are moved by their sums, so they stay exact.
 *
 * @param {Summary} summary
 * @param {{from: string | null, to: string, severity: Severity, before: Severity}} transition
 * @returns {Summary}
 */
export function moved(summary, { from, to, severity, before }) {
  const byState = { ...summary.byState };
  if (from !== null) byState[from] = added(byState[from], -1, -SEVERITY_WEIGHT[before]);
  byState[to] = added(byState[to], 1, SEVERITY_WEIGHT[severity]);
  const bySeverity = { ...summary.bySeverity };
  if (from !== null) bySeverity[before] = (bySeverity[before] ?? 1) - 1;
  bySeverity[severity] = (bySeverity[severity] ?? 0) + 1;
  return { total: summary.total + (from === null ? 1 : 0), byState, bySeverity };
}

/**
 * @param {{count: number, meanSeverity: number | null} | undefined} group
 * @param {number} count
 * @param {number} weight
 */
function added(group, count, weight) {
  const before = group ?? { count: 0, meanSeverity: null };
  const members = Math.max(0, before.count + count);
  const sum = before.count * (before.meanSeverity ?? 0) + weight;
  return { count: members, meanSeverity: members === 0 ? null : sum / members };
}
