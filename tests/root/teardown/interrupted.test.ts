import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { collectGarbage } from "../../../src/container/gc.ts";
import type { ContainerRecord } from "../../../src/container/record.ts";
import { listContainers } from "../../../src/container/refresh.ts";
import { removeContainer } from "../../../src/container/remove.ts";
import { removeContainerFiles, reserveContainer } from "../../../src/container/store.ts";
import { writeFileAtomic } from "../../../src/core/atomic.ts";
import { withTestHost } from "../../harness/host.ts";
import { sharedLabImage } from "../../harness/lab-image.ts";
import { settled } from "../../harness/snapshot.ts";

test("a kept container that a power failure ends stays, with what it wrote", async () => {
  await withTestHost(
    async ({ start, mdocker, place, fresh }) => {
      const script = "echo precious > /root/file; echo up; sleep 1000";
      const flags = ["--net", "none", "--keep", "--name", "kept"];
      const running = start(["run", ...flags, "/bin/sh", "-c", script]);
      await running.says(/^up$/m);
      running.child.kill("SIGKILL");
      await running.ended;
      await settled(fresh, 10_000, ({ kind }) => kind !== "processes");
      // The next boot finds nothing of what was in /run.
      rmSync(place.state, { recursive: true });
      expect(await mdocker(["gc"])).toMatchObject({ code: 0, stderr: "" });
      const [{ state, id }] = JSON.parse((await mdocker(["inspect", "kept"])).stdout) as [ContainerRecord];
      expect(state).toBe("exited");
      expect(readdirSync(join(place.root, "containers", id, "upper/root"))).toEqual(["file"]);
      expect((await mdocker(["rm", "kept"])).code).toBe(0);
    },
    { image: await sharedLabImage() },
  );
});

test("rm -f of a container that is being made lets its maker take everything back", async () => {
  await withTestHost(
    async ({ start, place }) => {
      for (;;) {
        const running = start(["run", "--name", "early", "/bin/sleep", "1000"]);
        let record: ContainerRecord | undefined;
        while (record === undefined) {
          await new Promise((resolve) => setImmediate(resolve));
          [record] = listContainers(place);
        }
        await removeContainer(place, record, { force: true });
        const { code, stderr } = await running.ended;
        if (record.state !== "creating") continue;
        expect(code).toBe(143);
        expect(stderr).toMatch(/^(mdocker: interrupted by SIGTERM: nothing was started\n)?$/);
        break;
      }
      await collectGarbage(place, { networks: true });
    },
    { image: await sharedLabImage() },
  );
});

test("what a killed process of our pid has left half written is in nobody's way", async () => {
  await withTestHost(async ({ place }) => {
    const path = join(place.state, "file");
    const names = Array.from({ length: 20 }, (_, i) => `${path}.${process.pid}.${i + 1}.tmp`);
    for (const name of names) writeFileSync(name, "a longer text that was left");
    writeFileAtomic(path, "text");
    expect(readdirSync(place.state)).toContain("file");
    for (const name of [path, ...names]) rmSync(name, { force: true });

    const containers = join(place.root, "containers");
    const id = "a".repeat(64);
    for (let i = 1; i < 20; i += 1) mkdirSync(join(containers, `.${process.pid}-${i}`), { recursive: true });
    const draft = { version: 1, id, name: "", state: "creating" } as ContainerRecord;
    expect(reserveContainer(place, "reused", draft)).toMatchObject({ name: "reused" });
    removeContainerFiles(place, id);
    for (const name of readdirSync(containers)) rmSync(join(containers, name), { recursive: true });
    rmSync(join(place.root, "names/reused"));
  });
});
