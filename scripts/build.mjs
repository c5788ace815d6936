// Builds dist/: the init binaries, the bundled command line with its V8 code cache, and the native addon beside it.
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { build } from "esbuild";

const home = join(import.meta.dirname, "..");
const dist = join(home, "dist");
mkdirSync(dist, { recursive: true });

const compilers = { x64: "x86_64-linux-gnu-gcc", arm64: "aarch64-linux-gnu-gcc" };
const initFlags = [
  ..."-std=c11 -Os -static -nostdlib -nostartfiles -ffreestanding -fno-builtin -fno-stack-protector".split(
    " ",
  ),
  ..."-fno-asynchronous-unwind-tables -fno-pie -no-pie -Wall -Wextra -Werror -s".split(" "),
  ..."-Wl,-z,noexecstack -Wl,-z,noseparate-code -Wl,-z,norelro -Wl,--build-id=none".split(" "),
];

/** The compiler for `arch`: the system's own for this machine, the cross compiler for the other where installed. */
function compilerFor(arch) {
  if (arch === process.arch) return "cc";
  return spawnSync(compilers[arch], ["--version"]).status === 0 ? compilers[arch] : undefined;
}

function buildInit(arch) {
  const target = join(dist, `init-${arch}`);
  const compiler = compilerFor(arch);
  if (compiler === undefined) {
    if (!existsSync(target))
      console.error(`build: no ${compilers[arch]}: init for ${arch} is not built (only needed to package)`);
    return;
  }
  execFileSync(compiler, [...initFlags, "-o", target, join(home, "init/init.c")], { stdio: "inherit" });
}

/** koffi's addon for each machine whose package npm has installed; loading it directly saves most of koffi's start. */
function copyAddons() {
  const require = createRequire(import.meta.url);
  for (const arch of ["x64", "arm64"]) {
    const musl = existsSync("/etc/alpine-release");
    try {
      const folder = dirname(require.resolve(`@koromix/koffi-linux-${arch}/package.json`));
      copyFileSync(
        join(folder, musl ? `musl_${arch}` : `linux_${arch}`, "koffi.node"),
        join(dist, `koffi-${arch}.node`),
      );
    } catch {
      if (arch === process.arch)
        throw new Error("koffi's addon for this machine is not installed: run npm ci");
    }
  }
}

/** Bundles one entry as CommonJS: Node starts it faster than ES modules, and V8 can cache its code. */
async function bundle(entry, name) {
  await build({
    entryPoints: [join(home, entry)],
    outfile: join(dist, name),
    bundle: true,
    platform: "node",
    target: "node20",
    format: "cjs",
    minify: true,
    keepNames: true,
    legalComments: "none",
    external: ["koffi"],
    define: {
      "import.meta.dirname": "__dirname",
      "import.meta.filename": "__filename",
      "import.meta.url": "__bundleUrl",
    },
    banner: { js: 'const __bundleUrl=require("node:url").pathToFileURL(__filename).href;' },
    logLevel: "warning",
  });
}

rmSync(join(dist, "mdocker.cache"), { force: true });
for (const arch of ["x64", "arm64"]) buildInit(arch);
copyAddons();
await bundle("src/main.ts", "mdocker.bundle.cjs");
const extra = join(home, "scripts/bench/main.ts");
if (existsSync(extra)) await bundle("scripts/bench/main.ts", "bench.cjs");
copyFileSync(join(home, "src/start.cjs"), join(dist, "mdocker.cjs"));
if (existsSync(join(home, "src/security/seccomp/default.json"))) {
  cpSync(join(home, "src/security/seccomp/default.json"), join(dist, "default-seccomp.json"));
}
writeFileSync(join(dist, "version"), JSON.parse(readFileSync(join(home, "package.json"), "utf8")).version);
// The cache is written by a first run, with the functions that a start really uses already compiled.
execFileSync(process.execPath, [join(dist, "mdocker.cjs"), "version"], {
  env: { ...process.env, MDOCKER_WRITE_CACHE: "1" },
  stdio: "ignore",
});
