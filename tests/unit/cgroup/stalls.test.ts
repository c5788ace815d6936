import { expect, test } from "vitest";
import { stallsOf } from "../../../cgroup/stall-watch.ts";
import type { OciResources } from "../../../src/core/oci.ts";

const rate = [{ major: 8, minor: 0, rate: 1 }];

test.each<[string, OciResources, readonly string[]]>([
  ["no limits", {}, []],
  ["what makes nobody wait", { pids: { limit: 2048 }, memory: { limit: -1 }, blockIO: { weight: 10 } }, []],
  ["--memory", { memory: { limit: 4096 } }, ["memory"]],
  ["--memory-high", { unified: { "memory.high": "4096" } }, ["memory"]],
  ["--memory-high max", { unified: { "memory.high": "max" } }, []],
  ["--cpus", { cpu: { quota: 1000, period: 100_000 } }, ["cpu"]],
  ["no quota", { cpu: { quota: -1, shares: 2 } }, []],
  ["a rate", { blockIO: { throttleWriteIOPSDevice: rate, weight: 10 } }, ["io"]],
])("%s: this is watched, and nothing else", (_, resources, watched) => {
  expect(stallsOf(resources)).toEqual(watched);
});
