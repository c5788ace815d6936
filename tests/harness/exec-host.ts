import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, vi } from "vitest";
import type { ExecRecord } from "../../src/container/exec-records.ts";
import type { ContainerRecord } from "../../src/container/record.ts";
import type { Result, Running } from "./command.ts";
import { makeTestHost, type TestHost } from "./host.ts";
import { sharedLabImage } from "./lab-image.ts";
import { expectNothingLeft } from "./snapshot.ts";

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

/** A host whose containers run in the foreground of processes of their own, to execute commands in. */
export interface ExecHost {
  readonly host: () => TestHost;
  /** Runs a container; resolves when its command runs. Default command: sleeps. */
  readonly run: (name: string, flags?: readonly string[], command?: readonly string[]) => Promise<Running>;
  /** Kills a container, and waits until nothing of it is left. */
  readonly end: (name: string, running: Running) => Promise<void>;
  /** `mdocker exec WORDS` to its end. */
  readonly exec: (words: readonly string[], input?: string | Uint8Array) => Promise<Result>;
  readonly inspect: (name: string) => Promise<ContainerRecord>;
  /** The execs of a container that are on record. */
  readonly execs: (id: string) => ExecRecord[];
  /** Monitors of execs on this host: by the directory of their record, which they keep open. */
  readonly monitors: () => string[];
}

/** Makes a host before the tests of the calling file; at their end nothing may be left on it. */
export function execHost(): ExecHost {
  let made: { host: TestHost; close: () => Promise<void> } | undefined;
  const host = (): TestHost => {
    if (made === undefined) throw new Error("the host is there from beforeAll on");
    return made.host;
  };
  const monitors = (): string[] =>
    list("/proc").filter((pid) => {
      if (read(`/proc/${pid}/comm`) !== "mdocker-exec\n") return false;
      try {
        return readlinkSync(`/proc/${pid}/fd/6`).startsWith(host().place.state);
      } catch {
        return false;
      }
    });
  beforeAll(async () => {
    made = await makeTestHost({ image: await sharedLabImage() });
  });
  const started: Running[] = [];
  afterEach(async () => {
    // Those that a failed test has left running.
    for (const { child, ended } of started.splice(0)) {
      child.kill("SIGKILL");
      await ended.catch(() => undefined);
    }
  });
  afterAll(async () => {
    if (made === undefined) return;
    try {
      // They end right after what they watch.
      await vi.waitFor(() => expect(monitors()).toEqual([]));
      const { code, stderr } = await made.host.mdocker(["gc", "--networks"]);
      if (code !== 0) throw new Error(`mdocker gc --networks: ${stderr}`);
      await expectNothingLeft(made.host.fresh, "gone");
    } finally {
      await made.close();
    }
  });
  return {
    host,
    monitors,
    run: async (name, flags = [], command = ["/bin/sh", "-c", "echo ready; exec sleep 1000"]) => {
      const network = flags.includes("--network") ? [] : ["--network", "none"];
      const running = host().start(["run", "--name", name, ...network, ...flags, ...command]);
      started.push(running);
      await running.says(/ready/);
      return running;
    },
    end: async (name, running) => {
      await host().mdocker(["kill", name]);
      await running.ended;
    },
    exec: (words, input) => host().mdocker(["exec", ...words], { input }),
    inspect: async (name) => {
      const [record] = JSON.parse((await host().mdocker(["inspect", name])).stdout) as [ContainerRecord];
      return record;
    },
    execs: (id) => {
      const all = join(host().place.state, "containers", id, "exec");
      return list(all).flatMap((exec) => {
        const text = read(join(all, exec, "record.json"));
        return text === undefined ? [] : [JSON.parse(text) as ExecRecord];
      });
    },
  };
}
