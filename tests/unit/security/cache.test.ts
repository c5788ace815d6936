import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { UsageError } from "../../../src/core/errors.ts";
import { seccompFilter } from "../../../src/security/seccomp/cache.ts";
import type { ProfileSource } from "../../../src/security/seccomp/source.ts";
import { decision, nativeArch } from "./bpf-machine.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "mdocker-cache-"));
});
afterEach(() => rmSync(root, { recursive: true }));

const files = (): string[] => readdirSync(join(root, "cache/seccomp")).sort();
const only = (): string => join(root, "cache/seccomp", files()[0] ?? expect.fail("nothing cached"));
const filter = (source: ProfileSource, caps: readonly string[] = []) => seccompFilter({ root }, source, caps);
const getpid = process.arch === "arm64" ? 172 : 39;
const inline = (action: string): ProfileSource => ({
  kind: "inline",
  text: JSON.stringify({ defaultAction: action, syscalls: [] }),
});

describe("the cache of compiled filters", () => {
  test("answers the second time what was compiled the first time, and writes nothing", () => {
    const first = filter({ kind: "default" });
    const [name, before] = [only(), statSync(only(), { bigint: true })];
    const second = filter({ kind: "default" });
    expect(Buffer.from(second.program)).toEqual(Buffer.from(first.program));
    expect(only()).toBe(name);
    expect(statSync(name, { bigint: true }).mtimeNs).toBe(before.mtimeNs);
    expect(before.mode & 0o777n).toBe(0o600n);
  });

  test("is really what answers", () => {
    filter({ kind: "default" });
    const bytes = readFileSync(only());
    bytes.writeUInt32LE(0x12345678, bytes.length - 4);
    writeFileSync(only(), bytes);
    const { program } = filter({ kind: "default" });
    expect(Buffer.from(program).readUInt32LE(program.length - 4)).toBe(0x12345678);
  });

  test("keeps containers with other capabilities, and other profiles, apart", () => {
    const sources = [inline("SCMP_ACT_ALLOW"), inline("SCMP_ACT_LOG")];
    expect(
      sources.map((source) => decision(filter(source).program, { arch: nativeArch, nr: getpid })),
    ).toEqual(["allow", "log"]);
    filter({ kind: "default" }, ["CAP_SYS_ADMIN"]);
    filter({ kind: "default" }, ["CAP_CHOWN"]);
    expect(files()).toHaveLength(4);
  });

  test("does not take one profile for another whose digest is the same", () => {
    const allowed = inline("SCMP_ACT_ALLOW");
    filter(allowed);
    const stolen = only();
    rmSync(join(root, "cache"), { recursive: true });
    filter(inline("SCMP_ACT_LOG"));
    const other = readFileSync(only());
    filter(allowed);
    writeFileSync(stolen, other);
    expect(decision(filter(allowed).program, { arch: nativeArch, nr: getpid })).toBe("allow");
  });

  test("follows a profile that is edited in place", () => {
    const path = join(root, "mine.json");
    const write = (action: string) => writeFileSync(path, JSON.stringify({ defaultAction: action }));
    const seen = () => decision(filter({ kind: "file", path }).program, { arch: nativeArch, nr: getpid });
    write("SCMP_ACT_ALLOW");
    expect(seen()).toBe("allow");
    write("SCMP_ACT_LOG");
    expect(seen()).toBe("log");
  });

  test.each([0, 10, 400])("compiles again when only %i bytes are left", (length) => {
    const { program } = filter({ kind: "default" });
    truncateSync(only(), length);
    expect(filter({ kind: "default" }).program.length).toBe(program.length);
    expect(statSync(only()).size).toBeGreaterThan(program.length);
  });

  test("repeats what was left out at every start", () => {
    const source: ProfileSource = {
      kind: "inline",
      text: JSON.stringify({
        defaultAction: "SCMP_ACT_ERRNO",
        syscalls: [{ names: ["getpid", "teleport"], action: "SCMP_ACT_ALLOW" }],
      }),
    };
    const first = filter(source);
    expect(first.notes).toEqual([expect.stringContaining("teleport")]);
    expect(filter(source)).toEqual(first);
  });

  test("compiles again for another libseccomp only what the first did not know", () => {
    const source: ProfileSource = {
      kind: "inline",
      text: JSON.stringify({
        defaultAction: "SCMP_ACT_ERRNO",
        syscalls: [{ names: ["getpid", "teleport"], action: "SCMP_ACT_ALLOW" }],
      }),
    };
    const { program } = filter(source);
    const bytes = readFileSync(only());
    const text = bytes.toString("latin1");
    const at = text.indexOf('"library":"/');
    // The same length, another file.
    bytes.write("X", text.indexOf(".so", at) + 1, "latin1");
    bytes.writeUInt32LE(0x12345678, bytes.length - 4);
    writeFileSync(only(), bytes);
    expect(Buffer.from(filter(source).program)).toEqual(Buffer.from(program));
  });

  test("a profile that is not there or not a profile is a usage error and leaves nothing", () => {
    const path = join(root, "none.json");
    expect(() => filter({ kind: "file", path })).toThrow(UsageError);
    expect(() => filter({ kind: "file", path })).toThrow(`seccomp=${path}: no such file: expected a profile`);
    expect(() => filter({ kind: "file", path: root })).toThrow(UsageError);
    writeFileSync(path, "{}");
    expect(() => filter({ kind: "file", path })).toThrow(`seccomp profile ${path}: defaultAction: nothing`);
    expect(readdirSync(root)).toEqual(["none.json"]);
  });
});
