import { describe, expect, test } from "vitest";
import { findDelegation } from "../../../cgroup/delegated.ts";
import { relayTarget } from "../../../src/container/relays.ts";
import { rangesOf } from "../../../src/core/id-ranges.ts";
import { findInstance } from "../../../src/core/paths.ts";
import { mapArguments } from "../../../src/rootless/ids.ts";
import { waysOut } from "../../../src/rootless/outside.ts";

describe("subordinate ids", () => {
  const text =
    "# a comment\nalice:100000:65536\n1000:200000:10\nbob:300000:65536\nalice:x:1\nalice:1\n\nalice:5:0\n";

  test("a user's ranges are found by name and by number; what is no range is passed over", () => {
    expect(rangesOf(text, "alice", 1000)).toEqual([
      { first: 100000, count: 65536 },
      { first: 200000, count: 10 },
    ]);
    expect(rangesOf(text, undefined, 7)).toEqual([]);
  });

  test("the user is root, the ranges follow without a gap", () => {
    const ranges = [
      { first: 100000, count: 65536 },
      { first: 200000, count: 10 },
    ];
    const expected = [0, 1000, 1, 1, 100000, 65536, 65537, 200000, 10].map(String);
    expect(mapArguments(1000, ranges)).toEqual(expected);
    expect(mapArguments(1000, [])).toEqual(["0", "1000", "1"]);
  });
});

describe("where a user's things are", () => {
  const user = { MDOCKER_ROOTLESS: "1000" };

  test("below the XDG directories", () => {
    const env = { ...user, XDG_DATA_HOME: "/d/", XDG_RUNTIME_DIR: "/run/user/1000", HOME: "/home/u" };
    expect(findInstance({}, env)).toMatchObject({ root: "/d/mdocker", state: "/run/user/1000/mdocker" });
  });

  test("else below the home directory and /tmp", () => {
    const env = { ...user, HOME: "/home/u", XDG_DATA_HOME: "relative" };
    expect(findInstance({}, env)).toMatchObject({
      root: "/home/u/.local/share/mdocker",
      state: "/tmp/mdocker-1000",
    });
    expect(() => findInstance({}, user)).toThrow(/^HOME: expected an absolute path/);
  });

  test("flags and variables come first, and root has the host's", () => {
    expect(findInstance({ root: "/r" }, user)).toMatchObject({ root: "/r", state: "/r/run" });
    expect(findInstance({}, {})).toMatchObject({ root: "/var/lib/mdocker", state: "/run/mdocker" });
  });
});

describe("the part of the cgroup tree that is the user's", () => {
  const mount = (type: string, at: string, options: string): string =>
    `30 20 0:26 / ${at} rw shared:4 - ${type} cgroup rw${options}`;
  const v2 = mount("cgroup2", "/sys/fs/cgroup", "");
  const own = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/term.scope\n";
  const root = "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service";
  const systemd = {
    mountinfo: v2,
    cgroup: own,
    isWritable: (path: string): boolean => path.includes("user@1000.service"),
    exists: (path: string): boolean => path === `${root}/init.scope`,
    uid: 1000,
  };

  test("is the highest that belongs to the user", () => {
    const host = { ...systemd, exists: () => false };
    expect(findDelegation(host)).toEqual({ root, managed: false, outside: false });
  });

  test("is the user's systemd's where there is one, whose scopes containers are in", () => {
    expect(findDelegation(systemd)).toEqual({ root, managed: true, outside: false });
    // A login by ssh is beside it.
    const session = { ...systemd, cgroup: "0::/user.slice/user-1000.slice/session-3.scope\n" };
    expect(findDelegation(session)).toEqual({ root, managed: true, outside: true });
    expect(findDelegation({ ...session, uid: 1001 })).toMatchObject({ absent: expect.any(String) });
    // A part that was given to the user by somebody else, above it.
    const above = { ...systemd, isWritable: (path: string) => path.includes("user.slice") };
    expect(findDelegation(above)).toMatchObject({ root: "/sys/fs/cgroup/user.slice", managed: false });
  });

  test("is none, with the reason, where nothing does and on cgroup v1", () => {
    const none = { ...systemd, isWritable: () => false };
    expect(findDelegation(none)).toMatchObject({ absent: expect.stringContaining("not by su") });
    const legacy = { ...none, mountinfo: `${v2}\n${mount("cgroup", "/sys/fs/cgroup/memory", ",memory")}` };
    expect(findDelegation(legacy)).toMatchObject({ absent: expect.stringContaining("cgroup v1") });
    expect(findDelegation({ ...none, mountinfo: "" })).toMatchObject({ absent: expect.any(String) });
  });
});

describe("a published port", () => {
  const port = { protocol: "tcp", hostPort: 8080, containerPort: 80 } as const;
  const addresses = { address: "10.200.1.2", address6: "fd00::2" };

  test.each([
    ["127.0.0.1", { address: "127.0.0.1", port: 8080 }],
    ["0.0.0.0", { address: "127.0.0.1", port: 8080 }],
    ["192.0.2.7", { address: "10.200.1.2", port: 80 }],
    ["::", { address: "fd00::2", port: 80 }],
  ])("of %s", (hostAddress, target) => {
    expect(relayTarget({ ...addresses, port: { ...port, hostAddress } })).toEqual(target);
  });
});

test("the way to the outside can be chosen, and left out", () => {
  expect(waysOut({ PATH: "/nowhere", MDOCKER_OUTSIDE: "none" })).toEqual([]);
});
