/**
 * What the containers panel knows, as one value, and how each event changes it. Pure: no page, no clock, no network.
 *
 * @typedef {object} Use
 * @property {string} timestamp
 * @property {number | null} cpuPercent Of one processor.
 * @property {number | null} cpuLimit Processors.
 * @property {number | null} memoryBytes
 * @property {number | null} memoryLimitBytes
 * @property {number | null} networkReceivedBytes
 * @property {number | null} networkSentBytes
 * @property {number | null} blockReadBytes
 * @property {number | null} blockWrittenBytes
 * @property {number | null} processes
 *
 * @typedef {object} Container What was told; what only REST tells may be missing.
 * @property {string} containerId
 * @property {string} containerName
 * @property {string} state
 * @property {string} [image]
 * @property {string} [health]
 * @property {number | null} [exitCode]
 * @property {boolean} [oomKilled]
 * @property {number} [restarts]
 * @property {number} [restartsLately]
 * @property {string | null} [startedAt]
 * @property {string | null} [finishedAt]
 * @property {string} [firstSeenAt]
 * @property {string} [lastSeenAt]
 * @property {number} [score]
 * @property {string[]} [reasons]
 * @property {Partial<Use> | null} [latest]
 * @property {Record<string, string>} [labels]
 * @property {Record<string, string>} [environment]
 *
 * @typedef {object} ContainerError
 * @property {string} errorId
 * @property {string} type
 * @property {string} message
 * @property {string} stack
 * @property {string[]} frames
 * @property {number} count
 * @property {string} firstSeenAt
 * @property {string} lastSeenAt
 * @property {string[]} containers
 *
 * @typedef {object} Process
 * @property {string} containerId
 * @property {string} processId
 * @property {string | null} name
 * @property {string | null} command
 * @property {string | null} user
 * @property {string | null} state
 * @property {number | null} cpuPercent
 * @property {number | null} memoryBytes
 * @property {string | null} endedAt
 * @property {number | null} exitCode
 * @property {string} lastSeenAt
 *
 * @typedef {{bucketAt: string, level: string, count: number}} LevelCount
 * @typedef {{cpu: (number | null)[], memory: (number | null)[]}} Course Oldest first.
 * @typedef {"lines" | "errors" | "processes" | "about"} Tab
 *
 * @typedef {object} State
 * @property {boolean} ready
 * @property {import("./socket.js").Connection} connection
 * @property {string | null} role
 * @property {boolean | null} narrowed
 * @property {number | null} asOfMs
 * @property {number} nowMs
 * @property {ReadonlyMap<string, Container>} containers
 * @property {ReadonlyMap<string, Course>} courses
 * @property {{state: string, reason: string} | null} engine
 * @property {{bucketS: number, from: string, to: string, counts: LevelCount[]}} levels
 * @property {string} failure
 * @property {boolean} loading
 * @property {string} text What the reader searches for.
 * @property {string | null} selected
 * @property {Tab} tab
 * @property {ContainerError[]} errors Of the one that is open.
 * @property {boolean} stale Whether its errors are to be read again.
 * @property {Process[]} processes Of the one that is open.
 * @property {import("./logs_state.js").State | null} lines Of the one that is open.
 * @property {string} said
 */

import { inOrder } from "./words.js";

/** Points of a course that are kept. */
export const COURSE_POINTS = 60;
/** Containers kept that REST has not told of: a reader who only watches learns of them live. */
const CONTAINERS_KEPT = 1_000;

/**
 * @param {number} nowMs
 * @returns {State} What is known before the server said anything.
 */
export function initial(nowMs) {
  return {
    ready: false,
    connection: { quality: "connecting", transport: null, rttMs: null, retryAtMs: null, reason: "", code: null },
    role: null,
    narrowed: null,
    asOfMs: null,
    nowMs,
    containers: new Map(),
    courses: new Map(),
    engine: null,
    levels: { bucketS: 0, from: "", to: "", counts: [] },
    failure: "",
    loading: false,
    text: "",
    selected: null,
    tab: "lines",
    errors: [],
    stale: false,
    processes: [],
    lines: null,
    said: "",
  };
}

/**
 * @typedef {{type: string, data?: any, timestamp?: number, seq?: number}} PanelEvent
 * @typedef {(state: State, data: any) => Partial<State>} Step
 */

/** @type {Record<string, Step>} */
const STEPS = {
  connected: (state, data) => {
    const role = data.role ?? state.role;
    return { ready: true, role, narrowed: role === state.role ? state.narrowed : null };
  },
  snapshot: (state, { containers, engine }) => ({
    containers: byId(containers),
    engine: engine ?? state.engine,
    ready: true,
  }),
  samples: (state, { samples }) => sampled(state, samples),
  errors: (state, { errors }) => ({
    errors: happened(state, errors),
    stale: state.stale || errors.some((/** @type {any} */ each) => each.containerId === state.selected),
    said: errors.length === 1 ? "An error in a container." : `${errors.length} errors in containers.`,
  }),
  processes: (state, { processes }) => ({ processes: running(state, processes) }),

  "panel:connection": (state, connection) => {
    const changed = connection.quality !== state.connection.quality;
    return { connection, said: changed ? `Connection: ${connection.quality}.` : state.said };
  },
  "panel:tick": (_, nowMs) => ({ nowMs }),
  "panel:caller": (_, { role, narrowed }) => ({ role, narrowed }),
  "panel:asked": () => ({ loading: true }),
  "panel:containers": (_, items) => ({
    containers: byId(items),
    loading: false,
    failure: "",
    ready: true,
  }),
  "panel:engine": (_, engine) => ({ engine }),
  "panel:courses": (state, items) => ({ courses: new Map([...state.courses, ...items.map(courseOf)]) }),
  "panel:levels": (_, levels) => ({ levels }),
  "panel:failed": (_, failure) => ({ failure, loading: false, ready: true, said: failure }),
  "panel:text": (_, text) => ({ text }),
  "panel:selected": (_, selected) => ({ selected, tab: "lines", errors: [], stale: false, processes: [], lines: null }),
  "panel:tab": (_, tab) => ({ tab }),
  "panel:lines": (_, lines) => ({ lines }),
  "panel:errors": (state, { containerId, items }) =>
    containerId === state.selected ? { errors: items, stale: false } : {},
  "panel:processes": (state, { containerId, items }) => (containerId === state.selected ? { processes: items } : {}),
};

/**
 * @param {State} state
 * @param {PanelEvent} event
 * @returns {State} The same object when nothing changed.
 */
export function apply(state, event) {
  const change = STEPS[event.type]?.(state, event.data) ?? {};
  const fromServer = !event.type.startsWith("panel:");
  const asOfMs = fromServer ? Math.max(state.asOfMs ?? 0, event.timestamp ?? state.nowMs) : state.asOfMs;
  return Object.keys(change).length === 0 && asOfMs === state.asOfMs ? state : { ...state, asOfMs, ...change };
}

/** @param {Container[]} containers */
function byId(containers) {
  return new Map(containers.map((each) => [each.containerId, each]));
}

/** What of a report is how a container stands. */
const STANDING = ["image", "state", "health", "exitCode", "oomKilled", "restarts", "startedAt", "finishedAt", "labels"];
/** What of it is what it uses. */
const USE = /** @type {const} */ ([
  "cpuPercent",
  "cpuLimit",
  "memoryBytes",
  "memoryLimitBytes",
  "networkReceivedBytes",
  "networkSentBytes",
  "blockReadBytes",
  "blockWrittenBytes",
  "processes",
]);

/**
 * @param {State} state
 * @param {Record<string, any>[]} samples As the rooms say them: what was told, flat, and when, in Unix milliseconds.
 * @returns {Partial<State>} Containers stand as the samples say; the courses go on.
 */
function sampled(state, samples) {
  const containers = new Map(state.containers);
  const courses = new Map(state.courses);
  for (const sample of samples) {
    const id = sample["containerId"];
    const before = containers.get(id);
    if (before === undefined && containers.size >= CONTAINERS_KEPT) continue;
    containers.set(id, after(before, id, sample));
    if ("cpuPercent" in sample || "memoryBytes" in sample) courses.set(id, longer(courses.get(id), sample));
  }
  return { containers, courses };
}

/**
 * @param {Container | undefined} before
 * @param {string} containerId
 * @param {Record<string, any>} sample
 * @returns {Container}
 */
function after(before, containerId, sample) {
  const told = (/** @type {readonly string[]} */ names) =>
    Object.fromEntries(names.filter((name) => name in sample).map((name) => [name, sample[name]]));
  const use = told(USE);
  const at = new Date(sample["timestamp"]).toISOString();
  const latest = Object.keys(use).length > 0 ? { ...before?.latest, ...use, timestamp: at } : (before?.latest ?? null);
  return {
    state: "",
    ...before,
    ...told(STANDING),
    containerId,
    containerName: sample["containerName"] || before?.containerName || containerId.slice(0, 12),
    lastSeenAt: at,
    latest,
  };
}

/**
 * @param {Course | undefined} course
 * @param {Record<string, any>} use
 * @returns {Course}
 */
function longer(course, { cpuPercent = null, memoryBytes = null }) {
  return {
    cpu: [...(course?.cpu ?? []), cpuPercent].slice(-COURSE_POINTS),
    memory: [...(course?.memory ?? []), memoryBytes].slice(-COURSE_POINTS),
  };
}

/**
 * @param {{containerId: string, series: Record<string, {mean: (number | null)[]}>}} metrics
 * @returns {[string, Course]}
 */
function courseOf({ containerId, series }) {
  const of = (/** @type {string} */ name) => (series[name]?.mean ?? []).slice(-COURSE_POINTS);
  return [containerId, { cpu: of("cpuPercent"), memory: of("memoryBytes") }];
}

/**
 * Errors as they are reported; which are the same REST tells.
 *
 * @param {State} state
 * @param {Record<string, any>[]} reports
 * @returns {ContainerError[]}
 */
function happened({ errors: known, selected }, reports) {
  let errors = known;
  for (const { containerId, type, message, stack = "", count = 1, timestamp } of reports) {
    if (containerId !== selected) continue;
    const at = new Date(timestamp).toISOString();
    const same = errors.find((each) => each.type === type && each.message === message);
    const before = same ?? { errorId: `live-${type}-${message}`, firstSeenAt: at, stack: "", frames: [], count: 0 };
    const now = { ...before, type, message, stack: stack || before.stack, count: before.count + count };
    errors = [{ ...now, lastSeenAt: at, containers: [containerId] }, ...errors.filter((each) => each !== same)];
  }
  return errors;
}

/**
 * @param {State} state
 * @param {Record<string, any>[]} reports
 * @returns {Process[]} A report changes what it tells; the rest stays.
 */
function running({ processes: known, selected }, reports) {
  const now = new Map(known.map((each) => [each.processId, each]));
  for (const { timestamp, ...told } of reports) {
    if (told["containerId"] !== selected) continue;
    const lastSeenAt = new Date(timestamp).toISOString();
    const before = now.get(told["processId"]) ?? { ...NO_PROCESS, processId: told["processId"] };
    now.set(told["processId"], { ...before, ...told, lastSeenAt });
  }
  return [...now.values()];
}

/** @type {Omit<Process, "processId">} */
const NO_PROCESS = {
  containerId: "",
  name: null,
  command: null,
  user: null,
  state: null,
  cpuPercent: null,
  memoryBytes: null,
  endedAt: null,
  exitCode: null,
  lastSeenAt: "",
};

/**
 * @param {State} state
 * @returns {Container[]} Those that the reader searches for, worst first.
 */
export function chosen({ containers, text }) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const says = (/** @type {Container} */ each) =>
    `${each.containerName} ${each.image ?? ""} ${each.state} ${each.health ?? ""} ${each.containerId}`.toLowerCase();
  return [...containers.values()]
    .filter((each) => words.every((word) => says(each).includes(word)))
    .sort(
      (one, other) =>
        (one.score ?? 100) - (other.score ?? 100) ||
        Number(other.state === "running") - Number(one.state === "running") ||
        inOrder(one.containerName, other.containerName) ||
        inOrder(one.containerId, other.containerId),
    );
}

/**
 * @param {State["levels"]} levels
 * @returns {{levels: string[], buckets: number[][], atMs: number[]}} Counts by bucket and level, empty buckets included.
 */
export function stacked({ bucketS, from, to, counts }) {
  const order = ["fatal", "critical", "error", "warning", "notice", "info", "debug", "trace", "unknown"];
  const levels = order.filter((level) => counts.some((each) => each.level === level));
  const beginMs = Date.parse(from);
  const size = bucketS > 0 ? Math.ceil((Date.parse(to) - beginMs) / (1_000 * bucketS)) : 0;
  const buckets = Array.from({ length: Math.max(0, Math.min(size, 500)) }, () => levels.map(() => 0));
  for (const { bucketAt, level, count } of counts) {
    const bucket = buckets[Math.floor((Date.parse(bucketAt) - beginMs) / (1_000 * bucketS))];
    const place = levels.indexOf(level);
    if (bucket !== undefined && place >= 0) bucket[place] = (bucket[place] ?? 0) + count;
  }
  return { levels, buckets, atMs: buckets.map((_, place) => beginMs + 1_000 * bucketS * place) };
}
