import { expect, test } from "vitest";
import { placeOf } from "../../../cgroup/same.ts";
import { hybridHost, unifiedHost } from "./hosts.ts";

const path = "mdocker/abc";

test("v1: the tasks files of the hierarchies that the container has joined, that of its memory first", () => {
  const text =
    "9:name=systemd:/user\n8:pids:/mdocker/abc\n7:blkio:/\n4:memory:/mdocker/abc\n2:cpu,cpuacct:/mdocker/abc\n0::/\n";
  expect(placeOf(hybridHost(), path, text)).toEqual({
    tasks: [
      "/sys/fs/cgroup/memory/mdocker/abc/tasks",
      "/sys/fs/cgroup/pids/mdocker/abc/tasks",
      "/sys/fs/cgroup/cpu,cpuacct/mdocker/abc/tasks",
    ],
    directory: undefined,
  });
});

test("v2: the directory, further down where pid 1 has gone there", () => {
  const host = unifiedHost();
  expect(placeOf(host, path, "0::/mdocker/abc\n")).toEqual({
    tasks: [],
    directory: "/sys/fs/cgroup/mdocker/abc",
  });
  expect(placeOf(host, path, "0::/mdocker/abc/init\n").directory).toBe("/sys/fs/cgroup/mdocker/abc/init");
});

test("seen from a cgroup namespace of our own, the container's path is what counts", () => {
  const { tasks } = placeOf(hybridHost(), path, "4:memory:/../other/mdocker/abc/x\n");
  expect(tasks).toEqual(["/sys/fs/cgroup/memory/mdocker/abc/x/tasks"]);
});

test("a path that only begins like the container's is another's", () => {
  expect(placeOf(hybridHost(), path, "4:memory:/mdocker/abcd\n").tasks).toEqual([]);
});
