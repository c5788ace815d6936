// run.mjs FILE.ts [ARG...]: bundles one of the project's own scripts with esbuild and runs it, as Node 20 cannot
// read TypeScript. Nothing is left in the working tree.
import { mkdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";

const home = join(import.meta.dirname, "..");
const [script, ...rest] = process.argv.slice(2);
if (script === undefined) {
  console.error("usage: node scripts/run.mjs FILE.ts [ARG...]");
  process.exit(1);
}
// Below node_modules, so that packages are found from there.
const folder = join(home, "node_modules/.cache/mdocker-scripts");
mkdirSync(folder, { recursive: true });
const outfile = join(folder, `${basename(script, ".ts")}-${process.pid}.mjs`);
await build({
  entryPoints: [script],
  outfile,
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20",
  packages: "external",
  logLevel: "warning",
  sourcemap: "inline",
  // Sources find the package's files from where the real bundle lives (src/core/home.ts).
  define: { "import.meta.dirname": JSON.stringify(join(home, "dist")) },
});
process.on("exit", () => rmSync(outfile, { force: true }));
process.argv = [process.argv[0] ?? "node", outfile, ...rest];
await import(pathToFileURL(outfile).href);
