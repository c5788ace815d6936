import { expect, test } from "vitest";
import { sharedHost } from "../../harness/shared-host.ts";

const { host } = sharedHost();
const said = async (...args: readonly string[]): Promise<string> => {
  const { code, stdout, stderr } = await host().mdocker(args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout;
};
const names = async (...args: readonly string[]) =>
  (await said("ps", "--format", "{{.Names}}", ...args)).split("\n").filter((line) => line !== "");

test("filters, columns, sizes and templates of real containers", async () => {
  const keep = ["run", "--keep", "--net", "none"];
  expect(
    await host().mdocker([...keep, "--name", "old", "-v", "data:/data", "/bin/sh", "-c", "exit 3"]),
  ).toMatchObject({
    code: 3,
  });
  const write = "head -c 1000000 /dev/zero > /var/tmp/a; ln /var/tmp/a /var/tmp/b";
  await said(...keep, "--name", "job", "--label", "a.b/tier=back", "/bin/sh", "-c", write);
  const web = host().start([
    "run",
    "--name",
    "web",
    "--label",
    "tier=front",
    "/bin/sh",
    "-c",
    "echo ready; exec sleep 100",
  ]);
  await web.says(/ready/);

  expect(await names()).toEqual(["web"]);
  expect(await names("-a")).toEqual(["web", "job", "old"]);
  expect(await names("-n", "2")).toEqual(["web", "job"]);
  expect(await names("-l")).toEqual(["web"]);
  const found = async (...filters: readonly string[]) =>
    names("-a", ...filters.flatMap((filter) => ["--filter", filter]));
  expect(await found("before=job")).toEqual(["old"]);
  expect(await found("since=old")).toEqual(["web", "job"]);
  expect(await found("volume=data")).toEqual(["old"]);
  expect(await found("volume=/data")).toEqual(["old"]);
  expect(await found("ancestor=lab", "exited=3")).toEqual(["old"]);
  expect(await found("ancestor=nothing")).toEqual([]);
  expect(await found("network=bridge")).toEqual(["web"]);
  expect(await found("status=exited", "status=running", "name=^(web|old)$")).toEqual(["web", "old"]);
  const { code, stderr } = await host().mdocker(["ps", "-f", "before=nobody"]);
  expect({ code, stderr }).toEqual({ code: 1, stderr: "mdocker: no such container: nobody\n" });

  const [heading, first] = (await said("ps")).split("\n");
  expect(heading).toMatch(/^CONTAINER ID +IMAGE +COMMAND +CREATED +STATUS +PORTS +NAMES$/);
  expect(first).toMatch(/^[0-9a-f]{12} +lab:latest +"\/bin\/sh -c echo rea…" +.* ago +Up .* +web$/);
  // The file counts once, though it has two names.
  expect(await said("ps", "-as", "-f", "name=job", "--format", "table {{.Names}}\\t{{.Size}}")).toMatch(
    /^NAMES +SIZE\njob +1MB \(virtual \d+(\.\d)?MB\)\n$/,
  );
  expect(
    await said("ps", "-a", "--format", '{{.Names}}={{.Label "tier"}}{{.Label "a.b/tier"}} {{.Mounts}}'),
  ).toBe("web=front \njob=back \nold= data\n");
  expect(await said("ps", "-aqf", "name=job")).toMatch(/^[0-9a-f]{12}\n$/);
  expect(JSON.parse(await said("ps", "--format", "{{json .}}"))).toMatchObject({
    Names: "web",
    State: "running",
  });
  const format =
    '{{.name}}:{{range $i, $e := .endpoints}}{{if $i}},{{end}}{{$e.ifname | upper}}{{end}} {{index .labels "tier"}}';
  expect(await said("inspect", "--format", format, "web")).toBe("web:ETH0 front\n");
  const asDocker =
    "{{.Name}} {{.State.Status}} {{.State.Pid}} {{.NetworkSettings.Networks.bridge.IPAddress}}";
  const own = "/{{.name}} {{.state}} {{.init.pid}} {{(index .endpoints 0).address}}";
  expect(await said("inspect", "--format", asDocker, "web")).toBe(
    await said("inspect", "--format", own, "web"),
  );

  await said("rm", "-f", "web", "job", "old");
  await web.ended;
});

test("why a container has ended", async () => {
  const run = host().start([
    "run",
    "--keep",
    "--name",
    "thin",
    "--net",
    "none",
    "--memory",
    "16m",
    "/usr/bin/tail",
    "/dev/zero",
  ]);
  expect(await run.ended).toMatchObject({ code: 137 });
  expect(await said("ps", "-a", "-f", "name=thin", "--format", "{{.Status}}")).toMatch(
    /^Exited \(137\) .* ago \((oom|hard-limit)-killed\)\n$/,
  );
  await said("rm", "thin");
});
