import { closeSync, openSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, vi } from "vitest";
import type { FaultId } from "../../../../net/why/faults.ts";
import { explainWhy, type WhyAnswer } from "../../../../src/container/why/why.ts";
import { home } from "../../../../src/core/home.ts";
import { cloneFlags, setns } from "../../../../src/sys/namespaces.ts";
import { makeTestHost, type TestHost } from "../../../harness/host.ts";
import { sharedLabImage } from "../../../harness/lab-image.ts";
import { expectNothingLeft } from "../../../harness/snapshot.ts";
import { endSupervisor } from "../../../harness/supervisor.ts";

/** One topology for many faults: a host with its containers, in whose place mdocker's own code looks around. */
export interface WhySite {
  readonly host: () => TestHost;
  /** Shell lines on the host; `mdocker` is this one. */
  readonly sh: (...lines: readonly string[]) => Promise<string>;
  readonly why: (from: string, to: string) => Promise<WhyAnswer>;
  /** A fault is made, named as the first that fails, mended by the very commands that were printed, and gone. */
  readonly fault: (
    fault: FaultId,
    path: readonly [from: string, to: string],
    inject: readonly string[],
  ) => Promise<WhyAnswer>;
}

/**
 * Makes the host and runs `setUp` on it before the tests of the calling file.
 * @param quiet Without a supervisor from then on.
 */
export function whySite(setUp: (host: TestHost) => Promise<void>, quiet = true): WhySite {
  let made: { host: TestHost; close: () => Promise<void> } | undefined;
  const host = (): TestHost => {
    if (made === undefined) throw new Error("the host is there from beforeAll on");
    return made.host;
  };
  beforeAll(async () => {
    made = await makeTestHost({ image: await sharedLabImage() });
    await setUp(made.host);
    // It would mend what is broken on purpose. Containers live on without it.
    if (quiet) await endSupervisor(made.host.place, "SIGKILL");
  });
  afterAll(async () => {
    if (made === undefined) return;
    try {
      const { place, fresh } = made.host;
      await endSupervisor(place);
      await made.host.hostRun(["sh", "-c", "for c in $($MDOCKER ps -aq); do $MDOCKER rm -f $c; done"]);
      await endSupervisor(place);
      // One that was killed has left it.
      rmSync(join(place.state, "mdocker.sock"), { force: true });
      await made.host.mdocker(["gc", "--networks"]);
      await expectNothingLeft(fresh, "gone");
    } finally {
      await made.close();
    }
  });
  const sh = (...lines: readonly string[]): Promise<string> => {
    const { env, hostRun } = host();
    const path = `${join(home, "bin")}:${env["PATH"]}:/usr/sbin:/sbin`;
    return hostRun(["sh", "-ec", lines.join("\n")], { env: { PATH: path } });
  };
  const why = async (from: string, to: string): Promise<WhyAnswer> => {
    const { pid, place } = host();
    const back = openSync("/proc/thread-self/ns/net", "r");
    const there = openSync(`/proc/${pid}/ns/net`, "r");
    try {
      setns(there, cloneFlags.network);
      return await explainWhy(place, from, to);
    } finally {
      setns(back, cloneFlags.network);
      closeSync(there);
      closeSync(back);
    }
  };
  return {
    host,
    sh,
    why,
    fault: async (fault, [from, to], inject) => {
      await sh(...inject);
      const answer = await why(from, to);
      expect({ fault: answer.cause?.fault, seen: answer.cause?.seen }).toEqual({
        fault,
        seen: expect.stringMatching(/./),
      });
      expect(answer.verdict).not.toBe("reachable");
      await sh(...(answer.cause?.mend ?? ["false: nothing was printed that mends it"]));
      // What was started or set up just now may take a moment to answer.
      await vi.waitFor(
        async () => {
          const { verdict, cause, remarks, probe } = await why(from, to);
          expect({ verdict, cause, remarks, probe }).toMatchObject({
            verdict: "reachable",
            cause: undefined,
          });
        },
        { timeout: 20_000, interval: 50 },
      );
      return answer;
    },
  };
}

/** A container in the background; its pid, address, and the name of its cable's host end. */
export interface Peer {
  readonly name: string;
  readonly pid: number;
  readonly address: string;
  readonly mac: string;
  readonly hostName: string;
}

/** Starts a container that sleeps, or runs `command`. */
export async function startPeer(
  host: TestHost,
  name: string,
  flags: readonly string[] = [],
  command: readonly string[] = ["/bin/sleep", "100000"],
): Promise<Peer> {
  const { code, stderr } = await host.mdocker(["run", "-d", "--name", name, ...flags, ...command]);
  if (code !== 0) throw new Error(`run ${name}: ${stderr}`);
  return findPeer(host, name);
}

/** The same of one that runs. */
export async function findPeer(host: TestHost, name: string): Promise<Peer> {
  const { stdout } = await host.mdocker(["inspect", name]);
  const [{ init, endpoints }] = JSON.parse(stdout) as [
    { init: { pid: number }; endpoints: { address: string; mac: string; hostName: string }[] },
  ];
  const [{ address = "", mac = "", hostName = "" } = {}] = endpoints;
  return { name, pid: init.pid, address, mac, hostName };
}
