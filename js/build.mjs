/**
 * Bundles each panel, and what published pages run, into vibeworkbench/panels/static/, where the server extension serves it.
 *
 * A panel is one self-contained ES module: its style sheet and lit-html are inside, nothing is loaded from elsewhere.
 * Only the terminal panel has a part of its own, xterm.js, which is fetched where a terminal is shown.
 * Published pages have their style sheet and the script of their head within, so that they are painted at once.
 */
import { readFile, readdir, rm, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build, context } from "esbuild";

const PANELS = ["ops", "logs", "containers"];
const SPLIT = ["terminal"];
const PAGE = ["page", "page_widgets"];
const HEAD = ["page_begin"];
const STYLES = ["page", "page_widgets"];

const here = fileURLToPath(new URL(".", import.meta.url));
const sources = fileURLToPath(new URL("../vibeworkbench/panels/", import.meta.url));
const outdir = `${sources}static`;

/** @type {import("esbuild").BuildOptions} */
const both = {
  absWorkingDir: here,
  outdir,
  bundle: true,
  minify: true,
  charset: "utf8",
  legalComments: "eof",
  nodePaths: [`${here}node_modules`],
  logLevel: "info",
};
/** @type {import("esbuild").BuildOptions} */
const modules = { ...both, format: "esm", target: "es2022", loader: { ".css": "text" } };
/** @type {import("esbuild").BuildOptions[]} */
const builds = [
  { ...modules, entryPoints: [...PANELS, ...PAGE].map((name) => `${sources}${name}.js`) },
  {
    ...modules,
    entryPoints: SPLIT.map((name) => `${sources}${name}.js`),
    splitting: true,
    chunkNames: "[name]-[hash]",
  },
  { ...both, entryPoints: HEAD.map((name) => `${sources}${name}.js`), format: "iife", target: "es2022" },
  // No target: what browsers understand (nesting, light-dark) is left as it is written.
  { ...both, entryPoints: STYLES.map((name) => `${sources}${name}.css`) },
];

if (process.argv.includes("--watch")) {
  for (const options of builds) await (await context(options)).watch();
} else {
  const built = await Promise.all(builds.map((options) => build({ ...options, metafile: true })));
  const made = new Set(
    built.flatMap(({ metafile }) => Object.keys(metafile?.outputs ?? {}).map((path) => basename(path))),
  );
  for (const name of await readdir(outdir)) if (!made.has(name)) await rm(`${outdir}/${name}`);
  // The server sends these to whoever takes gzip, a third of the bytes, and compresses nothing itself.
  for (const name of made) {
    await writeFile(`${outdir}/${name}.gz`, gzipSync(await readFile(`${outdir}/${name}`), { level: 9 }));
  }
}
