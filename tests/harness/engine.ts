import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { collectGarbage } from "../../src/container/gc.ts";
import type { RunRequest } from "../../src/container/request.ts";
import { type RunOptions, runContainer } from "../../src/container/run.ts";
import type { Instance } from "../../src/core/paths.ts";
import { sharedLabImage } from "./lab-image.ts";
import { inOwnNetns } from "./netns.ts";
import { expectNothingLeft, type Snapshot, takeSnapshot } from "./snapshot.ts";
import { sweep } from "./sweep.ts";

/** mdocker's own code in this process, which plays the host: in a network namespace of its own. */
export interface Engine {
  readonly instance: Instance;
  readonly fresh: Snapshot;
  /** What the containers have said through `say`. */
  readonly said: string[];
  /** A request for a container of the default image, with changes. */
  readonly request: (changes: Partial<RunRequest>) => RunRequest;
  readonly run: (request: RunRequest, options?: Partial<RunOptions>) => Promise<number>;
  /** Fails unless all but the networks is as when the engine was made, and these descriptors are open. */
  readonly expectSame: (descriptors: readonly string[]) => Promise<void>;
  /** The same after the networks have been taken down: all of them. */
  readonly expectClean: (descriptors: readonly string[]) => Promise<void>;
}

/** The open descriptors of this process by what they are: `pipe`, `/dev/null`, `/memfd:x`. */
export function openDescriptors(): string[] {
  return readdirSync("/proc/self/fd")
    .flatMap((fd) => {
      try {
        return [`${fd} ${readlinkSync(`/proc/self/fd/${fd}`).replace(/:\[\d+\]$/, "")}`];
      } catch {
        return []; // the one that lists the folder
      }
    })
    .sort();
}

/** Descriptors may stay open for one more turn of the event loop: a handle that is closed is closed then. */
async function expectDescriptors(before: readonly string[]): Promise<void> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const now = openDescriptors();
    if (now.join("\n") === before.join("\n")) return;
    if (Date.now() > deadline) {
      const more = now.filter((line) => !before.includes(line));
      const less = before.filter((line) => !now.includes(line));
      throw new Error(`descriptors left open: ${more.join(", ")}; closed: ${less.join(", ")}`);
    }
    await pause(5);
  }
}

let serial = 0;

/** Runs `act` with an engine and takes everything away again. */
export async function withEngine<T>(act: (engine: Engine) => Promise<T>): Promise<T> {
  const image = await sharedLabImage();
  const [layer = ""] = readdirSync(join(image, "layers"));
  const folder = mkdtempSync("/var/tmp/mdocker-engine-");
  const prefix = `e${(process.pid % 36 ** 4).toString(36)}${(serial++).toString(36)}`.slice(0, 8);
  const instance: Instance = { root: join(folder, "root"), state: join(folder, "state"), prefix };
  for (const path of [instance.root, instance.state]) mkdirSync(path, { mode: 0o700 });
  const said: string[] = [];
  try {
    return await inOwnNetns(async () => {
      const fresh = await takeSnapshot(instance);
      const request = (changes: Partial<RunRequest>): RunRequest => ({
        root: { kind: "directory", path: join(image, "layers", layer) },
        args: ["/bin/true"],
        env: ["PATH=/usr/bin:/bin"],
        groups: [],
        labels: {},
        interactive: false,
        terminal: false,
        keep: false,
        init: true,
        readOnlyRoot: false,
        mounts: [],
        network: { kind: "none" },
        dns: [],
        dnsSearch: [],
        dnsOptions: [],
        extraHosts: [],
        resources: {},
        rlimits: [],
        sysctl: {},
        capAdd: [],
        capDrop: [],
        privileged: false,
        securityOptions: [],
        ...changes,
      });
      try {
        return await act({
          instance,
          fresh,
          said,
          request,
          run: (wanted, options) =>
            runContainer(instance, wanted, { say: (line) => said.push(line), ...options }),
          expectSame: async (descriptors) => {
            await expectNothingLeft(fresh);
            await expectDescriptors(descriptors);
          },
          expectClean: async (descriptors) => {
            await collectGarbage(instance, { networks: true });
            await expectNothingLeft(fresh, "gone");
            await expectDescriptors(descriptors);
          },
        });
      } finally {
        await sweep(await takeSnapshot(instance));
      }
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
