import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type TestHost, withTestHost } from "../../harness/host.ts";
import { sharedLabImage } from "../../harness/lab-image.ts";

async function onHost(act: (host: TestHost, folder: string) => Promise<void>): Promise<void> {
  await withTestHost((host) => act(host, String(host.env["HOME"])), { image: await sharedLabImage() });
}

test("what export writes is imported, plain and gzip, and runs", async () => {
  await onHost(async (host, folder) => {
    const made = await host.mdocker([
      "run",
      "--keep",
      "--name",
      "one",
      "/bin/sh",
      "-c",
      "echo mine > /root/own",
    ]);
    expect(made.code).toBe(0);
    const tar = join(folder, "one.tar");
    await host.hostRun(["sh", "-c", `$MDOCKER export one -o ${tar} && gzip -k ${tar}`]);
    const changes = [
      "-c",
      'CMD ["/bin/cat", "/root/own"]',
      "-c",
      "ENV GREETING=hello",
      "-c",
      "WORKDIR /root",
      "-c",
      "EXPOSE 80 53/udp",
    ];
    for (const file of [tar, `${tar}.gz`]) {
      const { code, stdout, stderr } = await host.mdocker(["image", "import", ...changes, file, "copy"]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout).toMatch(/^sha256:[0-9a-f]{64}\n$/);
      expect((await host.mdocker(["run", "copy"])).stdout).toBe("mine\n");
      const asked = ["run", "copy", "/bin/sh", "-c", "echo $GREETING; pwd"];
      expect((await host.mdocker(asked)).stdout).toBe("hello\n/root\n");
      const { stdout: plan } = await host.mdocker(["run", "-P", "--explain", "copy"]);
      expect(plan.match(/bind\(socket, .*\)/g)).toEqual(
        ["80/tcp", "53/udp"].map((port) => `bind(socket, 127.0.0.1:0/${port.slice(-3)})`),
      );
      expect((await host.mdocker(["image", "rm", "copy"])).code).toBe(0);
    }
    expect((await host.mdocker(["rm", "one"])).code).toBe(0);
  });
});

test("what is no root filesystem leaves nothing", async () => {
  await onHost(async (host, folder) => {
    const before = await host.hostRun(["sh", "-c", "ls -a $MDOCKER_ROOT/layers"]);
    const [text, empty] = [join(folder, "text"), join(folder, "empty")];
    writeFileSync(text, "this is no archive\n".repeat(100));
    writeFileSync(empty, "");
    for (const [args, line] of [
      [[text, "bad"], /^mdocker: [^\n]+\n$/],
      [[empty, "bad"], /the archive is empty/],
      [[join(folder, "missing"), "bad"], /cannot be read/],
      [["-c", "RUN true", text, "bad"], /expected CMD, ENTRYPOINT, ENV, EXPOSE, WORKDIR or USER/],
    ] as const) {
      const { code, stdout, stderr } = await host.mdocker(["image", "import", ...args]);
      expect(code).not.toBe(0);
      expect(stdout).toBe("");
      expect(stderr).toMatch(line);
    }
    expect(await host.hostRun(["sh", "-c", "ls -a $MDOCKER_ROOT/layers"])).toBe(before);
  });
});
