import { existsSync, mkdirSync, readdirSync, watch, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { TestHost } from "../harness/host.ts";
import { withTestHost } from "../harness/host.ts";

/** `mdocker image ...`, which must succeed; its stdout. */
async function image(host: TestHost, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await host.mdocker(["image", ...args]);
  expect([args, code, stderr]).toEqual([args, 0, ""]);
  return stdout;
}

const layers = (host: TestHost) => readdirSync(join(host.place.root, "layers"));

/** Resolves with the name of the first entry that appears in `folder`. */
function firstEntry(folder: string): Promise<string> {
  return new Promise((resolve) => {
    const watcher = watch(folder, (_, name) => {
      watcher.close();
      resolve(String(name));
    });
  });
}

describe("mdocker image", () => {
  test("makes, lists, names, shows and removes the default image", async () => {
    await withTestHost(async (host) => {
      expect(await image(host, "ls")).toBe("REPOSITORY   TAG   IMAGE ID   CREATED   SIZE\n");
      const created = /^lab: sha256:([0-9a-f]{64}) \((\d+(?:\.\d+)?MiB)\)\n$/.exec(
        await image(host, "create"),
      );
      const [, id = "", size = ""] = created ?? expect.unreachable("image create said something else");
      expect(await image(host, "create")).toBe("lab: up to date\n");
      const [, row] = (await image(host, "ls")).split("\n");
      expect(row).toMatch(new RegExp(`^lab +latest +${id.slice(0, 12)} +.* ago +${size}$`));
      expect(await image(host, "ls", "-q", "--no-trunc")).toBe(`sha256:${id}\n`);
      expect(JSON.parse(await image(host, "inspect", id.slice(0, 8)))).toMatchObject([
        { Id: `sha256:${id}`, RepoTags: ["lab:latest"], Config: { Cmd: ["/bin/bash"], WorkingDir: "/" } },
      ]);
      await image(host, "tag", "lab", "mine:v1");
      expect(await image(host, "rm", "lab")).toBe("Untagged: lab:latest\n");
      expect(layers(host)).toHaveLength(1);
      expect(await image(host, "rm", "mine:v1")).toBe(`Untagged: mine:v1\nDeleted: sha256:${id}\n`);
      expect(layers(host)).toEqual([]);
      expect(readdirSync(join(host.place.root, "blobs/sha256"))).toEqual([]);
    });
  });

  test("takes programs of the user's along", async () => {
    await withTestHost(async (host) => {
      const hello = join(host.place.root, "hello");
      writeFileSync(hello, "#!/bin/sh\necho hello\n", { mode: 0o700 });
      await image(host, "create", "tools", "--program", hello, "--program", "/usr/bin/env");
      expect((await image(host, "ls")).split("\n")[1]).toMatch(/^tools +latest /);
      const [layer = ""] = layers(host);
      const programs = readdirSync(join(host.place.root, "layers", layer, "usr/local/bin"));
      expect(programs.sort()).toEqual(["env", "hello"]);
    });
  });

  test.each([
    [["inspect", "ghost"], "image ghost: no such image"],
    [["rm", "ghost"], "image ghost: no such image"],
    [["tag", "ghost", "x"], "image ghost: no such image"],
    [["create", "UPPER"], 'image "UPPER": name part "UPPER" is malformed'],
    [["create", "--program", "/no/such"], "--program: /no/such: no such file"],
  ])("%j is an error of one line", async (args, message) => {
    await withTestHost(async (host) => {
      const { code, stdout, stderr } = await host.mdocker(["image", ...args]);
      expect([code, stdout]).toEqual([1, ""]);
      expect(stderr).toContain(message);
      expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    });
  });

  test("killed while it makes an image it leaves none, and gc removes the rest", async () => {
    await withTestHost(async (host) => {
      const folder = join(host.place.root, "layers");
      mkdirSync(folder, { mode: 0o700 });
      const appeared = firstEntry(folder);
      const making = host.start(["image", "create"]);
      expect(await appeared).toMatch(/^\.staging-/);
      process.kill(making.pid, "SIGKILL");
      expect((await making.ended).code).toBe(137);
      expect(layers(host)).toHaveLength(1);
      expect(await image(host, "ls", "-q")).toBe("");
      expect((await host.mdocker(["gc"])).code).toBe(0);
      expect(layers(host)).toEqual([]);
      expect(await image(host, "create")).toMatch(/^lab: sha256:/);
      expect(existsSync(join(folder, layers(host)[0] ?? "", "usr/bin/ip"))).toBe(true);
    });
  });

  test("made many times at once it is there once", async () => {
    await withTestHost(async (host) => {
      const results = await Promise.all([1, 2, 3].map(() => host.mdocker(["image", "create"])));
      for (const { code, stdout } of results) {
        expect(code).toBe(0);
        expect(stdout).toMatch(/^lab: (sha256:|up to date)/);
      }
      expect(layers(host)).toHaveLength(1);
      expect((await image(host, "ls", "-q")).trim()).toMatch(/^[0-9a-f]{12}$/);
    });
  });
});
