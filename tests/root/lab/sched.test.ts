// @vm
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Result } from "../../../src/lab/sched/run.ts";
import { makeTestHost, type TestHost, withTestHost } from "../../harness/host.ts";
import { expectNothingLeft } from "../../harness/snapshot.ts";

/** What a busy machine leaves of an experiment may prove nothing; that it contradicts the kernel it must not. */
const [agrees, unsteady] = [0, 4];

/** No image is needed. */
async function onHost(act: (host: TestHost) => Promise<void>): Promise<void> {
  await withTestHost(async (host) => {
    await act(host);
    await expectNothingLeft(host.fresh, "gone");
  });
}

describe("lab sched", () => {
  test("weights, quota, memory and pids: what the formulas say beside what was measured, and nothing left", async () => {
    await onHost(async (host) => {
      const svg = join(host.place.root, "plots.svg");
      const names = ["weights", "quota", "memory", "pids"];
      const { code, stdout, stderr } = await host.mdocker([
        ...["lab", "sched", "--json", "--duration", "1s", "--svg", svg],
        ...names,
      ]);
      expect(stderr).toBe("");
      const results = JSON.parse(stdout) as Result[];
      const findings = results.flatMap((one) => one.findings);
      const different = findings.filter(({ verdict }) => verdict === "differs");
      expect(different).toEqual([]);
      expect([agrees, unsteady]).toContain(code);
      expect(results.map(({ name }) => name)).toEqual(names);
      // Neither memory nor processes are a matter of time.
      const strict = results.filter(({ name }) => name === "pids").flatMap((one) => one.findings);
      expect(strict.map(({ verdict }) => verdict)).toEqual(["holds", "holds", "holds"]);
      const killed = findings.find(({ what }) => what.startsWith("its exit code"));
      expect(killed).toMatchObject({ measured: 137, verdict: "holds" });
      for (const { plots } of results) expect(plots[0]?.series[0]?.values.length).toBeGreaterThan(3);
      expect(readFileSync(svg, "utf8").match(/<polyline/g)?.length).toBeGreaterThanOrEqual(6);
    });
  });

  test("interrupted, it takes everything back; killed, its containers end by themselves", async () => {
    const { host, close } = await makeTestHost();
    try {
      for (const [signal, code] of [
        ["SIGINT", 130],
        ["SIGKILL", 137],
      ] as const) {
        const running = host.start(["lab", "sched", "weights", "--duration", "60s"]);
        const names = async (): Promise<number> =>
          (await host.mdocker(["ps", "-q"])).stdout.split("\n").filter(Boolean).length;
        await expect.poll(names).toBe(2);
        running.child.kill(signal);
        expect((await running.ended).code).toBe(code);
        await expectNothingLeft(host.fresh, "gone");
      }
    } finally {
      await close();
    }
  });

  test("what makes no sense is refused in one line, before anything is measured", async () => {
    await onHost(async (host) => {
      const cases: [string[], RegExp][] = [
        [["wieghts"], /no experiment "wieghts": did you mean weights\?/],
        [["--duration", "1ms"], /--duration: 1ms: expected 500ms to 60s/],
        [["--cpu", "9999"], /--cpu: 9999: expected one of the CPUs that may be used: 0/],
        [["--svg", "/none/such.svg"], /--svg: \/none\/such.svg: its directory does not exist/],
      ];
      for (const [words, line] of cases) {
        const { code, stdout, stderr } = await host.mdocker(["lab", "sched", ...words]);
        expect(stderr).toMatch(/^mdocker: [^\n]+\n$/);
        expect(stderr).toMatch(line);
        expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      }
      const { stdout } = await host.mdocker(["lab", "sched", "--list"]);
      expect(stdout.match(/^\S+/gm)).toEqual([
        ...["EXPERIMENT", "weights", "nice", "affinity", "cpu-io", "quota", "neighbour", "memory", "pids"],
      ]);
    });
  });
});
