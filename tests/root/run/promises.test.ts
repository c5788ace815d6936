import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type TestHost, withTestHost } from "../../harness/host.ts";
import { sharedLabImage } from "../../harness/lab-image.ts";

async function onHost(act: (host: TestHost) => Promise<void>): Promise<void> {
  await withTestHost(act, { image: await sharedLabImage() });
}

describe("--cidfile", () => {
  test("gets the id, and is not written over", () =>
    onHost(async (host) => {
      const file = join(host.place.root, "cid");
      const first = await host.mdocker(["run", "--cidfile", file, "/bin/hostname"]);
      expect(first).toMatchObject({ code: 0, stderr: "" });
      const id = readFileSync(file, "utf8");
      expect(id).toMatch(/^[0-9a-f]{64}$/);
      expect(first.stdout.trim()).toBe(id.slice(0, 12));
      const second = await host.mdocker(["run", "--cidfile", file, "/bin/true"]);
      expect(second.code).toBe(1);
      expect(second.stderr).toMatch(
        /^mdocker: --cidfile: \S+ exists already: remove it, or name another file\n$/,
      );
      expect(readFileSync(file, "utf8")).toBe(id);
    }));

  test("does not stay when the start fails", () =>
    onHost(async (host) => {
      const file = join(host.place.root, "cid");
      const { code } = await host.mdocker(["run", "--cidfile", file, "-w", "/etc/passwd", "/bin/true"]);
      expect(code).toBe(2);
      expect(() => readFileSync(file)).toThrow(/ENOENT/);
    }));
});

describe("fixed addresses", () => {
  test("--ip and --mac-address", () =>
    onHost(async (host) => {
      const asked = ["--ip", "10.200.1.77", "--mac-address", "02:42:00:00:00:07"];
      const { code, stdout } = await host.mdocker(["run", ...asked, "/bin/ip", "address", "show", "eth0"]);
      expect(code).toBe(0);
      expect(stdout).toContain("inet 10.200.1.77/24");
      expect(stdout).toContain("link/ether 02:42:00:00:00:07");
    }));

  test.each(["10.9.9.9", "10.200.1.1", "10.200.1.255", "10.200.1"])("--ip %s is refused", (address) =>
    onHost(async (host) => {
      const { code, stderr } = await host.mdocker(["run", "--ip", address, "/bin/true"]);
      expect(code).toBe(1);
      expect(stderr).toMatch(new RegExp(`^mdocker: [^\\n]*${address.replaceAll(".", "\\.")}[^\\n]*\\n$`));
    }),
  );
});

describe("files of the image", () => {
  test("what is mounted over is not copied into the container's layer", () =>
    onHost(async (host) => {
      const { code, stdout } = await host.mdocker(["run", "--keep", "--name", "kept", "/bin/true"]);
      expect([code, stdout]).toEqual([0, ""]);
      const upper = await host.hostRun([
        "sh",
        "-c",
        `find ${host.place.root}/containers/*/upper -mindepth 1`,
      ]);
      expect(upper).toBe("");
      expect((await host.mdocker(["rm", "kept"])).code).toBe(0);
    }));

  test("a root without any of them gets them", () =>
    onHost(async (host) => {
      const rootfs = join(host.place.root, "empty");
      await host.hostRun([
        "sh",
        "-c",
        `mkdir -p ${rootfs}/bin && cp "$(command -v busybox)" ${rootfs}/bin/sh`,
      ]);
      const { code, stdout, stderr } = await host.mdocker([
        "run",
        "--rootfs",
        rootfs,
        "--hostname",
        "small",
        "/bin/sh",
        "-c",
        "cat /etc/hostname; test -f /etc/hosts && test -f /etc/resolv.conf",
      ]);
      expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "small\n", stderr: "" });
      await host.hostRun(["rm", "-r", rootfs]);
    }));

  test("a FIFO in the place of /etc/hosts does not hold the start up", () =>
    onHost(async (host) => {
      const rootfs = join(host.place.root, "fifo");
      const script = `mkdir -p ${rootfs}/bin ${rootfs}/etc && cp "$(command -v busybox)" ${rootfs}/bin/sh && mkfifo ${rootfs}/etc/hosts`;
      await host.hostRun(["sh", "-c", script]);
      const { code } = await host.mdocker(["run", "--rootfs", rootfs, "/bin/sh", "-c", "test -f /etc/hosts"]);
      expect(code).toBe(0);
      await host.hostRun(["rm", "-r", rootfs]);
    }));
});

test("a target inside /proc is refused", () =>
  onHost(async (host) => {
    const file = join(host.place.root, "file");
    writeFileSync(file, "");
    const { code, stderr } = await host.mdocker(["run", "-v", `${file}:/proc/uptime`, "/bin/true"]);
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /^mdocker: bind \S+ on \/proc\/uptime: nothing may be mounted inside \/proc: EPERM[^\n]*\n$/,
    );
    await host.hostRun(["rm", file]);
  }));
