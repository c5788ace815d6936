import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { statFields } from "../../src/sys/process.ts";
import { startCommand } from "../../tests/harness/command.ts";
import type { Bench, Row } from "./bench.ts";
import { interleave, type Variant } from "./measure.ts";

const seconds = 2;
const gateway = "10.200.1.1";
const dnsmasq = "/usr/sbin/dnsmasq";
const dnsmasqPort = 5353;

/** Seconds of processor time that a process has used (proc(5): utime and stime, in hundredths). */
function processorSeconds(pid: number | undefined): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = statFields(stat);
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/**
 * Asks for one name for some seconds, 64 questions on their way at any time, and prints how many answers came; a question that is lost is asked again after a while. Plain JavaScript: it runs by itself in the container's network.
 */
const client = `
const [, address, port, name, seconds] = process.argv;
const socket = require("dgram").createSocket("udp4");
const labels = name.split(".").map((label) => String.fromCharCode(label.length) + label).join("");
const question = Buffer.from("\\0\\0\\x01\\0\\0\\x01\\0\\0\\0\\0\\0\\0" + labels + "\\0\\0\\x01\\0\\x01", "latin1");
let id = 0, answers = 0, wrong = 0;
const ask = () => {
  question.writeUInt16BE(id = (id + 1) & 0xffff, 0);
  socket.send(Buffer.from(question));
};
socket.on("message", (answer) => {
  if (answer.readUInt16BE(6) === 1) answers += 1; else wrong += 1;
  ask();
});
socket.connect(Number(port), address, () => {
  for (let i = 0; i < 64; i += 1) ask();
  let before = -1;
  const nudge = setInterval(() => { if (answers === before) for (let i = 0; i < 64; i += 1) ask(); before = answers; }, 200);
  setTimeout(() => {
    clearInterval(nudge);
    console.log(wrong > 0 ? "wrong answers: " + wrong : answers);
    process.exit(wrong > 0 ? 1 : 0);
  }, seconds * 1000);
});
`;

/**
 * Questions for a container's own name from inside a container. What a second of the server's processor time is good for
 * is what one processor can do, also on a machine that has other things to do.
 */
export const names: Bench = {
  name: "names",
  title: "names answered to a container, by each second of one processor",
  run: async ({ program, env }) => {
    const container = startCommand(
      [
        program,
        "run",
        "-i",
        "--name",
        "bench-names",
        "/bin/sh",
        "-c",
        "dig +short bench-names; echo ready; exec cat",
      ],
      { env, deadline: 600_000 },
    );
    await container.says(/^ready$/m);
    const address = /^10\.\S+$/m.exec(container.output())?.[0] ?? "";
    const inspected = spawnSync(program, ["inspect", "-f", "{{.init.pid}}", "bench-names"], {
      env,
      encoding: "utf8",
    });
    const pid = inspected.stdout.trim();
    const once = (port: number, server: number | undefined) => (): number => {
      const before = processorSeconds(server);
      const enter = ["-t", pid, "-n", "taskset", "-c", "1", process.execPath, "-e", client];
      const args = [...enter, gateway, String(port), "bench-names", String(seconds)];
      const { status, stdout, stderr } = spawnSync("nsenter", args, { encoding: "utf8" });
      if (status !== 0) throw new Error(`asking port ${port}: ${stderr}${stdout}`);
      return Number(stdout) / (processorSeconds(server) - before);
    };
    const pin = (process_: number | undefined): void => {
      spawnSync("taskset", ["-a", "-c", "-p", "0", String(process_)], { stdio: "ignore" });
    };
    pin(container.pid);
    const variants: Variant[] = [{ name: "mdocker", once: once(53, container.pid) }];
    const peer = existsSync(dnsmasq)
      ? spawn(
          dnsmasq,
          [
            ...["--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--pid-file="],
            ...["--bind-interfaces", `--listen-address=${gateway}`, `--port=${dnsmasqPort}`, "--user=root"],
            `--host-record=bench-names,${address}`,
          ],
          { env, stdio: "ignore" },
        )
      : undefined;
    if (peer !== undefined) {
      pin(peer.pid);
      variants.push({ name: "dnsmasq", once: once(dnsmasqPort, peer.pid) });
      await pause(300);
    }
    try {
      const measured = await interleave(5, variants, 1);
      const own = measured[0]?.median ?? Number.NaN;
      const rows: Row[] = measured.map(({ name, median, samples }) => ({
        label: name,
        value: median,
        unit: "/s",
        samples,
        ratio:
          name === "mdocker"
            ? { to: "", value: median, atLeast: 10_000 }
            : { to: "mdocker", value: median / own },
      }));
      if (peer === undefined) rows.push({ label: "dnsmasq", unit: "/s", note: "not installed" });
      return rows;
    } finally {
      peer?.kill();
      container.child.stdin.end();
      await container.ended;
    }
  },
};
