import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { pairsOf } from "../../../src/container/selinux/claim.ts";
import { refuseHostDirectory } from "../../../src/container/selinux/relabel.ts";
import { parseSecurityOptions } from "../../../src/security/options.ts";
import { labelsFor, readContainerContexts, sharedLabel } from "../../../src/security/selinux.ts";
import "../seed.ts";

const contexts = {
  process: "system_u:system_r:container_t:s0",
  mount: "system_u:object_r:container_file_t:s0",
};
const level = () => "c12,c345";
const given = (...options: string[]) =>
  parseSecurityOptions(
    options.map((option) => `label=${option}`),
    () => ({ apparmor: false, selinux: true }),
  ).label;

describe("the labels of a container", () => {
  test("are those of the policy, with a level of its own", () => {
    expect(labelsFor(contexts, given(), level)).toEqual({
      process: "system_u:system_r:container_t:s0:c12,c345",
      mount: "system_u:object_r:container_file_t:s0:c12,c345",
    });
  });

  test("are as asked: files have the user and the level of the processes, and a type of their own", () => {
    const options = given(
      "user:staff_u",
      "role:other_r",
      "type:my_t",
      "level:s0:c1,c2",
      "filetype:my_file_t",
    );
    expect(labelsFor(contexts, options, level)).toEqual({
      process: "staff_u:other_r:my_t:s0:c1,c2",
      mount: "staff_u:object_r:my_file_t:s0:c1,c2",
    });
  });

  test("have no level where the policy has none", () => {
    const bare = { process: "u:r:p_t", mount: "u:object_r:f_t" };
    expect(labelsFor(bare, given("level:s0"), level)).toEqual(bare);
    expect(sharedLabel("u:object_r:f_t")).toBe("u:object_r:f_t");
  });

  test("without categories are every container's", () => {
    expect(sharedLabel("system_u:object_r:container_file_t:s0:c12,c345")).toBe(contexts.mount);
  });

  test("a label that is none is refused, with where it was", () => {
    expect(() => labelsFor({ ...contexts, process: "none" }, given(), level)).toThrow(
      "lxc_contexts: none: expected a context of SELinux",
    );
  });
});

describe("the contexts of a policy", () => {
  const files = (lxc: string | undefined) => (path: string) =>
    path === "/etc/selinux/config" ? "# a comment\nSELINUX=enforcing\nSELINUXTYPE=targeted\n" : lxc;

  test("are in the file of the policy that is in force", () => {
    const text = `process = "a:b:c:s0"\ncontent = "x:y:z:s0"\nfile = "d:e:f:s0"\nro_file="g:h:i:s0"\n`;
    expect(readContainerContexts(files(text))).toEqual({
      process: "a:b:c:s0",
      mount: "d:e:f:s0",
      layers: "g:h:i:s0",
    });
  });

  test("are none where that file or the policy is missing", () => {
    expect(readContainerContexts(files(undefined))).toBeUndefined();
    expect(readContainerContexts(files("process = a:b:c"))).toBeUndefined();
    expect(readContainerContexts(() => undefined)).toBeUndefined();
  });
});

describe("--security-opt label", () => {
  test("adds up, and disable wins", () => {
    expect(given("type:my_t", "level:s0-s0:c0.c5", "disable")).toEqual({
      given: true,
      disabled: true,
      type: "my_t",
      level: "s0-s0:c0.c5",
    });
    expect(given()).toEqual({ given: false, disabled: false });
  });

  test.each(["", "type", "type:", "type:a b", "level:1", "level:s0:x", "colour:red", "enable", 'type:a"b'])(
    "refuses %j",
    (option) => {
      expect(() => given(option)).toThrow(
        /^--security-opt: label=.*: expected label=disable, label=user:USER/,
      );
    },
  );
});

test("two categories are never one, and each container has some to choose from", () => {
  fc.assert(
    fc.property(fc.string(), (id) => {
      for (const pair of pairsOf(id)) {
        const [first = "", second = ""] = pair.split(",").map((name) => Number(name.slice(1)));
        expect(first).toBeLessThan(Number(second));
        expect(second).toBeLessThan(1024);
      }
    }),
  );
  expect(new Set(pairsOf("a")).size).toBeGreaterThan(10);
});

test.each([
  ["/", true],
  ["/etc", true],
  ["/usr/lib/x", true],
  ["/var/lib", true],
  ["/var/lib/data", false],
  ["/srv/data", false],
  ["/home/joe/data", false],
])("to give %s to containers is refused: %s", (path, refused) => {
  const act = () => refuseHostDirectory(path);
  if (refused) expect(act).toThrow(/the host's own/);
  else expect(act).not.toThrow();
});
