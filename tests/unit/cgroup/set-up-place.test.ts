import { expect, test } from "vitest";
import { setUpPlace } from "../../../cgroup/set-up-place.ts";
import { hybridHost, unifiedHost } from "./hosts.ts";

const path = "mdocker/abc";

test("v1: out to our own memory cgroup, whatever others we are in, and back", () => {
  const text = "8:pids:/other\n4:memory:/user.slice\n0::/\n";
  expect(setUpPlace(hybridHost(), path, text)).toEqual({
    outside: "/sys/fs/cgroup/memory/user.slice/tasks",
    own: "/sys/fs/cgroup/memory/mdocker/abc/tasks",
  });
});

test("v2: the one cgroup that we are in", () => {
  expect(setUpPlace(unifiedHost(), path, "0::/user.slice/shell\n")).toEqual({
    outside: "/sys/fs/cgroup/user.slice/shell/cgroup.procs",
    own: "/sys/fs/cgroup/mdocker/abc/cgroup.procs",
  });
});

test("none where our own cgroup is not in sight", () => {
  expect(setUpPlace(unifiedHost(), path, "0::/../shell\n")).toBeUndefined();
  expect(setUpPlace(hybridHost(), path, "8:pids:/other\n0::/\n")).toBeUndefined();
});
