import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildSync } from "esbuild";
import { home } from "../../src/core/home.ts";

/** A test program that `node` can run. */
export interface Bundle {
  readonly path: string;
  readonly remove: () => void;
}

/** Bundles a program of tests/harness in a folder of its own, laid out like this package. */
export function bundle(name: string): Bundle {
  const folder = mkdtempSync(join(tmpdir(), "mdocker-bundle-"));
  mkdirSync(join(folder, "dist"));
  symlinkSync(join(home, "node_modules"), join(folder, "node_modules"));
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
  const path = join(folder, "dist", `${name}.js`);
  // What a program of mdocker's looks for beside itself: init, the library for native calls.
  for (const built of existsSync(join(home, "dist")) ? readdirSync(join(home, "dist")) : [])
    if (!/\.(cjs|cache)$/.test(built)) symlinkSync(join(home, "dist", built), join(folder, "dist", built));
  buildSync({
    entryPoints: [join(home, "tests/harness", `${name}.ts`)],
    outfile: path,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    packages: "external",
  });
  return { path, remove: () => rmSync(folder, { recursive: true }) };
}
