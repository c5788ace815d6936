import { spawn } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { vi } from "vitest";
import { home } from "../../src/core/home.ts";
import { outputOf, type Result, runCommand } from "./command.ts";

/** A host whose first process is systemd: a pid namespace in the throw-away machine, whose cgroups systemd manages. */
export interface SystemdHost {
  /** A command there, as root. */
  readonly run: (command: readonly string[], env?: NodeJS.ProcessEnv) => Promise<Result>;
  /** The same; its stdout. Throws when it fails. */
  readonly said: (command: readonly string[], env?: NodeJS.ProcessEnv) => Promise<string>;
  readonly mdocker: (args: readonly string[], env?: NodeJS.ProcessEnv) => Promise<Result>;
  /** `systemctl show --value --property PROPERTY UNIT`. */
  readonly property: (unit: string, property: string) => Promise<string>;
  /** Logs an ordinary user in, as by ssh: a session of root's making, and a `systemd --user` beside it. */
  readonly logIn: (name: string, uid: number) => Promise<Login>;
}

/** Somebody who is logged in on the host. */
interface Login {
  /** The cgroup of the user's own systemd. */
  readonly manager: string;
  readonly mdocker: (args: readonly string[], env?: NodeJS.ProcessEnv) => Promise<Result>;
}

const units: Readonly<Record<string, string>> = {
  // No more than what cgroups need: everything else would be this machine's own services.
  "test.target": "[Unit]\nDefaultDependencies=no\nWants=dbus.socket\nAfter=dbus.socket\n",
  // As systemd has it, without PAM and what logind would be asked for.
  "user@.service": `[Service]
User=%i
Type=notify
ExecStart=/lib/systemd/systemd --user
Slice=user-%i.slice
KillMode=mixed
Delegate=pids memory cpu
TasksMax=infinity
Environment=XDG_RUNTIME_DIR=/run/user/%i
`,
};

/** Boots systemd. Only in the throw-away machine: its cgroups, users and /run become that systemd's. */
export async function bootSystemd(): Promise<SystemdHost> {
  if (process.env["VMRUN"] === undefined) throw new Error("systemd is booted in a throw-away machine only");
  const folder = "/run/systemd/system";
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(units)) writeFileSync(`${folder}/${name}`, text);
  const flags = ["--system", "--unit=test.target", "--log-target=null", "--show-status=no"];
  const parent = spawn("unshare", ["--pid", "--fork", "--mount-proc", "/lib/systemd/systemd", ...flags], {
    env: { PATH: process.env["PATH"], container: "test" },
    stdio: "ignore",
  });
  const pid = await vi.waitFor(() => {
    if (!existsSync("/run/systemd/private")) throw new Error("systemd does not answer yet");
    return readFileSync(`/proc/${parent.pid}/task/${parent.pid}/children`, "utf8").trim();
  }, 60_000);
  const enter = ["nsenter", "--target", pid, "--pid", "--mount", `--wd=${home}`];
  const plain = (env: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({ PATH: process.env["PATH"], ...env });
  const run: SystemdHost["run"] = (command, env) => runCommand([...enter, ...command], { env: plain(env) });
  const said: SystemdHost["said"] = (command, env) => outputOf([...enter, ...command], { env: plain(env) });
  return {
    run,
    said,
    mdocker: (args, env) => run([`${home}/bin/mdocker`, ...args], env),
    property: async (unit, property) =>
      (await said(["systemctl", "show", "--value", "--property", property, unit])).trim(),
    logIn: async (name, uid) => {
      const [directory, runtime] = [`/var/lib/${name}`, `/run/user/${uid}`];
      await said(["useradd", "--create-home", "--home-dir", directory, "--uid", String(uid), name]);
      mkdirSync(runtime, { recursive: true });
      chownSync(runtime, uid, uid);
      chmodSync(runtime, 0o700);
      await said(["systemctl", "start", `user@${uid}.service`]);
      const slice = `/sys/fs/cgroup/user.slice/user-${uid}.slice`;
      const session = `${slice}/session-1.scope`;
      mkdirSync(session);
      const become = ["setpriv", "--reuid", String(uid), "--regid", String(uid), "--clear-groups"];
      const script = `echo $$ > ${session}/cgroup.procs; exec "$@"`;
      return {
        manager: `${slice}/user@${uid}.service`,
        mdocker: (args, env) =>
          run(["sh", "-ec", script, "sh", ...become, `${home}/bin/mdocker`, ...args], {
            HOME: directory,
            XDG_RUNTIME_DIR: runtime,
            MDOCKER_OUTSIDE: "none",
            ...env,
          }),
      };
    },
  };
}
