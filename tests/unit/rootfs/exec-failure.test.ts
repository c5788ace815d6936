import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { explainExec } from "../../../rootfs/exec-failure.ts";
import { makeElf } from "./make-elf.ts";

let root = "";
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "mdocker-exec-")));
  mkdirSync(join(root, "bin"));
});
afterEach(() => rmSync(root, { recursive: true }));

function put(path: string, content: string | Uint8Array, mode = 0o755): void {
  writeFileSync(join(root, path), content);
  chmodSync(join(root, path), mode);
}

const why = (path: string) => explainExec([root], path, "x64");
const loader = "/lib64/ld-linux-x86-64.so.2";

describe("why a program cannot be executed", () => {
  test("it is not there, also behind a link that leads out of the root", () => {
    symlinkSync("/bin/sh", join(root, "bin/out"));
    expect(why("/bin/missing")).toBe("no such file in the container");
    expect(why("/bin/out")).toBe("no such file in the container");
  });

  test("it is a directory, below a file, or a loop", () => {
    put("bin/file", "");
    symlinkSync("loop", join(root, "bin/loop"));
    expect(why("/bin")).toBe("is a directory");
    expect(why("/bin/file/x")).toBe("a part of the path is not a directory in the container");
    expect(why("/bin/loop")).toBe("too many symbolic links in the container");
  });

  test("nobody may execute it, or it is no program", () => {
    put("bin/data", makeElf(), 0o644);
    put("bin/text", "echo hi\n");
    put("bin/empty", "");
    expect(why("/bin/data")).toBe("not executable");
    expect(why("/bin/text")).toBe("not executable: neither an ELF program nor a script that begins with #!");
    expect(why("/bin/empty")).toBe("not executable: neither an ELF program nor a script that begins with #!");
  });

  test("its loader is missing", () => {
    put("bin/tool", makeElf({ interpreter: loader }));
    expect(why("/bin/tool")).toBe(`its interpreter ${loader} is missing in the container`);
    mkdirSync(join(root, "lib64"));
    put(loader, makeElf());
    expect(why("/bin/tool")).toBeUndefined();
  });

  test("the interpreter of a script is missing", () => {
    put("bin/script", "#! /usr/bin/python3 -u\n");
    expect(why("/bin/script")).toBe("its interpreter /usr/bin/python3 is missing in the container");
  });

  test("it is made for another machine", () => {
    put("bin/arm", makeElf({ machine: 183 }));
    expect(why("/bin/arm")).toBe("wrong architecture: made for aarch64, this machine is x86_64");
  });

  test("nothing speaks against a static program", () => {
    put("bin/static", makeElf());
    expect(why("/bin/static")).toBeUndefined();
  });
});
