import { existsSync, lstatSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { outputOf, startCommand } from "../../harness/command.ts";
import { sharedLabImage } from "../../harness/lab-image.ts";
import { sharedHost } from "../../harness/shared-host.ts";

const { host, folder } = sharedHost();

const sh = (flags: readonly string[], script: string) =>
  host().mdocker(["run", "--net", "none", ...flags, "/bin/sh", "-c", script]);

/** The default image as a directory of this test's own: its names may be changed, its files are the image's. */
async function ownRoot(place: string): Promise<string> {
  const image = await sharedLabImage();
  const [layer = ""] = readdirSync(join(image, "layers"));
  await outputOf(["cp", "-al", join(image, "layers", layer), join(place, "root")]);
  return join(place, "root");
}

/** So many starts at once, and in all. */
const atOnce = 6;
const starts = 1000;

test("a directory and a link that are swapped during 1,000 starts lead no mount out (CVE-2021-30465)", async () => {
  const place = folder();
  const [volume, payload, canary] = ["volume", "payload", "canary"].map((name) => {
    mkdirSync(join(place, name));
    return join(place, name);
  }) as [string, string, string];
  writeFileSync(join(payload, "note"), "payload\n");
  mkdirSync(join(volume, "t"));
  symlinkSync(canary, join(volume, "l"));
  await outputOf(["cc", "-Wall", "-Werror", "-o", join(place, "swap"), join(import.meta.dirname, "swap.c")]);
  const swapper = startCommand([join(place, "swap"), join(volume, "t"), join(volume, "l")], {
    deadline: 300_000,
  });
  try {
    await swapper.says(/swapping/);
    for (let begun = 0; begun < starts; begun += atOnce) {
      const results = await Promise.all(
        Array.from({ length: atOnce }, () =>
          sh(
            ["-v", `${volume}:/v`, "-v", `${payload}:/v/t/sub`],
            // Wherever it is now: on the volume, or where the link leads inside.
            `cat /v/t/sub/note /v/l/sub/note ${canary}/sub/note 2>/dev/null | head -1; ls -A ${canary} 2>/dev/null | grep -v sub; true`,
          ),
        ),
      );
      for (const { code, stdout, stderr } of results) {
        // What was swapped between two of its steps is an error of one line.
        expect({ code, stderr }).toMatchObject(code === 0 ? { code: 0, stderr: "" } : { code: 2 });
        if (code !== 0) expect(stderr.trimEnd().split("\n")).toHaveLength(1);
        expect(["", "payload\n"]).toContain(stdout);
      }
    }
  } finally {
    swapper.child.stdin.end();
    expect((await swapper.ended).code).toBe(0);
  }
  expect(readdirSync(canary)).toEqual([]);
  expect(readdirSync(payload)).toEqual(["note"]);
  expect(await host().hostRun(["sh", "-c", "grep -c payload /proc/self/mountinfo || true"])).toBe("0\n");
  rmSync(place, { recursive: true });
}, 300_000);

test("targets with links and .. stay inside; a source that is a link is what it leads to on the host", async () => {
  const place = folder();
  mkdirSync(join(place, "real"));
  writeFileSync(join(place, "real/note"), "real\n");
  symlinkSync("real", join(place, "link"));
  const root = await ownRoot(place);
  // Of the image: to be followed inside of it, whatever it says.
  symlinkSync(`../../../../../../..${place}/outside`, join(root, "out"));
  mkdirSync(join(place, "outside"));
  mkdirSync(join(root, place, "outside"), { recursive: true });
  const volumes = [
    ...[
      "-v",
      `${place}/link:/a/../../../b`,
      "-v",
      `${place}/link:/out/sub`,
      "-v",
      `${place}/link/../link:/c`,
    ],
  ];
  const script = `cat /b/note /out/sub/note /c/note ${place}/outside/sub/note`;
  const { stdout, stderr, code } = await sh(["--rootfs", root, ...volumes], script);
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "real\n".repeat(4), stderr: "" });
  expect(readdirSync(join(place, "outside"))).toEqual([]);
  rmSync(place, { recursive: true });
});

test.each(["proc", "sys", "dev"])(
  "an image whose /%s is a link outwards is refused, and nothing is done to what it leads to",
  async (name) => {
    const place = folder();
    const root = await ownRoot(place);
    rmSync(join(root, name), { recursive: true, force: true });
    mkdirSync(join(place, "outside"));
    symlinkSync(join(place, "outside"), join(root, name));
    const { code, stderr } = await sh(["--rootfs", root], "true");
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringContaining(`/${name} of the image must be a directory`),
    });
    expect(readdirSync(join(place, "outside"))).toEqual([]);
    rmSync(place, { recursive: true });
  },
);

test("an image whose /etc is a link outwards gets its files inside", async () => {
  const place = folder();
  const root = await ownRoot(place);
  rmSync(join(root, "etc"), { recursive: true, force: true });
  mkdirSync(join(place, "outside"));
  symlinkSync(join(place, "outside"), join(root, "etc"));
  const { code, stdout } = await sh(["--rootfs", root, "--hostname", "box"], "cat /etc/hostname");
  expect([0, 2]).toContain(code);
  if (code === 0) expect(stdout).toBe("box\n");
  expect(readdirSync(join(place, "outside"))).toEqual([]);
  expect(lstatSync(join(root, "etc")).isSymbolicLink()).toBe(true);
  expect(existsSync(join(place, "outside/hostname"))).toBe(false);
  rmSync(place, { recursive: true });
});
