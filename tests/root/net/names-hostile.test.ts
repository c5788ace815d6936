import { createSocket } from "node:dgram";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DecodedPacket, decode, encode } from "dns-packet";
import { describe, expect, test } from "vitest";
import { NameServer } from "../../../net/dns/name-server.ts";
import { dropSockets } from "../../../net/dns/sockets.ts";
import { acquireLease } from "../../../net/ipam.ts";
import type { Network } from "../../../net/network.ts";
import { ensureNetworkFolder, writeMarker } from "../../../net/state.ts";
import type { Instance } from "../../../src/core/paths.ts";
import { inOwnNetns, runHere } from "../../harness/netns.ts";
import { containerId, self } from "../../harness/network-site.ts";

// @vm

const gateway = "127.0.0.77";
const network: Network = {
  name: "lo",
  owner: "mdocker",
  bridge: "lo",
  subnet: "127.0.0.0/8",
  gateway,
  internal: false,
  icc: true,
  masquerade: true,
};

const seed = 20_261_123;

/** Numbers below `limit` that look like chance and are the same each time (Numerical Recipes' generator). */
function dice(): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

/** A server of a network that has its containers on the loopback. */
async function onServer(act: (ask: Asking, instance: Instance) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "mdocker-names-"));
  const instance: Instance = { root: folder, state: folder, prefix: "mdocker" };
  await inOwnNetns(async () => {
    runHere("ip", "link", "set", "lo", "up");
    ensureNetworkFolder(instance, network.name);
    writeMarker(instance, { network, mtu: 1500, complete: true });
    const server = new NameServer(instance, { resolvConf: join(folder, "none") });
    try {
      await acquireLease(instance, network, { container: containerId(1), owner: self(), names: ["web"] });
      server.open();
      await act(asking(), instance);
    } finally {
      server.close();
      dropSockets(instance);
      rmSync(folder, { recursive: true });
    }
  });
}

interface Asking {
  /** Sends bytes by UDP, and does not wait. */
  readonly throwIn: (bytes: Uint8Array) => void;
  readonly udp: (name: string) => Promise<DecodedPacket>;
  readonly tcp: (...names: string[]) => Promise<DecodedPacket[]>;
  readonly open: () => Promise<Socket>;
  readonly close: () => void;
}

const question = (name: string, id = 7): Buffer =>
  encode({ type: "query", id, flags: 0x100, questions: [{ name, type: "A" }] });

const framed = (bytes: Uint8Array): Buffer =>
  Buffer.concat([Buffer.of(bytes.length >> 8, bytes.length & 255), bytes]);

function asking(): Asking {
  const socket = createSocket("udp4");
  socket.on("error", () => undefined);
  const open = (): Promise<Socket> =>
    new Promise((resolve, reject) => {
      const connection = connect(53, gateway, () => resolve(connection));
      connection.once("error", reject);
    });
  return {
    throwIn: (bytes) => socket.send(bytes, 53, gateway),
    udp: async (name) => {
      // Until it comes: the kernel drops what a full queue has no room for.
      for (let id = 0x7000; ; id += 1) {
        const answer = await new Promise<DecodedPacket | undefined>((resolve) => {
          const timer = setTimeout(() => done(undefined), 500);
          const onMessage = (bytes: Buffer): void => {
            if (bytes.readUInt16BE(0) === id && bytes.length > 12) done(decode(bytes));
          };
          const done = (found: DecodedPacket | undefined): void => {
            clearTimeout(timer);
            socket.off("message", onMessage);
            resolve(found);
          };
          socket.on("message", onMessage);
          socket.send(question(name, id), 53, gateway);
        });
        if (answer !== undefined) return answer;
      }
    },
    tcp: async (...names) => {
      const connection = await open();
      const found: DecodedPacket[] = [];
      let got: Buffer = Buffer.alloc(0);
      const all = new Promise<void>((resolve) => {
        connection.on("data", (data: Buffer) => {
          got = Buffer.concat([got, data]);
          while (got.length >= 2 && got.length >= 2 + got.readUInt16BE(0)) {
            found.push(decode(got.subarray(2, 2 + got.readUInt16BE(0))));
            got = got.subarray(2 + got.readUInt16BE(0));
          }
          if (found.length === names.length) resolve();
        });
        connection.once("close", () => resolve());
      });
      // All in one go, but for the last byte.
      const bytes = Buffer.concat(names.map((name, at) => framed(question(name, at))));
      connection.write(bytes.subarray(0, -1));
      setImmediate(() => connection.write(bytes.subarray(-1)));
      await all;
      connection.destroy();
      return found.sort((one, other) => (one.id ?? 0) - (other.id ?? 0));
    },
    open,
    close: () => socket.close(),
  };
}

function data({ answers = [] }: DecodedPacket): unknown[] {
  return answers.map((one) => (one as { data: unknown }).data);
}

/** A question with some bytes changed, cut off or added; or nothing of one. */
function spoilt(roll: (limit: number) => number): Buffer {
  if (roll(4) === 0) return Buffer.from(Array.from({ length: roll(300) }, () => roll(256)));
  const bytes = Buffer.concat([
    question("web", roll(0x7000)),
    Buffer.alloc(roll(3) === 0 ? roll(40) : 0, roll(256)),
  ]);
  for (let change = roll(5); change > 0; change -= 1) bytes[roll(bytes.length)] = roll(256);
  return bytes.subarray(0, roll(3) === 0 ? roll(bytes.length) : bytes.length);
}

describe("the server of names", () => {
  test("goes on answering whatever is thrown at it, and keeps nothing of it", async () => {
    await onServer(async (ask) => {
      const roll = dice();
      expect(data(await ask.udp("web"))).toEqual(["127.0.0.1"]);
      expect((await ask.tcp("web", "WEB.lo")).map(data)).toEqual([["127.0.0.1"], ["127.0.0.1"]]);
      const descriptors = readdirSync("/proc/self/fd").length;
      for (let round = 0; round < 100; round += 1) {
        for (let i = 0; i < 100; i += 1) ask.throwIn(spoilt(roll));
        expect(data(await ask.udp("web"))).toEqual(["127.0.0.1"]);
      }
      for (let round = 0; round < 100; round += 1) {
        const connection = await ask.open();
        connection.on("error", () => undefined);
        const ended = new Promise((resolve) => connection.once("close", resolve));
        const frame = roll(2) === 0 ? framed(spoilt(roll)) : spoilt(roll);
        connection.write(frame.subarray(0, 1 + roll(frame.length + 1)));
        if (roll(2) === 0) connection.resetAndDestroy();
        else connection.end();
        connection.resume();
        await ended;
      }
      expect((await ask.tcp("web")).map(data)).toEqual([["127.0.0.1"]]);
      // The server's ends close a turn of the event loop later.
      for (let look = 0; readdirSync("/proc/self/fd").length > descriptors && look < 400; look += 1)
        await new Promise((resolve) => setTimeout(resolve, 5));
      expect(readdirSync("/proc/self/fd").length).toBeLessThanOrEqual(descriptors);
      ask.close();
    });
  });

  test("reads no further from who does not read his answers, and loses none of them", async () => {
    await onServer(async (ask) => {
      // Little room in the kernel: questions and answers would all fit into it otherwise.
      for (const which of ["rmem", "wmem"])
        runHere("sh", "-c", `echo 4096 16384 16384 > /proc/sys/net/ipv4/tcp_${which}`);
      const connection = await ask.open();
      connection.pause();
      const count = 10_000;
      connection.write(Buffer.concat(Array(count).fill(framed(question("web")))));
      // Others are answered meanwhile.
      for (let round = 0; round < 20; round += 1) expect(data(await ask.udp("web"))).toEqual(["127.0.0.1"]);
      expect(connection.writableLength).toBeGreaterThan(0);
      const answer = 2 + question("web").length + 16;
      let got = 0;
      await new Promise<void>((resolve) => {
        connection.on("data", (bytes: Buffer) => {
          got += bytes.length;
          if (got === count * answer) resolve();
        });
        connection.once("close", () => resolve());
        connection.resume();
      });
      expect(got).toBe(count * answer);
      connection.destroy();
      ask.close();
    });
  });

  test("tells of as many as share a name: short by UDP, all of them by TCP", async () => {
    await onServer(async (ask, instance) => {
      for (let number = 2; number < 255; number += 1) {
        const names = [`c${number}`, "all"];
        await acquireLease(instance, network, { container: containerId(number), owner: self(), names });
      }
      const short = await ask.udp("all");
      expect(short).toMatchObject({ flag_tc: true, answers: [] });
      const [whole] = await ask.tcp("all");
      expect(new Set(whole === undefined ? [] : data(whole)).size).toBe(253);
      expect(data(await ask.udp("c254"))).toHaveLength(1);
      // So many at once from one connection, and all of them are answered.
      expect(await ask.tcp(...Array(200).fill("web"))).toHaveLength(200);
      ask.close();
    });
  });
});
