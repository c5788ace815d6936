import { expect, test } from "vitest";
import { type TestHost, withTestHost } from "../../harness/host.ts";
import { startIdle } from "../../harness/idle.ts";
import { sharedLabImage } from "../../harness/lab-image.ts";
import { expectNothingLeft } from "../../harness/snapshot.ts";

async function onHost(act: (host: TestHost) => Promise<void>): Promise<void> {
  await withTestHost(
    async (host) => {
      await act(host);
      await host.mdocker(["gc", "--networks"]);
      await expectNothingLeft(host.fresh, "gone");
    },
    { image: await sharedLabImage() },
  );
}

/** Runs mdocker, which must succeed, and answers with what it printed. */
async function ok(host: TestHost, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await host.mdocker(args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout;
}

test("networks of one's own have their subnets, and are apart from each other", async () => {
  await onHost(async (host) => {
    const id = (
      await ok(host, "network", "create", "red", "--subnet", "10.77.1.0/24", "--label", "a=b")
    ).trim();
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    await ok(host, "network", "create", "blue");
    const list = await ok(host, "network", "ls", "--format", "{{.Name}} {{.Driver}} {{.Subnet}}");
    expect(list.split("\n").slice(0, 5)).toEqual([
      "bridge bridge 10.200.1.0/24",
      "host host ",
      "none null ",
      "blue bridge 10.200.2.0/24",
      "red bridge 10.77.1.0/24",
    ]);
    const one = await startIdle(host, "one", ["--network", "red"]);
    const two = await startIdle(host, "two", ["--network", id.slice(0, 12)]);
    const ping = (network: string, address: string) =>
      host.mdocker(["run", "--network", network, "/bin/ping", "-c", "1", "-W", "1", address]);
    expect((await ping("red", "10.77.1.2")).code).toBe(0);
    expect((await ping("red", "10.77.1.3")).code).toBe(0);
    expect((await ping("blue", "10.77.1.2")).code).toBe(1);
    expect((await ping("red", host.outside.address)).code).toBe(0);
    const [document] = JSON.parse(await ok(host, "network", "inspect", "red")) as [
      { Containers: Record<string, { Name: string; IPv4Address: string }> },
    ];
    expect(
      Object.values(document.Containers)
        .map(({ Name, IPv4Address }) => `${Name} ${IPv4Address}`)
        .sort(),
    ).toEqual(["one 10.77.1.2/24", "two 10.77.1.3/24"]);
    const refused = await host.mdocker(["network", "rm", "red"]);
    expect(refused.stderr).toMatch(/^mdocker: network red has active endpoints: (one, two|two, one): .*\n$/);
    await one.end();
    await two.end();
    expect(await ok(host, "network", "rm", "red", "blue")).toBe("red\nblue\n");
  });
});

test("a container that runs is connected and disconnected", async () => {
  await onHost(async (host) => {
    await ok(host, "network", "create", "red", "--subnet", "10.77.1.0/24");
    const one = await startIdle(host, "one", []);
    const other = await startIdle(host, "other", ["--network", "red", "--ip", "10.77.1.9"]);
    await ok(host, "network", "connect", "--ip", "10.77.1.7", "red", "one");
    expect((await host.mdocker(["network", "connect", "red", "one"])).stderr).toMatch(
      /connected to network red already/,
    );
    const reach = (from: string, address: string) =>
      host.mdocker(["run", "--network", `container:${from}`, "/bin/ping", "-c", "1", "-W", "1", address]);
    expect((await reach("one", "10.77.1.9")).code).toBe(0);
    expect((await reach("other", "10.77.1.7")).code).toBe(0);
    await ok(host, "network", "disconnect", "red", "one");
    expect((await reach("one", "10.77.1.9")).code).toBe(1);
    expect((await host.mdocker(["network", "disconnect", "red", "one"])).stderr).toMatch(/is not connected/);
    await one.end();
    await other.end();
    expect(await ok(host, "network", "prune")).toBe("Deleted Networks:\nred\n");
  });
});

test("a container is connected to several networks at once, and disconnected, by whoever asks at the same time", async () => {
  await onHost(async (host) => {
    const names = ["red", "blue", "green", "white"];
    for (const name of names) await ok(host, "network", "create", name);
    const one = await startIdle(host, "one");
    const endpoints = (): Promise<string> =>
      ok(host, "inspect", "--format", "{{range .endpoints}}{{.network}} {{end}}", "one");
    await Promise.all(names.map((name) => ok(host, "network", "connect", name, "one")));
    expect((await endpoints()).trim().split(" ").sort()).toEqual(["bridge", ...names].sort());
    expect((await one.sh("ls /sys/class/net")).output.split(/\s+/).sort()).toEqual([
      ...["eth0", "eth1", "eth2", "eth3", "eth4", "lo"],
    ]);
    await Promise.all(names.map((name) => ok(host, "network", "disconnect", name, "one")));
    expect((await endpoints()).trim()).toBe("bridge");
    expect((await one.sh("ls /sys/class/net")).output.split(/\s+/).sort()).toEqual(["eth0", "lo"]);
    await one.end();
    for (const name of names) await ok(host, "network", "rm", name);
  });
});

test("what makes no sense is refused in one line", async () => {
  await onHost(async (host) => {
    await ok(host, "network", "create", "red", "--subnet", "10.77.1.0/24");
    const cases: readonly (readonly [readonly string[], RegExp])[] = [
      [["red"], /already exists/],
      [["bridge"], /taken by mdocker itself/],
      [["a/b"], /expected up to 64 letters/],
      [["x", "--subnet", "10.77.1.128/25"], /overlaps 10\.77\.1\.0\/24 of network red/],
      [["x", "--subnet", "10.77.2.1/24"], /expected 10\.77\.2\.0\/24/],
      [["x", "--gateway", "10.77.2.1"], /needs --subnet/],
      [["x", "--subnet", "10.77.2.0/24", "--gateway", "10.78.0.1"], /--gateway: 10\.78\.0\.1: outside of/],
      [["x", "-o", "mtu=12"], /expected 68 to 65535/],
      [["x", "-o", "nonsense=1"], /expected one of mtu/],
      [["x", "-d", "overlay"], /expected bridge/],
    ];
    for (const [args, line] of cases) {
      const { code, stdout, stderr } = await host.mdocker(["network", "create", ...args]);
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      expect(stderr).toMatch(/^mdocker: [^\n]+\n$/);
      expect(stderr).toMatch(line);
    }
    const missing = await host.mdocker(["run", "--network", "green", "/bin/true"]);
    expect(missing).toMatchObject({ code: 1 });
    expect(missing.stderr).toMatch(/^mdocker: --network: network green not found/);
    await ok(host, "network", "rm", "red");
  });
});

test("an internal network has no way out, and one without icc keeps its containers apart", async () => {
  await onHost(async (host) => {
    await ok(host, "network", "create", "inside", "--internal");
    await ok(
      host,
      "network",
      "create",
      "apart",
      "-o",
      "icc=false",
      "--subnet",
      "10.77.3.0/24",
      "--gateway",
      "10.77.3.254",
    );
    const ping = (network: string, address: string) =>
      host.mdocker(["run", "--network", network, "/bin/ping", "-c", "1", "-W", "1", address]);
    expect((await ping("inside", host.outside.address)).code).not.toBe(0);
    const one = await startIdle(host, "one", ["--network", "apart"]);
    expect((await ping("apart", "10.77.3.1")).code).not.toBe(0);
    expect((await ping("apart", "10.77.3.254")).code).toBe(0);
    expect((await ping("apart", host.outside.address)).code).toBe(0);
    await one.end();
    await ok(host, "network", "rm", "inside", "apart");
  });
});
