import { createReadStream, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { importImage } from "../../../src/container/import-image.ts";
import { outputOf } from "../../harness/command.ts";
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

test("a bomb, and entries that lead out, are refused, and nothing of them stays", async () => {
  await onHost(async (host, folder) => {
    const before = await host.hostRun(["sh", "-c", "ls -a $MDOCKER_ROOT/layers"]);
    // Each makes the file `bad.tar.gz` in an empty directory; what it would like to reach is `victim` beside it.
    const attacks: readonly (readonly [string, RegExp])[] = [
      ["truncate -s 64M zeros; tar cz zeros > bad.tar.gz", /holds more than 16MiB: give --max-size/],
      [
        "echo x > f; tar czP --transform 's,^f,../victim/f,' f > bad.tar.gz",
        /leads out of the archive's place/,
      ],
      ["echo x > f; ln f g; tar czP --transform 'flags=h;s,^f,../victim/f,' f g > bad.tar.gz", /leads out/],
      [
        "ln -s $PWD/../victim out; mkdir b b/out; echo x > b/out/f; tar cf t out; tar rf t -C b out/f; gzip -c t > bad.tar.gz",
        /out is a link that leads to nothing inside/,
      ],
      ["head -c 100000 /dev/urandom | gzip > bad.tar.gz", /tar/],
    ];
    for (const [line, refusal] of attacks) {
      const made = `cd ${folder}; rm -rf w victim; mkdir w victim; echo kept > victim/file; cd w; ${line}`;
      await host.hostRun(["sh", "-ec", made]);
      const args = ["image", "import", "--max-size", "16m", join(folder, "w/bad.tar.gz"), "bad"];
      const { code, stdout, stderr } = await host.mdocker(args);
      expect({ line, code, stdout, stderr }).toEqual({
        line,
        code: 1,
        stdout: "",
        stderr: expect.stringMatching(refusal),
      });
      expect(stderr.split("\n").length).toBe(2);
      expect(readdirSync(join(folder, "victim"))).toEqual(["file"]);
      // Who unpacks without a look at the names is led out by the same archive.
      if (!/leads out of|nothing inside/.test(stderr) || line.includes("ln f g")) continue;
      await host.hostRun(["sh", "-c", `cd ${folder}/w; rm -rf f out; tar xzPf bad.tar.gz`]);
      expect(readdirSync(join(folder, "victim"))).toEqual(["f", "file"]);
    }
    expect(await host.hostRun(["sh", "-c", "ls -a $MDOCKER_ROOT/layers"])).toBe(before);
  });
});

test("an archive of more entries than any image needs is refused", async () => {
  const folder = mkdtempSync("/var/tmp/mdocker-test-entries-");
  try {
    const tar = join(folder, "many.tar");
    await outputOf(["sh", "-ec", `cd ${folder}; mkdir many; touch many/a many/b many/c; tar cf ${tar} many`]);
    const instance = { root: join(folder, "root"), state: join(folder, "state"), prefix: "entries" };
    const read = (maxEntries: number) =>
      importImage(instance, "many", createReadStream(tar), { changes: [], maxEntries });
    await expect(read(3)).rejects.toThrow("the archive has more than 3 entries: no image needs as many");
    expect(readdirSync(join(folder, "root/layers"))).toEqual([]);
    await read(4);
    expect(readdirSync(join(folder, "root/layers"))).toHaveLength(1);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("links, in the image's own tree, lead nowhere else, whatever comes after them", async () => {
  await onHost(async (host, folder) => {
    // An absolute link and one with `..`, then files through them, and a file in the place of one.
    const make = `cd ${folder}; mkdir -p victim a/etc a/${folder}/victim b/out b/up c
      cp /etc/passwd /etc/group a/etc/; ln -s ${folder}/victim a/out; ln -s ../../../../../../..${folder}/victim a/up
      echo evil > b/out/one; echo evil > b/up/two; echo file > c/out
      tar cf all.tar -C a . ; tar rf all.tar -C b ./out/one ./up/two; tar rf all.tar -C c ./out`;
    await host.hostRun(["sh", "-ec", make]);
    const { code, stderr } = await host.mdocker(["image", "import", join(folder, "all.tar"), "odd"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(readdirSync(join(folder, "victim"))).toEqual([]);
    const found = "find $MDOCKER_ROOT/layers -path '*/victim/*' -type f -o -name out -type f";
    const names = (await host.hostRun(["sh", "-c", found])).trim().split("\n");
    // Below the image's own root.
    expect(new Set(names.map((name) => name.replace(/^.*\/layers\/[^/]+/, "")))).toEqual(
      new Set([`${folder}/victim/one`, `${folder}/victim/two`, "/out"]),
    );
    await host.mdocker(["image", "rm", "odd"]);
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
