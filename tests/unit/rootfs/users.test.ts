import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { chooseUser, parseGroup, parsePasswd } from "../../../rootfs/users.ts";
import { UsageError } from "../../../src/core/errors.ts";
import "../seed.ts";

const passwd = parsePasswd(`root:x:0:0:root:/root:/bin/bash
# a comment
broken
bad:x:minus:0::/:
student:x:1000:1000:student:/home/student:/bin/bash
1234:x:7:8::/seven:
nohome:x:9:9:::
`);
const groups = parseGroup(`root:x:0:
wheel:x:10:root,student
student:x:1000:
net:x:20:student
55:x:56:
`);

const choose = (spec: string, extra: string[] = []) => chooseUser(passwd, groups, spec, extra);

describe("the user of a container", () => {
  test("lines that are no entries are passed over", () => {
    expect(passwd.map(({ name }) => name)).toEqual(["root", "student", "1234", "nohome"]);
  });

  test.each([
    ["", { uid: 0, gid: 0, additionalGids: [10], home: "/root", name: "root" }],
    ["root", { uid: 0, gid: 0, additionalGids: [10], home: "/root", name: "root" }],
    ["student", { uid: 1000, gid: 1000, additionalGids: [10, 20], home: "/home/student", name: "student" }],
    ["1000", { uid: 1000, gid: 1000, additionalGids: [10, 20], home: "/home/student", name: "student" }],
    ["student:net", { uid: 1000, gid: 20, additionalGids: [], home: "/home/student", name: "student" }],
    ["student:77", { uid: 1000, gid: 77, additionalGids: [], home: "/home/student", name: "student" }],
    [":net", { uid: 0, gid: 20, additionalGids: [], home: "/root", name: "root" }],
    ["4242", { uid: 4242, gid: 0, additionalGids: [], home: "/" }],
    ["4242:4343", { uid: 4242, gid: 4343, additionalGids: [], home: "/" }],
    ["nohome", { uid: 9, gid: 9, additionalGids: [], home: "/", name: "nohome" }],
  ])("%j", (spec, user) => {
    expect(choose(spec)).toEqual(user);
  });

  test("a name made of digits comes before the number", () => {
    expect(choose("1234")).toMatchObject({ uid: 7, gid: 8 });
    expect(choose("0:55")).toMatchObject({ gid: 56 });
  });

  test("--group-add takes names and numbers, once each", () => {
    expect(choose("student", ["99", "net", "net"]).additionalGids).toEqual([10, 20, 99]);
    expect(choose("4242:4343", ["wheel"]).additionalGids).toEqual([10]);
  });

  test.each([
    ["ghost", [], "--user: no user ghost in /etc/passwd of the image"],
    ["root:ghosts", [], "--user: no group ghosts in /etc/group of the image"],
    ["4294967295", [], "--user: 4294967295: expected a uid from 0 to 2147483647"],
    ["-1", [], "--user: -1: expected a uid from 0 to 2147483647"],
    ["root", ["ghosts"], "--group-add: no group ghosts in /etc/group of the image"],
  ])("%j %j is refused", (spec, extra, message) => {
    expect(() => choose(spec, extra)).toThrow(new UsageError(message));
  });

  test("an image without the files has numbers", () => {
    const [none, noGroups] = [parsePasswd(undefined), parseGroup(undefined)];
    expect(chooseUser(none, noGroups, "", [])).toEqual({ uid: 0, gid: 0, additionalGids: [], home: "/" });
    expect(() => chooseUser(none, noGroups, "root", [])).toThrow(UsageError);
  });

  test("whatever the files and the wish say, ids are ids", () => {
    const line = fc.array(
      fc.oneof(fc.constantFrom("root", "0", "1000", "", "-1", "99999999999"), fc.string()),
      {
        maxLength: 8,
      },
    );
    const file = fc.array(line).map((rows) => rows.map((row) => row.join(":")).join("\n"));
    fc.assert(
      fc.property(
        file,
        file,
        fc.oneof(fc.string(), fc.constantFrom("root", "0:0", ":", "a:b")),
        (p, g, spec) => {
          try {
            const user = chooseUser(parsePasswd(p), parseGroup(g), spec, []);
            for (const id of [user.uid, user.gid, ...user.additionalGids]) {
              expect(Number.isInteger(id) && id >= 0 && id <= 0x7fffffff).toBe(true);
            }
          } catch (error) {
            expect(error).toBeInstanceOf(UsageError);
          }
        },
      ),
    );
  });
});
