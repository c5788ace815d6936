// Builds dist/: the init binaries, the bundled command line with its V8 code cache, and the native addon beside it.
import { execFileSync, spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { build } from "esbuild";

const home = join(import.meta.dirname, "..");
/** Everything is built here and moved to its place at the end: who runs mdocker meanwhile has all of the old one. */
const dist = join(home, `dist.${process.pid}`);
mkdirSync(dist, { recursive: true });
process.on("exit", () => rmSync(dist, { recursive: true, force: true }));

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

/** bin/mdocker for this machine, moved into place whole: it may be running. */
function buildStart() {
  const target = join(dist, "start");
  const flags = nodeFlags().map((flag) => `"${flag}"`);
  execFileSync(
    "cc",
    [...initFlags, `-DNODE_FLAGS=${flags.join(",")}`, "-o", target, join(home, "init/start.c")],
    {
      stdio: "inherit",
    },
  );
  renameSync(target, join(home, "bin/mdocker"));
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

/**
 * Parts of Node that are imported for what a start does not use, and loaded when it is used after all: node:child_process
 * by commander and net/iptables.ts (7 ms), node:module by src/sys/native.ts (3 ms).
 */
const onDemand = { "node:child_process": ["spawn", "spawnSync"], "node:module": ["createRequire"] };

const lazyBuiltins = {
  name: "lazy-builtins",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:(child_process|module)$/ }, ({ path, importer }) =>
      /\/commander\/|\/sys\/native\.ts$|\/net\/iptables\.ts$/.test(importer)
        ? { path, namespace: "lazy" }
        : undefined,
    );
    onLoad({ filter: /.*/, namespace: "lazy" }, ({ path }) => ({
      contents: `module.exports = { ${onDemand[path]
        .map((name) => `get ${name}() { return require("${path}").${name}; }`)
        .join(", ")} };`,
    }));
  },
};

/** Libraries that few commands need, each a file of its own: what a start does not use it should not read either. */
const libraries = ["execa", "fastify", "ip-cidr", "tar-stream", "yaml"];

const librariesApart = {
  name: "libraries-apart",
  setup({ onResolve }) {
    onResolve({ filter: new RegExp(`^(${libraries.join("|")})$`) }, ({ path, importer }) =>
      importer.includes("/node_modules/") ? undefined : { path: `./lib-${path}.cjs`, external: true },
    );
  },
};

async function bundleLibrary(name) {
  // To an ES module, a CommonJS file's default export is the file's whole exports.
  const contents = `const all = require("${name}"); module.exports = all.default ?? all;`;
  await build({
    stdin: { contents, resolveDir: home },
    outfile: join(dist, `lib-${name}.cjs`),
    bundle: true,
    platform: "node",
    target: "node20",
    format: "cjs",
    minify: true,
    legalComments: "none",
    logLevel: "warning",
  });
}

/** Of the commands, run alone: see src/cli/run-only.ts. */
const runAlone = {
  name: "run-alone",
  setup({ onResolve }) {
    onResolve({ filter: /\/commands\.ts$/ }, () => ({ path: join(home, "src/cli/run-only.ts") }));
  },
};

/** Bundles one entry as CommonJS: Node starts it faster than ES modules, and V8 can cache its code. */
async function bundle(entry, name, plugins = []) {
  await build({
    entryPoints: [join(home, entry)],
    outfile: join(dist, name),
    bundle: true,
    platform: "node",
    target: "node20",
    format: "cjs",
    minify: true,
    legalComments: "none",
    external: ["koffi"],
    // A dynamic import of what lies outside becomes require: the bundle runs as a script, which has no import().
    supported: { "dynamic-import": false },
    plugins: [lazyBuiltins, librariesApart, ...plugins],
    define: { "import.meta.dirname": "__dirname" },
    logLevel: "warning",
  });
}

for (const arch of ["x64", "arm64"]) buildInit(arch);
buildStart();
copyAddons();
await bundle("src/main.ts", "mdocker.bundle.cjs");
await bundle("src/main.ts", "run.bundle.cjs", [runAlone]);
await Promise.all(libraries.map(bundleLibrary));
copyFileSync(join(home, "src/start.cjs"), join(dist, "mdocker.cjs"));
copyFileSync(join(home, "src/security/seccomp/default.json"), join(dist, "default-seccomp.json"));
writeFileSync(join(dist, "version"), JSON.parse(readFileSync(join(home, "package.json"), "utf8")).version);

/** The flags that bin/mdocker.sh starts Node with, and bin/mdocker too: V8 takes a cache only from a run with the same ones. */
function nodeFlags() {
  const launcher = readFileSync(join(home, "bin/mdocker.sh"), "utf8");
  return /^exec node (.*?) ?"/m.exec(launcher)[1].split(" ").filter(Boolean);
}

/**
 * Writes V8's code cache from a real run, so that it holds just the functions that a start uses. The run happens in
 * namespaces and directories of its own; without the rights for it, planning one has to do.
 */
function writeCodeCache() {
  const scratch = mkdtempSync(join(tmpdir(), "mdocker-build-"));
  try {
    const rootfs = join(scratch, "rootfs");
    mkdirSync(rootfs);
    copyFileSync(join(dist, `init-${process.arch}`), join(rootfs, "command"));
    const env = {
      PATH: process.env.PATH,
      MDOCKER_ROOT: join(scratch, "root"),
      MDOCKER_STATE: join(scratch, "state"),
      MDOCKER_PREFIX: "mdbuild",
    };
    const run = [process.execPath, ...nodeFlags(), join(dist, "mdocker.cjs"), "run", "--rootfs", rootfs];
    // The first run makes the network, which later ones find: only what they use is to be cached.
    const script = 'ip link set lo up; "$@"; MDOCKER_WRITE_CACHE=1 exec "$@"';
    const real = ["unshare", "--net", "--mount", "sh", "-c", script, "sh", ...run, "/command"];
    // The command is init itself, which is not started by mdocker here and says so with exit code 2.
    const [program, ...args] =
      process.getuid() === 0 ? real : ["env", "MDOCKER_WRITE_CACHE=1", ...run, "--explain", "/command"];
    spawnSync(program, args, { env, stdio: "ignore" });
    // The other commands share what every one of them does: to find its way to a module and to records.
    const list = [process.execPath, ...nodeFlags(), join(dist, "mdocker.cjs"), "ps"];
    spawnSync("env", ["MDOCKER_WRITE_CACHE=1", ...list], { env, stdio: "ignore" });
    if (!existsSync(join(dist, "run.cache")))
      console.error("build: no code cache was written: starts will be slower");
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
writeCodeCache();
const place = join(home, "dist");
const old = `${dist}.old`;
if (existsSync(place)) renameSync(place, old);
renameSync(dist, place);
rmSync(old, { recursive: true, force: true });
