import { formatMillis } from "../../src/core/units.ts";
import { type TestHost, withTestHost } from "../../tests/harness/host.ts";
import { type Kind, type Snapshot, settled, takeSnapshot } from "../../tests/harness/snapshot.ts";
import { startContainer } from "./container.ts";
import { startOutsideServer } from "./outside.ts";
import { command, failedClaims, output, prove, remark, step } from "./show.ts";

/** Runs `mdocker ARGS`, shows it, and takes its time in milliseconds. */
async function show(host: TestHost, args: readonly string[]): Promise<{ stdout: string; ms: number }> {
  command("$", `mdocker ${args.join(" ")}`);
  const begin = performance.now();
  const { code, stdout, stderr } = await host.mdocker(args, { deadline: 300_000 });
  const ms = performance.now() - begin;
  output(`${stdout}${stderr}`);
  if (code !== 0) throw new Error(`mdocker ${args.join(" ")}: exit code ${code}`);
  return { stdout, ms };
}

function addressIn(text: string): string {
  return /inet (\d+\.\d+\.\d+\.\d+)\//.exec(text)?.[1] ?? "no address";
}

async function compare(where: string, before: Snapshot): Promise<void> {
  const { after, left } = await settled(before);
  const counts = (Object.keys(before.lines) as Kind[])
    .map((kind) => `${kind} ${before.lines[kind].length} -> ${after.lines[kind].length}`)
    .join(", ");
  output(`${where}: ${counts}`);
  for (const { kind, sign, line } of left) output(`${sign} ${kind}: ${line}`);
  prove(`${where}: nothing is left, nothing is missing`, left.length === 0);
}

async function demo(host: TestHost): Promise<string> {
  const machine = await takeSnapshot({ ...host.place, enter: undefined });
  const begin = performance.now();

  step("The default image, from this machine's own programs");
  const image = await show(host, ["image", "create"]);

  step("Two containers on one bridge");
  const red = await startContainer(host, "red");
  const redAddress = addressIn((await red.type("ip -4 address show eth0")).text);
  const blue = await startContainer(host, "blue");
  const blueAddress = addressIn((await blue.type("ip -4 address show eth0")).text);
  await blue.type("ps -ef");
  await show(host, ["ps"]);
  prove(`each has an address of its own: ${redAddress}, ${blueAddress}`, redAddress !== blueAddress);

  step("They reach each other and the gateway");
  const gateway = /default via (\S+)/.exec((await red.type("ip route")).text)?.[1] ?? "no gateway";
  const pings = [
    await red.type(`ping -c 2 -i 0.2 ${blueAddress}`),
    await blue.type(`ping -c 2 -i 0.2 ${redAddress}`),
    await red.type(`ping -c 1 ${gateway}`),
  ];
  prove(
    "no packet was lost",
    pings.every(({ text, code }) => code === 0 && text.includes(" 0% packet loss")),
  );

  step("NAT to the outside");
  remark(`The outside is a network namespace one hop from this host; a web server in it says whom it sees.`);
  command("outside#", "ip route");
  output(await host.outsideRun(["ip", "route"]));
  const stopServer = await startOutsideServer(host);
  const answer = await red.type(`curl -sS --max-time 10 http://${host.outside.address}/`);
  await stopServer();
  prove(`it saw the host (${host.address}), not the container`, answer.text === `hello, ${host.address}\n`);

  step("The end, and what is left");
  const codes = [await red.exit(), await blue.exit()];
  prove("both commands ended with 0", codes.join() === "0,0");
  await show(host, ["gc", "--networks"]);
  await compare("the demo's host", host.fresh);
  await compare("this machine", machine);

  const total = performance.now() - begin;
  return [
    `image ${formatMillis(image.ms)}`,
    `start of red ${formatMillis(red.startMs)} (with the network)`,
    `start of blue ${formatMillis(blue.startMs)}`,
    `everything ${formatMillis(total)}`,
  ].join(", ");
}

console.log("mdocker, shown on a host of its own: a throw-away network and mount namespace on this machine.");
try {
  const timings = await withTestHost(demo);
  console.log(`\n${failedClaims() === 0 ? "All as it should be" : "NOT as it should be"}: ${timings}`);
} catch (error) {
  console.error(`\ndemo: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
if (failedClaims() > 0) process.exitCode = 1;
