import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { startCommand } from "../../tests/harness/command.ts";
import type { BenchContext } from "./bench.ts";

/** The part of an OCI bundle's config.json that is changed. */
interface Config {
  process: { args: string[]; terminal: boolean };
  root: { path: string; readonly: boolean };
  linux: { namespaces: { type: string; path?: string }[]; cgroupsPath?: string };
}

/** A bundle that runs /bin/true in the network namespace of that name. */
function makeBundle({ peers, folder, instance }: BenchContext, program: string, netns: string): string {
  const bundle = join(folder, `bundle-${netns}`);
  rmSync(bundle, { recursive: true, force: true });
  mkdirSync(bundle);
  const { status, stderr } = spawnSync(program, ["spec"], { cwd: bundle, encoding: "utf8" });
  if (status !== 0) throw new Error(`${program} spec: ${stderr}`);
  const path = join(bundle, "config.json");
  const config = JSON.parse(readFileSync(path, "utf8")) as Config;
  config.process.args = ["/bin/true"];
  config.process.terminal = false;
  config.root = { path: peers.rootfs, readonly: true };
  config.linux.cgroupsPath = `/${instance.prefix}-peers/${netns}`;
  for (const namespace of config.linux.namespaces) {
    if (namespace.type === "network") namespace.path = `/run/netns/${netns}`;
  }
  writeFileSync(path, JSON.stringify(config));
  return bundle;
}

/** A low-level runtime with its network made by hand: one whole life of a container, counted as one. */
export interface HandMade {
  readonly once: () => Promise<number>;
  readonly close: () => Promise<void>;
}

/**
 * Everything as cheap as it can be had from outside: two `ip -batch`, the runtime, one `ip netns delete`, typed into
 * a shell that is already there, on a bridge that is already there.
 */
export async function startHandMade(context: BenchContext, program: string): Promise<HandMade> {
  const netns = `handmade-${basename(program)}`;
  const bundle = makeBundle(context, program, netns);
  const shell = startCommand([...context.peers.enter, "sh"], { env: context.env, deadline: 600_000 });
  let serial = 0;
  const ask = async (script: string): Promise<number> => {
    serial += 1;
    const begin = performance.now();
    shell.child.stdin.write(`( set -e\n${script}\n)\necho "== ${serial} $?"\n`);
    const found = await shell.says(new RegExp(`^== ${serial} (\\d+)\n`, "m"));
    const ms = performance.now() - begin;
    if (found[1] !== "0") throw new Error(`${program} by hand: ${shell.output()}`);
    return ms;
  };
  const bridge = `hand${basename(program)}`;
  await ask(`
ip link add ${bridge} type bridge
ip address add 10.78.0.1/24 dev ${bridge}
ip link set ${bridge} up`);
  // The kernel takes the last veth away in its own time, so each has a name of its own.
  const life = (veth: string) => `
ip -batch - <<'END'
netns add ${netns}
link add ${veth} type veth peer name eth0 netns ${netns}
link set ${veth} master ${bridge} up
END
ip -netns ${netns} -batch - <<'END'
address add 10.78.0.2/24 dev eth0
link set lo up
link set eth0 up
route add default via 10.78.0.1
END
${program} --root ${context.folder}/handmade run --bundle ${bundle} ${netns}
ip netns delete ${netns}`;
  return {
    once: () => ask(life(`${bridge}${serial}`)),
    close: async () => {
      await ask(`ip link delete ${bridge}`);
      shell.child.stdin.end();
      await shell.ended;
    },
  };
}
