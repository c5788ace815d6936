import Docker from "dockerode";
import { expect, test } from "vitest";
import { dockerClients, withDocker } from "../../harness/docker.ts";

/** Hosts of a /24 without the gateway. */
const most = 253;
/** So many start at the same time. */
const abreast = 50;

test("a /24 has room for 253 containers, fifty at once on their way in and out; the next is told so", async () => {
  await withDocker(String(dockerClients[0]), async ({ socket }) => {
    const docker = new Docker({ socketPath: socket });
    const create = () => docker.createContainer({ Image: "lab", Cmd: ["/bin/sleep", "100000"] });
    const containers: Docker.Container[] = [];
    const addressOf = async (container: Docker.Container): Promise<string> =>
      (await container.inspect()).NetworkSettings.Networks["bridge"]?.IPAddress ?? "";
    while (containers.length < most) {
      const count = Math.min(abreast, most - containers.length);
      const batch = await Promise.all(Array.from({ length: count }, create));
      await Promise.all(batch.map((container) => container.start()));
      containers.push(...batch);
    }
    const addresses = await Promise.all(containers.map(addressOf));
    const all = Array.from({ length: most }, (_, at) => `10.200.1.${at + 2}`);
    expect(addresses.sort()).toEqual(all.sort());

    const late = await create();
    await expect(late.start()).rejects.toThrow(
      /network bridge: all 253 addresses of 10\.200\.1\.0\/24 are taken/,
    );
    // Of the first and the last each reaches the other.
    const [first, last] = [containers.at(0), containers.at(-1)];
    if (first === undefined || last === undefined) throw new Error("there are no containers");
    const ping = await first.exec({ Cmd: ["ping", "-c", "1", "-W", "20", await addressOf(last)] });
    const stream = await ping.start({});
    await new Promise((resolve) => stream.on("end", resolve).resume());
    expect(await ping.inspect()).toMatchObject({ ExitCode: 0 });

    // What one leaves the next one has.
    await last.remove({ force: true });
    await late.start();
    expect(all).toContain(await addressOf(late));
    const rest = [late, ...containers.slice(0, -1)];
    while (rest.length > 0) {
      await Promise.all(rest.splice(0, abreast).map((container) => container.remove({ force: true })));
    }
  });
});
