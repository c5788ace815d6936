import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MdockerError, SetupError, UsageError } from "../../../src/core/errors.ts";
import { parseSecurityOptions } from "../../../src/security/options.ts";
import "../seed.ts";

const none = () => ({ apparmor: false, selinux: false });
const both = () => ({ apparmor: true, selinux: true });
const parse = (...options: string[]) => parseSecurityOptions(options, none);

describe("--security-opt", () => {
  test("says nothing when nothing was said", () => {
    expect(parse()).toEqual({
      noNewPrivileges: undefined,
      seccomp: undefined,
      systemPathsUnconfined: false,
      label: { given: false, disabled: false },
    });
  });

  test.each([
    ["no-new-privileges", true],
    ["no-new-privileges=true", true],
    ["no-new-privileges:true", true],
    ["no-new-privileges=false", false],
    ["no-new-privileges:false", false],
  ])("%s", (option, expected) => {
    expect(parse(option).noNewPrivileges).toBe(expected);
  });

  test.each([
    ["seccomp=unconfined", { kind: "unconfined" }],
    ["seccomp:unconfined", { kind: "unconfined" }],
    ["seccomp=default", { kind: "default" }],
    ["seccomp=builtin", { kind: "default" }],
    ["seccomp=./my=odd:profile.json", { kind: "file", path: "./my=odd:profile.json" }],
    [
      'seccomp={"defaultAction":\n"SCMP_ACT_ALLOW"}',
      { kind: "inline", text: '{"defaultAction":\n"SCMP_ACT_ALLOW"}' },
    ],
  ])("%s", (option, expected) => {
    expect(parse(option).seccomp).toEqual(expected);
  });

  test("the last of a name wins", () => {
    expect(
      parse("seccomp=unconfined", "no-new-privileges", "seccomp=default", "no-new-privileges=false"),
    ).toEqual({
      noNewPrivileges: false,
      seccomp: { kind: "default" },
      systemPathsUnconfined: false,
      label: { given: false, disabled: false },
    });
  });

  test("systempaths", () => {
    expect(parse("systempaths=unconfined").systemPathsUnconfined).toBe(true);
    expect(() => parse("systempaths=all")).toThrow("expected systempaths=unconfined");
  });

  test("labels: switching off holds everywhere, setting one names what the host lacks", () => {
    expect(parse("apparmor=unconfined", "label=disable", "label:disable")).toEqual({
      ...parse(),
      apparmor: "unconfined",
      label: { given: true, disabled: true },
    });
    // Our own is loaded when it is needed.
    expect(parseSecurityOptions(["apparmor=mdocker-default"], both).apparmor).toBe("mdocker-default");
    expect(() => parse("apparmor=mdocker-default")).toThrow("this host has no AppArmor");
    expect(() => parse("apparmor=docker-default")).toThrow(SetupError);
    expect(() => parse("apparmor=docker-default")).toThrow("this host has no AppArmor");
    expect(() => parse("label=type:svirt_t")).toThrow("this host has no SELinux");
    expect(parseSecurityOptions(["label=type:svirt_t"], both).label).toMatchObject({ type: "svirt_t" });
  });

  test.each([
    ["no-new-privilege", "no-new-privileges"],
    ["seccmp=unconfined", "seccomp"],
    ["seccomp", "seccomp=FILE"],
    ["seccomp=", "seccomp=FILE"],
    ["no-new-privileges=maybe", "no-new-privileges=true or"],
    ["", "one of"],
    ["=", "one of"],
    ["writable-everything", "one of"],
  ])("refuses %j", (option, message) => {
    expect(() => parse(option)).toThrow(UsageError);
    expect(() => parse(option)).toThrow(message);
  });

  test("whatever is given, it is understood or refused in one line", () => {
    const words = fc.constantFrom(
      "no-new-privileges",
      "seccomp",
      "systempaths",
      "label",
      "apparmor",
      "=",
      ":",
      "{",
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(words).map((parts) => parts.join("")),
        ),
        (option) => {
          try {
            parse(option);
          } catch (error) {
            expect(error).toBeInstanceOf(MdockerError);
            expect(String(error)).toContain("--security-opt");
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});
