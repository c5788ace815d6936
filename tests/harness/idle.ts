import type { Result } from "./command.ts";
import type { TestHost } from "./host.ts";

/** A container that waits, and runs what it is told meanwhile. */
export interface Idle {
  /** Host pid of the container's pid 1. */
  readonly pid: number;
  /** The address of its eth0, from `inspect`; empty without one. */
  readonly address: string;
  /** Runs a shell line in the container, as its command would; its stdout and stderr together. */
  readonly sh: (line: string) => Promise<{ readonly code: number; readonly output: string }>;
  /** Lets the command end, and waits for mdocker. */
  readonly end: () => Promise<Result>;
}

/** What `mdocker inspect` shows, as far as these tests read it. */
export interface Inspected {
  readonly id: string;
  readonly init: { readonly pid: number };
  readonly cgroup: string;
  readonly endpoints: readonly {
    readonly address: string;
    readonly mac: string;
    readonly hostName: string;
  }[];
}

/** What `mdocker inspect` knows of a container. Throws when there is none. */
export async function inspect(host: TestHost, name: string): Promise<Inspected> {
  const { stdout, stderr } = await host.mdocker(["inspect", name]);
  const [found] = stdout === "" ? [] : (JSON.parse(stdout) as Inspected[]);
  if (found === undefined) throw new Error(`inspect ${name}: ${stderr}`);
  return found;
}

/** Every line is run by the shell itself, with everything that the container's own command has: user, limits, filter. */
const loop = `echo ready; while read -r line; do eval "$line" 2>&1; code=$?; echo; echo "=code $code="; done`;

/** Starts a container that waits. `name` is its name. */
export async function startIdle(host: TestHost, name: string, flags: readonly string[] = []): Promise<Idle> {
  const running = host.start(["run", "-i", "--name", name, ...flags, "/bin/bash", "-c", loop]);
  await running.says(/^ready$/m);
  const { init, endpoints } = await inspect(host, name);
  let seen = running.output().length;
  return {
    pid: init.pid,
    address: endpoints[0]?.address ?? "",
    sh: async (line) => {
      running.child.stdin.write(`${line.replaceAll("\n", " ")}\n`);
      const [all, code] = await running.says(
        new RegExp(`^(?:[\\s\\S]{${seen}})[\\s\\S]*?\\n=code (\\d+)=$`, "m"),
      );
      const output = all.slice(seen);
      seen += output.length;
      return { code: Number(code), output: output.replace(/\n\n=code \d+=$/, "").trim() };
    },
    end: () => {
      running.child.stdin.end();
      return running.ended;
    },
  };
}
