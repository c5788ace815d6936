import { describe, expect, test } from "vitest";
import type { PerformedAction } from "../../../src/core/explain.ts";
import { home } from "../../../src/core/home.ts";
import { runCommand } from "../../harness/command.ts";
import { type TestHost, withTestHost } from "../../harness/host.ts";
import { startIdle } from "../../harness/idle.ts";
import { sharedLabImage } from "../../harness/lab-image.ts";
import { changes, expectNothingLeft, takeSnapshot } from "../../harness/snapshot.ts";

type Actions = readonly PerformedAction[];

/** Runs `act` on a throw-away host with the default image. */
async function onHost(act: (host: TestHost) => Promise<void>, script?: string): Promise<void> {
  await withTestHost(act, { image: await sharedLabImage(), script });
}

async function explain(host: TestHost, args: readonly string[]): Promise<Actions> {
  const { code, stdout, stderr } = await host.mdocker(["run", "--explain", "--json", ...args]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout) as Actions;
}

/** What the start of a container that says nothing on stderr itself consisted of. */
async function trace(host: TestHost, args: readonly string[]): Promise<Actions> {
  const { code, stderr } = await host.mdocker(["run", "--trace-setup", "--json", ...args]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/^\[[\s\S]*\]\n$/) });
  return JSON.parse(stderr) as Actions;
}

/** Without what differs from start to start: ids, in full and in part. */
function shape({ kind, by, text, reason }: PerformedAction): string {
  const plain = text
    .replaceAll(/\b[0-9a-f]{64}\b/g, "ID")
    .replaceAll(/\b[0-9a-f]{12}\b/g, "ID")
    .replaceAll(/\b(\w+v)[0-9a-f]{8}(\d)\b/g, "$1ID$2")
    .replaceAll(/\b(fd|pid|processes)[/ ]\d+/g, "$1 N");
  return `${by} ${kind} ${plain} # ${reason}`;
}

const ofParent = (actions: Actions): string[] => actions.filter(({ by }) => by === "parent").map(shape);
const ofOthers = (actions: Actions): string[] =>
  actions.filter(({ by }) => by !== "parent" && by !== "monitor").map(shape);

/** Fails unless `some` are all of `all`, in order, but for a few that were passed over. */
function expectInOrder(some: readonly string[], all: readonly string[]): void {
  let at = 0;
  for (const line of some) {
    const found = all.indexOf(line, at);
    expect(found, `${line}: not planned, or planned earlier`).toBeGreaterThanOrEqual(0);
    at = found + 1;
  }
}

const limited = ["-m", "64m", "--cpus", "0.5", "--pids-limit", "50", "--hostname", "web"];

describe("what --explain lists is what --trace-setup does, in the same order", () => {
  test("on a host without the network, and on one that has it", async () => {
    await onHost(async (host) => {
      for (const network of ["new", "up"]) {
        const planned = await explain(host, [...limited, "/bin/true"]);
        const done = await trace(host, [...limited, "/bin/true"]);
        expect(ofParent(done), network).toEqual(
          // The address of the first run is not handed out again at once.
          ofParent(planned),
        );
        expectInOrder(ofOthers(done), ofOthers(planned));
        const makes = ({ text }: PerformedAction): boolean => /bridge |iptables|ip_forward/.test(text);
        expect(planned.some(makes)).toBe(network === "new");
        const mentioned = planned.filter(({ text }) => text === `RTM_GETLINK ${host.place.prefix}0`);
        expect(mentioned.map(({ reason }) => reason)).toEqual([
          network === "new"
            ? "its index, for the messages below"
            : "network bridge is up: nothing of it has to be made",
        ]);
      }
    });
  });

  test.each([
    ["none", ["--net", "none", "--init=false"]],
    ["host", ["--net", "host", "--add-host", "a:192.0.2.9"]],
    ["a fixed address and volumes", ["--ip", "10.200.1.9", "-v", "data:/data", "--tmpfs", "/scratch"]],
    ["another user", ["-u", "1000", "--cap-drop", "ALL", "-w", "/deep/down", "--read-only"]],
  ])("with %s", async (_, flags) => {
    await onHost(async (host) => {
      const readOnly = flags.includes("--read-only")
        ? flags.filter((flag) => !/^-w$|deep/.test(flag))
        : flags;
      const planned = await explain(host, [...readOnly, "/bin/true"]);
      const done = await trace(host, [...readOnly, "/bin/true"]);
      expect(ofParent(done)).toEqual(ofParent(planned));
      expectInOrder(ofOthers(done), ofOthers(planned));
      expect(ofOthers(done).length).toBeGreaterThan(ofOthers(planned).length * 0.8);
    });
  });

  test("--net container:NAME", async () => {
    await onHost(async (host) => {
      const one = await startIdle(host, "one");
      const planned = await explain(host, ["--net", "container:one", "/bin/true"]);
      const done = await trace(host, ["--net", "container:one", "/bin/true"]);
      expect(ofParent(done)).toEqual(ofParent(planned));
      expectInOrder(ofOthers(done), ofOthers(planned));
      expect(planned.some(({ text }) => text.startsWith("setns("))).toBe(true);
      await one.end();
    });
  });
});

describe("--explain", () => {
  test("changes nothing at all", async () => {
    await onHost(async (host) => {
      const look = async (): Promise<string> =>
        (await host.hostRun(["find", host.place.root, host.place.state, "-printf", "%p %T@ %C@ %s\n"])) +
        (await host.hostRun([
          "sh",
          "-c",
          "iptables-nft-save; iptables-legacy-save; ip -o link; ip -4 address; ip route",
        ]));
      // What every command writes: the cache of the default seccomp profile.
      await explain(host, ["/bin/true"]);
      const before = await takeSnapshot(host.place);
      const files = await look();
      await explain(host, [
        ...limited,
        "--name",
        "x",
        "-v",
        "data:/data",
        "-v",
        "/nowhere/at/all:/x",
        "/bin/true",
      ]);
      await explain(host, ["--net", "none", "--cidfile", "/nowhere/id", "/bin/true"]);
      expect(await look()).toBe(files);
      expect(changes(before, await takeSnapshot(host.place))).toEqual([]);
      await expectNothingLeft(host.fresh, "gone");
    });
  });

  test("foresees the address that is free now", async () => {
    await onHost(async (host) => {
      const one = await startIdle(host, "one");
      const planned = await explain(host, ["/bin/true"]);
      expect(planned.filter(({ text }) => text.includes("10.200.1.3")).map(({ text }) => text)).toEqual([
        "lease 10.200.1.3 from bridge",
        "RTM_NEWADDR CREATE|EXCL 10.200.1.3/24 dev eth0",
      ]);
      const taken = await host.mdocker(["run", "--explain", "--ip", one.address, "/bin/true"]);
      expect(taken).toMatchObject({
        code: 1,
        stdout: "",
        stderr: expect.stringContaining("has it on network bridge"),
      });
      await one.end();
    });
  });

  test("is for whoever asks: without root it shows the same", async () => {
    await onHost(async (host) => {
      const nobody = async (): Promise<Actions> => {
        const { stdout, stderr } = await runCommand(
          [
            ...[
              ...host.place.enter,
              "setpriv",
              "--reuid",
              "nobody",
              "--regid",
              "nogroup",
              "--clear-groups",
              "--",
            ],
            ...[`${home}/bin/mdocker`, "run", "--explain", "--json", "--rootfs", "/", "/bin/true"],
          ],
          { env: host.env },
        );
        expect(stderr).toBe("");
        return JSON.parse(stdout) as Actions;
      };
      // Which address is free only root can know.
      const anywhere = (actions: Actions): string[] =>
        actions.map((action) =>
          shape(action).replaceAll(/10\.200\.1\.\d+|02:42:0a:c8:01:[0-9a-f]{2}/g, "ADDRESS"),
        );
      for (const network of ["new", "up"]) {
        const same = await explain(host, ["--rootfs", "/", "/bin/true"]);
        expect(anywhere(await nobody()), network).toEqual(anywhere(same));
        expect(await host.mdocker(["run", "/bin/true"])).toMatchObject({ code: 0, stderr: "" });
      }
    });
  });
});

describe("the JSON of both", () => {
  test("has these fields and no others", async () => {
    await onHost(async (host) => {
      const planned = await explain(host, [...limited, "/bin/true"]);
      for (const action of planned) {
        expect(Object.keys(action)).toEqual(["kind", "by", "text", "reason"]);
        for (const value of Object.values(action)) expect(value).toMatch(/^\S.*\S$/);
      }
      expect(new Set(planned.map(({ by }) => by))).toEqual(
        new Set(["parent", "launcher", "child", "command", "monitor"]),
      );
      const done = await trace(host, [...limited, "/bin/true"]);
      for (const { ms, ...action } of done) {
        expect(Object.keys(action)).toEqual(["kind", "by", "text", "reason"]);
        if (ms !== undefined) expect(ms).toBeGreaterThanOrEqual(0);
      }
      expect(done.filter(({ ms }) => ms === undefined).length).toBeLessThan(done.length / 10);
    });
  });

  test("of a start that fails ends with what failed", async () => {
    await onHost(async (host) => {
      const { code, stderr } = await host.mdocker([
        ...["run", "--trace-setup", "--json", "--net", "none", "/bin/missing"],
      ]);
      expect(code).toBe(127);
      const [, json = "", said] = /^(\[[\s\S]*\]\n)([\s\S]*)$/.exec(stderr) ?? [];
      expect((JSON.parse(json) as Actions).at(-1)?.text).toMatch(/^execve\("\/bin\/missing"/);
      expect(said).toMatch(/^mdocker: exec failed: \/bin\/missing: no such file in the container\n$/);
      await expectNothingLeft(host.fresh, "gone");
    });
  });
});
