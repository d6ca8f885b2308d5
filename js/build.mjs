/**
 * Bundles each panel into vibeworkbench/panels/static/, where the server extension serves it.
 *
 * A panel is one self-contained ES module: its style sheet and lit-html are inside, nothing is loaded from elsewhere.
 */
import { readdir, rm } from "node:fs/promises";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { build, context } from "esbuild";

const PANELS = ["ops"];

const here = fileURLToPath(new URL(".", import.meta.url));
const sources = fileURLToPath(new URL("../vibeworkbench/panels/", import.meta.url));
const outdir = `${sources}static`;

/** @type {import("esbuild").BuildOptions} */
const options = {
  absWorkingDir: here,
  entryPoints: PANELS.map((name) => `${sources}${name}.js`),
  outdir,
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  charset: "utf8",
  legalComments: "eof",
  loader: { ".css": "text" },
  nodePaths: [`${here}node_modules`],
  logLevel: "info",
};

if (process.argv.includes("--watch")) {
  await (await context(options)).watch();
} else {
  const { metafile } = await build({ ...options, metafile: true });
  const made = new Set(Object.keys(metafile?.outputs ?? {}).map((path) => basename(path)));
  for (const name of await readdir(outdir)) if (!made.has(name)) await rm(`${outdir}/${name}`);
}
