import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCommand } from "../harness/command.ts";

const scripts = join(import.meta.dirname, "../../scripts/vm");
let place = "";

/** Of the programs of this host all but other engines. */
function programs(): string {
  const folder = join(place, "bin");
  mkdirSync(folder);
  for (const from of ["/usr/bin", "/usr/sbin"]) {
    for (const name of readdirSync(from)) {
      if (name === "linux.uml" || name.startsWith("qemu-")) continue;
      // Both folders have some.
      rmSync(join(folder, name), { force: true });
      symlinkSync(join(from, name), join(folder, name));
    }
  }
  return folder;
}

let env: Record<string, string> = {};

/** The copy of vm-run, which knows a kernel that does not boot, and no other. */
const vmRun = (...args: readonly string[]) =>
  runCommand([join(place, "vm/vm-run"), ...args], { env, deadline: 100_000 });

beforeAll(() => {
  place = mkdtempSync(join(tmpdir(), "mdocker-engine-"));
  cpSync(scripts, join(place, "vm"), { recursive: true });
  mkdirSync(join(place, "cache/uml"), { recursive: true });
  const broken = join(place, "cache/uml/linux");
  writeFileSync(broken, "#!/bin/sh\nexit 1\n");
  chmodSync(broken, 0o755);
  env = { PATH: programs(), HOME: place, VMRUN_CACHE: join(place, "cache") };
});

afterAll(() => rmSync(place, { recursive: true, force: true }));

test("where no engine works, it fails with the reasons", async () => {
  const { code, stdout, stderr } = await vmRun("--", "true");
  expect({ code, stdout }).toEqual({ code: 125, stdout: "" });
  expect(stderr).toMatch(/^vm-run: \S+\/linux does not boot here; qemu-system-x86_64 \(.*\) is missing\n$/);
});

test("a kernel that does not boot is passed over, and named", async () => {
  const known = await runCommand([join(scripts, "vm-run"), "-v", "-e", "uml", "--prepare"]);
  const [, kernel = ""] = /kernel (\S+)/.exec(known.stderr) ?? [];
  rmSync(join(place, "vm/uml"), { recursive: true, force: true });
  mkdirSync(join(place, "vm/uml"));
  symlinkSync(kernel, join(place, "vm/uml/linux"));
  const { code, stdout, stderr } = await vmRun("-e", "uml", "-C", "/", "--", "/bin/echo", "booted");
  expect({ code, stdout }).toEqual({ code: 0, stdout: "booted\n" });
  expect(stderr).toBe(
    `vm-run: ${join(place, "cache/uml/linux")} does not boot here; going on with uml, ${kernel}\n`,
  );
});
