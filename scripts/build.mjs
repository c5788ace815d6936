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
import { rolldown } from "rolldown";

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

/** `init` is a container's, `holder` and `relay` are those of who is not root, `load` is for `lab`. */
function buildInit(name, arch, file = `${name}-${arch}`) {
  const target = join(dist, file);
  const compiler = compilerFor(arch);
  if (compiler === undefined) {
    if (!existsSync(target))
      console.error(
        `build: no ${compilers[arch]}: ${name} for ${arch} is not built (only needed to package)`,
      );
    return;
  }
  execFileSync(compiler, [...initFlags, "-o", target, join(home, `init/${name}.c`)], { stdio: "inherit" });
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

/** Libraries that few commands need, each a file of its own: what a start does not use it should not read either. */
const libraries = ["execa", "fastify", "ip-cidr", "tar-stream", "yaml"];

/** The commands that have a bundle of their own, and `mdocker` for all: see src/start.cjs. */
const starts = ["mdocker", "run", "exec"];

/** In the place of src/cli/commands.ts: of all commands just this one, whose bundle needs no code of the others. */
function commandAlone(name) {
  const register = `register${name[0].toUpperCase()}${name.slice(1)}`;
  const code = `
    export const commands = { ${name}: async () => (await import("./${name}.ts")).${register} };
    export const treeCommands = new Set();
    export async function registerAll(program) {
      for (const load of Object.values(commands)) (await load())(program);
    }`;
  const file = join(home, "src/cli/commands.ts");
  return { name: "command-alone", load: (id) => (id === file ? code : undefined) };
}

const lazyPrefix = "\0lazy:";

const lazyBuiltins = {
  name: "lazy-builtins",
  resolveId(id, importer = "") {
    return id in onDemand && /\/commander\/|\/sys\/native\.ts$|\/net\/iptables\.ts$/.test(importer)
      ? `${lazyPrefix}${id}`
      : undefined;
  },
  load(id) {
    if (!id.startsWith(lazyPrefix)) return undefined;
    const builtin = id.slice(lazyPrefix.length);
    const getters = onDemand[builtin].map(
      (name) => `get ${name}() { return require("${builtin}").${name}; }`,
    );
    return `module.exports = { ${getters.join(", ")} };`;
  },
};

const librariesApart = {
  name: "libraries-apart",
  resolveId: (id, importer = "") =>
    libraries.includes(id) && !importer.includes("/node_modules/")
      ? { id: `./lib-${id}.cjs`, external: true }
      : undefined,
};

async function bundleLibrary(name) {
  const entry = "\0library";
  const library = await rolldown({
    input: entry,
    platform: "node",
    transform: { target: "node20" },
    plugins: [
      {
        name: "library",
        resolveId: (id) => (id === entry ? id : undefined),
        // To an ES module, a CommonJS file's default export is the file's whole exports.
        load: (id) =>
          id === entry ? `const all = require("${name}"); module.exports = all.default ?? all;` : undefined,
      },
    ],
  });
  await library.write({
    file: join(dist, `lib-${name}.cjs`),
    format: "cjs",
    minify: true,
    comments: false,
    codeSplitting: false,
  });
}

/** The same code in plain ASCII, which src/start.cjs can read without decoding: in texts and patterns only is there more. */
function asciiOf(code) {
  return code.replace(/[^\x00-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/**
 * The code of one start, as CommonJS files by name. What is imported on demand stays in files of its own: it costs a
 * start nothing, where code on the level of the start's own file would be in the cache function by function, called or
 * not. The modules in `together`, by path, are in one file, so that none of them asks another for its functions.
 */
async function partsOf(start, together = new Set()) {
  const code = await rolldown({
    input: { main: join(home, "src/main.ts") },
    platform: "node",
    external: ["koffi"],
    // Whether waiting with an import gains anything differs from one command to the next.
    checks: { ineffectiveDynamicImport: false },
    transform: { target: "node20", define: { "import.meta.dirname": "__dirname" } },
    plugins: [lazyBuiltins, librariesApart, ...(start === "mdocker" ? [] : [commandAlone(start)])],
  });
  const { output } = await code.generate({
    format: "cjs",
    minify: true,
    comments: false,
    // The bundle runs as a script, which has no import().
    dynamicImportInCjs: false,
    externalLiveBindings: false,
    entryFileNames: "[name].js",
    chunkFileNames: "[name]-[hash].js",
    codeSplitting:
      together.size === 0 ? true : { groups: [{ name: "start", test: (id) => together.has(id) }] },
  });
  return new Map(
    output.map(({ fileName, code: text, modules }) => [`./${fileName}`, { code: asciiOf(text), modules }]),
  );
}

/**
 * One CommonJS file out of `parts`: Node starts that faster than ES modules, and V8 can cache its code. It is written as
 * the function that src/start.cjs calls, so that nothing is joined to it at each start. Parts that are not among
 * `wanted` lie one after the other in a file beside it, from which src/start.cjs reads each when it is asked for.
 */
function writeBundle(name, parts, wanted = new Set(parts.keys())) {
  const here = [...parts]
    .filter(([part]) => wanted.has(part))
    .map(([part, { code }]) => `${JSON.stringify(part)}(exports,require,module,__dirname){${code}}`);
  const places = {};
  let rest = "";
  for (const [part, { code }] of parts) {
    if (wanted.has(part)) continue;
    const text = `(function(exports,require,module,__dirname){${code}})\n`;
    places[part] = [rest.length, text.length];
    rest += text;
  }
  writeFileSync(join(dist, `${name}.rest.cjs`), rest);
  writeFileSync(
    join(dist, `${name}.bundle.cjs`),
    `(function(exports,require,module,__filename,__dirname,readPart){
const here={${here.join(",\n")}},known=exports.parts={};
let places=${JSON.stringify(JSON.stringify(places))};
function part(name){
let module=known[name];
if(module!==undefined)return module.exports;
let load=here[name];
if(load===undefined){
if(!name.startsWith("./")||!name.endsWith(".js"))return require(name);
if(typeof places==="string")places=JSON.parse(places);
const place=places[name];
load=readPart(place[0],place[1])}
known[name]=module={exports:{}};
load(module.exports,part,module,__dirname);
return module.exports}
part("./main.js")})`,
  );
}

/** The modules that a rehearsal has used, by path; none when there was no rehearsal. */
function usedModules(name, parts) {
  const file = join(dist, `${name}.parts`);
  if (!existsSync(file)) return new Set();
  const used = JSON.parse(readFileSync(file, "utf8"));
  rmSync(file);
  return new Set(used.flatMap((part) => Object.keys(parts.get(part).modules)));
}

/** Bundles, rehearses, and bundles again with what a plain start needs in one part, apart from everything else. */
async function bundleTwice() {
  const apart = new Map();
  for (const name of starts) {
    apart.set(name, await partsOf(name));
    writeBundle(name, apart.get(name));
  }
  rehearse();
  for (const name of starts) {
    const used = usedModules(name, apart.get(name));
    if (used.size === 0) continue;
    const parts = await partsOf(name, used);
    const needed = [...parts].filter(([, { modules }]) => Object.keys(modules).some((id) => used.has(id)));
    // Any of the other commands may be asked for: theirs stay in the same file.
    writeBundle(name, parts, name === "mdocker" ? undefined : new Set(needed.map(([part]) => part)));
  }
  rehearse();
  for (const name of starts) rmSync(join(dist, `${name}.parts`), { force: true });
}

for (const name of ["init", "holder", "relay"]) for (const arch of ["x64", "arm64"]) buildInit(name, arch);
for (const arch of ["x64", "arm64"]) {
  // A container's whole root: what runs in it is all that is there.
  mkdirSync(join(dist, `lab-${arch}`));
  buildInit("load", arch, `lab-${arch}/load`);
}
buildStart();
copyAddons();
await Promise.all(libraries.map(bundleLibrary));
copyFileSync(join(home, "src/start.cjs"), join(dist, "mdocker.cjs"));
copyFileSync(join(home, "src/security/seccomp/default.json"), join(dist, "default-seccomp.json"));
writeFileSync(join(dist, "version"), JSON.parse(readFileSync(join(home, "package.json"), "utf8")).version);

/** The flags that bin/mdocker.sh starts Node with, and bin/mdocker too: V8 takes a cache only from a run with the same ones. */
function nodeFlags() {
  const launcher = readFileSync(join(home, "bin/mdocker.sh"), "utf8");
  return /^exec node (.*?) ?"/m.exec(launcher)[1].split(" ").filter(Boolean);
}

const programs = {
  x64: {
    end: "mov $231, %eax; xor %edi, %edi; syscall",
    wait: "1: mov $34, %eax; syscall; jmp 1b",
  },
  arm64: {
    end: "mov x8, #94; mov x0, #0; svc #0",
    wait: "1: mov x8, #73; mov x0, #0; mov x1, #0; mov x2, #0; mov x3, #0; svc #0; b 1b",
  },
};

/** Makes a tar of a root filesystem that holds nothing but two programs: /end ends at once, /wait never. */
function makeRootfs(scratch) {
  const rootfs = join(scratch, "rootfs");
  mkdirSync(join(rootfs, "etc"), { recursive: true });
  writeFileSync(join(rootfs, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n");
  writeFileSync(join(rootfs, "etc/group"), "root:x:0:\n");
  for (const [name, code] of Object.entries(programs[process.arch])) {
    const source = join(scratch, `${name}.s`);
    writeFileSync(source, `.globl _start\n_start: ${code}\n`);
    execFileSync("cc", ["-static", "-nostdlib", "-o", join(rootfs, name), source], { stdio: "inherit" });
  }
  const tar = join(scratch, "rootfs.tar");
  execFileSync("tar", ["-C", rootfs, "-cf", tar, "."], { stdio: "inherit" });
  return tar;
}

/**
 * Runs real commands with the bundles as they are, in namespaces and directories of their own, and has them write V8's
 * code cache, so that it holds just the functions that a start uses, and the names of the parts that these are in.
 * Without the rights to run a container, planning one has to do.
 */
function rehearse() {
  const scratch = mkdtempSync(join(tmpdir(), "mdocker-build-"));
  try {
    const env = {
      PATH: process.env.PATH,
      MDOCKER_ROOT: join(scratch, "root"),
      MDOCKER_STATE: join(scratch, "state"),
      MDOCKER_PREFIX: "mdbuild",
    };
    // To sh, "$@" is mdocker and "$0" a file: a path may hold whatever a shell would read otherwise.
    const mdocker = [process.execPath, ...nodeFlags(), join(dist, "mdocker.cjs")];
    const real = `
      set -e
      ip link set lo up
      "$@" image import "$0" parts
      "$@" run --name waiting parts /wait &
      until "$@" exec waiting /end; do
        kill -0 $!
        sleep 0.05
      done
      # The first run has made the network: only what later ones do is to be cached.
      MDOCKER_WRITE_CACHE=1 "$@" run parts /end
      MDOCKER_WRITE_CACHE=1 "$@" exec waiting /end
      MDOCKER_WRITE_CACHE=1 "$@" ps
      "$@" kill waiting
      wait $! || true`;
    const planned = `
      MDOCKER_WRITE_CACHE=1 "$@" run --rootfs "$0" --explain /end
      MDOCKER_WRITE_CACHE=1 "$@" ps`;
    const [program, ...args] =
      process.getuid() === 0
        ? ["unshare", "--net", "--mount", "sh", "-c", real, makeRootfs(scratch)]
        : ["sh", "-c", planned, scratch];
    const { status, stderr } = spawnSync(program, [...args, ...mdocker], {
      env,
      stdio: ["ignore", "ignore", "pipe"],
    });
    if (status !== 0)
      console.error(`build: the commands that are to be cached ended with ${status}: ${stderr}`);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
await bundleTwice();
const place = join(home, "dist");
const old = `${dist}.old`;
if (existsSync(place)) renameSync(place, old);
renameSync(dist, place);
rmSync(old, { recursive: true, force: true });
