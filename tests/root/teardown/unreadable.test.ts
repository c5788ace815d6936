import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type TestHost, withTestHost } from "../../harness/host.ts";
import { sharedLabImage } from "../../harness/lab-image.ts";
import { settled } from "../../harness/snapshot.ts";

const flags = ["run", "--net", "none"];

/** A container that runs until the caller ends it, and whose records nobody can read. */
async function unreadable({ start, mdocker, place }: TestHost, name: string, text: string) {
  const running = start([...flags, "--name", name, "/bin/sh", "-c", "echo up; exec sleep 1000"]);
  await running.says(/^up$/m);
  const [{ id }] = JSON.parse((await mdocker(["inspect", name])).stdout) as [{ id: string }];
  for (const folder of [place.root, place.state])
    writeFileSync(join(folder, "containers", id, "record.json"), text);
  return { running, id };
}

function remains({ place }: TestHost, id: string, name: string, text: string): void {
  const directory = join(place.root, "containers", id);
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "record.json"), text);
  mkdirSync(join(place.root, "names"), { recursive: true });
  symlinkSync(id, join(place.root, "names", name));
}

test.each([
  ["is not JSON", '{"version":1,"id'],
  ["is not a container's", "[]"],
  ["is of version 2", '{"version":2,"containers":{}}'],
])("a record that %s is in nobody's way; its container is left alone while it lives", async (what, text) => {
  await withTestHost(
    async (host) => {
      const { mdocker, place, start, fresh } = host;
      const good = start([...flags, "--name", "good", "/bin/sh", "-c", "echo up; exec sleep 1000"]);
      await good.says(/^up$/m);
      const { running, id } = await unreadable(host, "bad", text);
      const dead = "d".repeat(64);
      remains(host, dead, "dead", text);

      const { code, stdout, stderr } = await mdocker(["ps", "-a"]);
      expect({ code, names: stdout.match(/\b(good|bad|dead)$/gm) }).toEqual({ code: 0, names: ["good"] });
      const warnings = stderr.trimEnd().split("\n").sort();
      expect(warnings).toHaveLength(2);
      for (const warning of warnings) expect(warning).toContain(what);
      expect(stderr).toContain(id.slice(0, 12));
      // Who is asked for just that one says why not.
      expect(await mdocker(["inspect", "bad"])).toMatchObject({
        code: 2,
        stderr: expect.stringContaining(what),
      });
      expect(await mdocker([...flags, "/bin/true"])).toMatchObject({ code: 0, stderr: "" });
      expect((await mdocker([...flags, "--name", "bad", "/bin/true"])).stderr).toContain(
        "in use by container",
      );

      const collected = await mdocker(["gc"]);
      expect(collected).toMatchObject({ code: 0, stderr: "" });
      expect(collected.stdout).toContain(dead.slice(0, 12));
      expect(existsSync(join(place.root, "containers", dead))).toBe(false);
      expect(existsSync(join(place.root, "containers", id))).toBe(true);
      expect(await mdocker(["ps", "--format", "{{.Names}}"])).toMatchObject({ stdout: "good\n" });

      // It goes with the run that made it.
      for (const one of [running, good]) {
        one.child.kill("SIGTERM");
        expect((await one.ended).code).toBe(143);
      }
      await settled(fresh, 10_000);
    },
    { image: await sharedLabImage() },
  );
});

test("what is among the names and is none is in nobody's way, and gc removes it", async () => {
  await withTestHost(
    async ({ mdocker, place, start }) => {
      const names = join(place.root, "names");
      mkdirSync(names, { recursive: true });
      writeFileSync(join(names, "file"), "");
      symlinkSync("../../../etc", join(names, "upwards"));
      symlinkSync("e".repeat(64), join(names, "nobody"));
      const running = start([...flags, "--name", "good", "/bin/sh", "-c", "echo up; exec sleep 1000"]);
      await running.says(/^up$/m);

      expect(await mdocker(["ps", "--format", "{{.Names}}"])).toEqual({
        code: 0,
        stdout: "good\n",
        stderr: "",
      });
      for (const name of ["file", "upwards", "nobody"]) {
        expect(await mdocker(["inspect", name])).toMatchObject({
          code: 1,
          stderr: expect.stringContaining("no such container"),
        });
      }
      const taken = await mdocker([...flags, "--name", "upwards", "/bin/true"]);
      expect(taken).toMatchObject({ code: 1, stderr: expect.stringContaining("--name: upwards is in use") });

      const { code, stdout, stderr } = await mdocker(["gc"]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      for (const name of ["file", "upwards", "nobody"]) expect(stdout).toContain(`removed name ${name} `);
      expect(readdirSync(names)).toEqual(["good"]);
      expect(await mdocker([...flags, "--name", "upwards", "/bin/true"])).toMatchObject({ code: 0 });
      running.child.kill("SIGTERM");
      expect((await running.ended).code).toBe(143);
    },
    { image: await sharedLabImage() },
  );
});
