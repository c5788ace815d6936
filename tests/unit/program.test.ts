import { describe, expect, test } from "vitest";
import { expectValue } from "../../src/program/calls/check.ts";
import { chdir, close, open } from "../../src/program/calls/file.ts";
import { mount } from "../../src/program/calls/mount.ts";
import { clone, exec } from "../../src/program/calls/process.ts";
import { cell, isData, text, words } from "../../src/program/data.ts";
import { encodeProgram } from "../../src/program/encode.ts";
import { cloneFlagNames, decodeFlags, mountFlags, openFlags } from "../../src/program/flags.ts";
import { flag, layout, messageType, opcode } from "../../src/program/layout.ts";
import { decodeMessage, exitCodeOf, failedStep } from "../../src/program/message.ts";
import { type Program, ProgramBuilder, type ProgramSettings } from "../../src/program/step.ts";

const settings: ProgramSettings = {
  init: true,
  hangupKills: true,
  controlFd: 4,
  syncFd: 5,
  record: { directoryFd: 6, name: "exit", watch: ["/a", "/b"] },
};

/** Reads a program as init.c does, to check the writer against an independent reader. */
function reader(encoded: Uint8Array) {
  const view = new DataView(encoded.buffer, encoded.byteOffset, encoded.byteLength);
  const offset = (address: bigint): number => Number(address) - layout.address;
  return {
    view,
    string(address: bigint): string {
      const begin = offset(address);
      return Buffer.from(encoded.subarray(begin, encoded.indexOf(0, begin))).toString();
    },
    word: (address: bigint, index = 0): bigint => view.getBigUint64(offset(address) + index * 8, true),
    step(index: number) {
      const at = layout.headerSize + index * layout.stepSize;
      return {
        op: view.getUint16(at, true),
        part: view.getUint16(at + 2, true),
        skip: view.getUint16(at + 4, true),
        fromResult: view.getUint16(at + 6, true),
        number: view.getBigInt64(at + 8, true),
        tolerate: [0, 1, 2, 3].map((i) => view.getUint16(at + 16 + i * 2, true)),
        save: view.getBigUint64(at + 24, true),
        argument: (i: number) => view.getBigUint64(at + 32 + i * 8, true),
      };
    },
  };
}

function sample(): Program {
  const builder = new ProgramBuilder();
  builder.add(
    "launch",
    clone({ flags: cloneFlagNames.CLONE_NEWNS, target: "child", cgroupFd: 7, reason: "" }),
  );
  const fd = builder.add(
    "child",
    open("/dev/null", openFlags.O_RDWR, { reason: "", tolerate: ["ENOENT"], skip: 1 }),
  );
  builder.add("child", close(fd, ""));
  builder.add("command", exec("/bin/true", ["true", "x"], ["A=1"], []));
  return builder.build(settings);
}

describe("encoding", () => {
  test("header", () => {
    const encoded = encodeProgram(sample(), "x64");
    const { view, string } = reader(encoded);
    expect(Buffer.from(encoded.subarray(0, 8)).toString()).toBe("DKCODEV1");
    expect(view.getBigUint64(8, true)).toBe(BigInt(encoded.length));
    expect(view.getUint32(16, true)).toBe(flag.init | flag.hangupKills);
    expect([20, 24, 28].map((at) => view.getInt32(at, true))).toEqual([4, 5, 6]);
    expect(string(view.getBigUint64(layout.recordName, true))).toBe("exit");
    expect(string(view.getBigUint64(layout.recordTemporary, true))).toBe("exit.tmp");
    expect(string(view.getBigUint64(layout.watch, true))).toBe("/a");
    expect(string(view.getBigUint64(layout.watch + 8, true))).toBe("/b");
    expect(view.getBigUint64(layout.watch + 16, true)).toBe(0n);
    const parts = [0, 1, 2, 3, 4].map((i) => [
      view.getUint32(80 + i * 8, true),
      view.getUint32(84 + i * 8, true),
    ]);
    expect(parts).toEqual([
      [0, 1],
      [1, 2],
      [3, 1],
      [4, 0],
      [4, 0],
    ]);
  });

  test("a clone carries its part and struct clone_args", () => {
    const { step, word } = reader(encodeProgram(sample(), "x64"));
    const { op, part, number, argument } = step(0);
    expect([op, part, number, argument(1)]).toEqual([opcode.clone, 1, 435n, 88n]);
    expect(word(argument(0))).toBe(
      BigInt(cloneFlagNames.CLONE_NEWNS) | BigInt(cloneFlagNames.CLONE_INTO_CGROUP),
    );
    expect(word(argument(0), 4)).toBe(17n);
    expect(word(argument(0), 10)).toBe(7n);
  });

  test("results, tolerated errnos and skips", () => {
    const { step, string } = reader(encodeProgram(sample(), "x64"));
    const opened = step(1);
    expect([opened.number, opened.skip, opened.tolerate]).toEqual([257n, 1, [2, 0, 0, 0]]);
    expect(BigInt.asIntN(64, opened.argument(0))).toBe(-100n);
    expect(string(opened.argument(1))).toBe("/dev/null");
    const closed = step(2);
    // The argument is the absolute index of the step whose result is meant.
    expect([closed.number, closed.fromResult, closed.argument(0)]).toEqual([3n, 1, 1n]);
  });

  test("argv and envp are NULL-terminated arrays of strings", () => {
    const { step, string, word } = reader(encodeProgram(sample(), "x64"));
    const { argument } = step(3);
    expect(string(argument(0))).toBe("/bin/true");
    expect([string(word(argument(1))), string(word(argument(1), 1)), word(argument(1), 2)]).toEqual([
      "true",
      "x",
      0n,
    ]);
    expect([string(word(argument(2))), word(argument(2), 1)]).toEqual(["A=1", 0n]);
  });

  test("arm64 has numbers of its own", () => {
    const { step } = reader(encodeProgram(sample(), "arm64"));
    expect([step(0).number, step(1).number, step(3).number]).toEqual([435n, 56n, 221n]);
  });

  test("checks and saved results share a cell", () => {
    const builder = new ProgramBuilder();
    const place = cell(16);
    builder.add("child", { ...chdir("/", ""), save: { into: place, offset: 4 } });
    builder.add(
      "child",
      expectValue({ data: place, width: 4, value: 1n, errno: "EPERM", text: "", reason: "", label: "" }),
    );
    const { step } = reader(encodeProgram(builder.build(settings), "x64"));
    expect(step(0).save).toBe(step(1).argument(0) + 4n);
    expect([step(1).op, step(1).argument(1), step(1).argument(3), step(1).argument(4)]).toEqual([
      opcode.check,
      4n,
      1n,
      1n,
    ]);
  });

  test("every pointer lies inside the program", () => {
    const encoded = encodeProgram(sample(), "x64");
    const { step } = reader(encoded);
    const inside = (address: bigint): boolean =>
      Number(address) >= layout.address && Number(address) < layout.address + encoded.length;
    expect([step(0).argument(0), step(1).argument(1), step(3).argument(2)].every(inside)).toBe(true);
  });

  test("what cannot be encoded is refused", () => {
    const builder = new ProgramBuilder();
    const fd = builder.add("child", open("/", 0, { reason: "" }));
    const nested = words([fd]);
    builder.add("child", {
      kind: "syscall",
      call: "write",
      args: [nested],
      text: () => "",
      reason: "",
      label: "",
    });
    expect(() => encodeProgram(builder.build(settings))).toThrow(/result cannot stand inside data/);
    expect(() => text("a\0b")).toThrow(/NUL/);
    const many = new ProgramBuilder();
    many.add("child", { ...chdir("/", ""), tolerate: ["EIO", "EPERM", "ENOENT", "EBUSY", "EINVAL"] });
    expect(() => encodeProgram(many.build(settings))).toThrow(/too many/);
    expect(isData(text("x"))).toBe(true);
  });
});

describe("messages", () => {
  function message(type: number, part: number, step: number, error: number, value: bigint): Uint8Array {
    const buffer = Buffer.alloc(layout.messageSize);
    buffer.writeUInt32LE(type, 0);
    buffer.writeUInt32LE(part, 4);
    buffer.writeUInt32LE(step, 8);
    buffer.writeInt32LE(error, 12);
    buffer.writeBigInt64LE(value, 16);
    return buffer;
  }

  test("each kind", () => {
    expect(decodeMessage(message(messageType.cloned, 0, 0, 0, 42n))).toEqual({ kind: "cloned", pid: 42 });
    expect(decodeMessage(message(messageType.exited, 0, 0, 0, 256n))).toEqual({
      kind: "exited",
      status: 256,
    });
    const failure = decodeMessage(message(messageType.failed, 2, 3, 2, 0n));
    expect(failure).toEqual({ kind: "failed", part: "command", step: 3, errno: "ENOENT" });
    if (failure.kind === "failed") expect(failedStep(sample(), failure)?.label).toBe("exec /bin/true");
    expect(() => decodeMessage(message(9, 0, 0, 0, 0n))).toThrow(/unknown type 9/);
    expect(() => decodeMessage(message(messageType.failed, 9, 0, 0, 0n))).toThrow(/unknown/);
  });

  test("wait status to exit code", () => {
    expect([0, 7 << 8, 9, 15 | 0x80].map(exitCodeOf)).toEqual([0, 7, 137, 143]);
  });
});

describe("explanations", () => {
  test("flags read as in the man pages", () => {
    expect(decodeFlags(mountFlags.MS_NOSUID | mountFlags.MS_NODEV, mountFlags)).toBe("MS_NOSUID|MS_NODEV");
    expect(decodeFlags(0, mountFlags)).toBe("0");
    expect(decodeFlags(0x40000001, mountFlags)).toBe("MS_RDONLY|0x40000000");
  });

  test("a mount shows all it does", () => {
    const step = mount({ source: "proc", target: "/proc", type: "proc", flags: 14, reason: "why" });
    expect(step.text()).toBe('mount("proc", "/proc", "proc", MS_NOSUID|MS_NODEV|MS_NOEXEC, "")');
    expect([step.reason, step.label]).toEqual(["why", "mount proc on /proc"]);
  });
});
