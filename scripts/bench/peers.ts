import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

/** Another container tool, or why it cannot take part. */
type Peer =
  | {
      readonly ready: true;
      /** The command line that runs `command` in a new container on the tool's own default bridge. */
      readonly run: (command: readonly string[]) => string[];
    }
  | { readonly ready: false; readonly why: string };

export interface Peers {
  /** Put before a command, runs it on the host of the peers. */
  readonly enter: readonly string[];
  readonly podman: Peer;
  readonly docker: Peer;
  /** Where dockerd listens. */
  readonly dockerSocket: string;
  /** Path of crun's or runc's program, where installed. */
  readonly crun: string | undefined;
  readonly runc: string | undefined;
  readonly bwrap: string | undefined;
  /** An unpacked root with busybox: true, sh, sleep. */
  readonly rootfs: string;
  readonly close: () => Promise<void>;
}

function which(program: string): string | undefined {
  return (process.env["PATH"] ?? "")
    .split(":")
    .map((folder) => join(folder, program))
    .find((path) => existsSync(path));
}

function attempt(command: readonly string[], env: NodeJS.ProcessEnv): string | undefined {
  const [program = "", ...args] = command;
  const { status, stderr, error } = spawnSync(program, args, { env, encoding: "utf8" });
  if (error !== undefined) return error.message;
  return status === 0 ? undefined : (stderr.trim().split("\n").at(-1) ?? `exit code ${status}`);
}

/** A root made from the statically linked busybox, unpacked and as a tar file. */
function makeRootfs(folder: string): { rootfs: string; tar: string } {
  const rootfs = join(folder, "rootfs");
  for (const name of ["bin", "proc", "sys", "dev", "etc", "tmp"]) {
    mkdirSync(join(rootfs, name), { recursive: true });
  }
  copyFileSync(which("busybox") ?? "/bin/busybox", join(rootfs, "bin/busybox"));
  for (const name of ["true", "sh", "sleep", "ip"]) symlinkSync("busybox", join(rootfs, "bin", name));
  const tar = join(folder, "rootfs.tar");
  const failure = attempt(["tar", "-C", rootfs, "-cf", tar, "."], process.env);
  if (failure !== undefined) throw new Error(`tar: ${failure}`);
  return { rootfs, tar };
}

/** What every peer needs to be started with. */
interface Setting {
  readonly folder: string;
  readonly tar: string;
  /** Parent of the containers' cgroups. */
  readonly cgroup: string;
  /** Put before a command, runs it on the host of the peers. */
  readonly enter: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

function startPodman({ folder, tar, cgroup, enter, env }: Setting): Peer {
  if (which("podman") === undefined) return { ready: false, why: "not installed" };
  const store = ["--root", join(folder, "podman"), "--runroot", join(folder, "podman-run")];
  const base = [...enter, "podman", ...store, "--cgroup-manager", "cgroupfs", "--events-backend", "none"];
  // Its default limits are higher than what a process without CAP_SYS_RESOURCE may have.
  const limits = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"];
  const run = (command: readonly string[]) => [
    ...[...base, "run", "--rm", "--cgroup-parent", cgroup, ...limits, "bench"],
    ...command,
  ];
  const failure = attempt([...base, "import", tar, "bench"], env) ?? attempt(run(["/bin/true"]), env);
  return failure === undefined ? { ready: true, run } : { ready: false, why: failure };
}

async function startDocker({
  folder,
  tar,
  cgroup,
  enter,
  env,
}: Setting): Promise<{ peer: Peer; close: () => Promise<void> }> {
  const none = async () => undefined;
  for (const program of ["docker", "dockerd"]) {
    if (which(program) === undefined) return { peer: { ready: false, why: "not installed" }, close: none };
  }
  const socket = `unix://${join(folder, "docker.sock")}`;
  const own = ["--data-root", join(folder, "docker"), "--exec-root", join(folder, "docker-exec")];
  const [program = "", ...before] = [...enter, "dockerd"];
  const daemon = spawn(
    program,
    [...before, ...own, "--host", socket, "--pidfile", join(folder, "docker.pid")],
    {
      env,
      stdio: ["ignore", "ignore", "ignore"],
    },
  );
  let alive = true;
  const ended = new Promise<void>((resolve) => {
    const end = () => {
      alive = false;
      resolve();
    };
    daemon.on("exit", end);
    daemon.on("error", end);
  });
  const close = async () => {
    daemon.kill("SIGTERM");
    await ended;
  };
  const base = ["docker", "--host", socket];
  const run = (command: readonly string[]) => [
    ...[...base, "run", "--rm", "--cgroup-parent", cgroup, "bench"],
    ...command,
  ];
  for (let round = 0; alive && round < 150; round += 1) {
    if (attempt([...base, "version"], env) === undefined) break;
    await pause(100);
  }
  const failure = alive
    ? (attempt([...base, "import", tar, "bench"], env) ?? attempt(run(["/bin/true"]), env))
    : "dockerd cannot start here";
  return { peer: failure === undefined ? { ready: true, run } : { ready: false, why: failure }, close };
}

/**
 * Finds the peers, and starts what they need: its files in `folder`, its network on the host that `enter` leads to, so
 * that their firewall rules are not in our way, nor ours in theirs.
 */
export async function startPeers(
  folder: string,
  prefix: string,
  enter: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<Peers> {
  mkdirSync(folder, { recursive: true });
  const { rootfs, tar } = makeRootfs(folder);
  writeFileSync(join(rootfs, "etc/passwd"), "root:x:0:0:root:/:/bin/sh\n");
  for (const name of ["hosts", "hostname", "resolv.conf"]) writeFileSync(join(rootfs, "etc", name), "");
  const setting: Setting = { folder, tar, cgroup: `/${prefix}-peers`, enter, env };
  const docker = await startDocker(setting);
  return {
    enter,
    podman: startPodman(setting),
    docker: docker.peer,
    dockerSocket: join(folder, "docker.sock"),
    crun: which("crun"),
    runc: which("runc"),
    bwrap: which("bwrap"),
    rootfs,
    close: docker.close,
  };
}

/** What the host of the peers needs to differ in: their state is thrown away with it. */
export const peerHostScript = `
mount -t tmpfs tmpfs /run
mkdir -p /var/lib/cni
mount -t tmpfs tmpfs /var/lib/cni
# crun refuses hybrid hierarchies when the v2 one has a controller: here it does not see that one.
if mountpoint -q /sys/fs/cgroup/unified; then umount /sys/fs/cgroup/unified; fi
`;
