// @vm
import { expect, test } from "vitest";
import { withTestHost } from "../../harness/host.ts";
import { sharedLabImage } from "../../harness/lab-image.ts";

interface Action {
  readonly kind: string;
  readonly text: string;
  readonly by: string;
  readonly ms?: number;
}

/** Calls that every program makes, one of each process, in their order. */
const landmarks = [
  /^clone3\(/,
  /"overlay"/,
  /^pivot_root/,
  /"proc", "\/proc"/,
  /^clone3\(/,
  /^setsid\(\)$/,
  /^execve\("\/bin\/true"/,
];

test("--trace-setup performs what --explain lists, and tells how long each call took", async () => {
  await withTestHost(
    async (host) => {
      const explained = await host.mdocker(["run", "--explain", "--json", "/bin/true"]);
      const planned = JSON.parse(explained.stdout) as Action[];
      const traced = await host.mdocker(["run", "--trace-setup", "--json", "/bin/true"]);
      expect({ code: traced.code, stdout: traced.stdout }).toEqual({ code: 0, stdout: "" });
      const done = JSON.parse(traced.stderr) as Action[];
      const calls = done.filter(({ kind }) => kind === "syscall");
      let from = 0;
      for (const landmark of landmarks) {
        const at = calls.findIndex(({ text }, index) => index >= from && landmark.test(text));
        expect(at, `${landmark} after call ${from}`).toBeGreaterThanOrEqual(0);
        from = at + 1;
      }
      const untimed = calls.filter(({ ms }) => ms === undefined).map(({ text }) => text);
      expect(untimed).toEqual([expect.stringMatching(/^execve/)]);
      // The ids differ; what differs besides are only the steps that were passed over.
      const shape = ({ text }: Action): string => text.replace(/[0-9a-f]{12,64}/g, "ID").replace(/\d+/g, "N");
      const plannedShapes = new Set(planned.map(shape));
      expect(calls.map(shape).filter((text) => !plannedShapes.has(text))).toEqual([]);
      for (const kind of ["file", "cgroup", "netlink", "iptables", "sysctl", "process"]) {
        expect(
          done.some((action) => action.kind === kind && action.ms !== undefined),
          kind,
        ).toBe(true);
      }
    },
    { image: await sharedLabImage() },
  );
});
