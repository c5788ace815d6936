import { once } from "node:events";
import { readdirSync } from "node:fs";
import { connect, type Socket } from "node:net";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { connectSupervisor } from "../../../src/cli/client.ts";
import { type Api, withApi } from "../../harness/api.ts";

/** How long an answer may take; only a failure waits so long. */
const patienceMs = 20_000;

/** How long an answer is waited for before we end our direction: a request that is not whole gets none until then. */
const waitMs = 20;

/** Sends `bytes` and returns what comes back until the connection is closed. Fails when it is not. */
async function exchange(path: string, bytes: string | Uint8Array): Promise<string> {
  const socket = connect({ path, allowHalfOpen: true });
  const parts: Buffer[] = [];
  let late = false;
  const end = setTimeout(() => socket.end(), waitMs);
  const limit = setTimeout(() => {
    late = true;
    socket.destroy();
  }, patienceMs);
  await new Promise<void>((resolve) => {
    socket.on("data", (part: Buffer) => {
      parts.push(part);
      socket.end();
    });
    // A connection that is closed in the middle of what we send is an answer too.
    socket.on("error", () => socket.destroy());
    socket.on("close", () => resolve());
    socket.write(bytes);
  });
  clearTimeout(end);
  clearTimeout(limit);
  if (late) throw new Error(`no answer and no end to ${JSON.stringify(String(bytes).slice(0, 300))}`);
  return Buffer.concat(parts).toString("latin1");
}

/** Fails unless the server still answers, with all connections of others gone. */
async function expectWell({ socket, listener }: Api): Promise<void> {
  expect(await exchange(socket, "GET /_ping HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")).toMatch(
    /\r\n\r\nOK$/,
  );
  const deadline = Date.now() + patienceMs;
  while (listener.connections > 0) {
    if (Date.now() > deadline) throw new Error(`${listener.connections} connections are left`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function descriptors(): number {
  return readdirSync("/proc/self/fd").length;
}

const methods = ["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS", "CONNECT", "BREW"];
const verbs = [
  ..."attach start stop restart kill pause unpause rename resize wait stats top json logs exec update".split(
    " ",
  ),
  ..."archive changes export attach/ws".split(" "),
];
const ids = [
  "../../etc/passwd",
  "..%2f..%2fetc%2fpasswd",
  "%2e%2e/",
  "x".repeat(300),
  "ffffffffffff",
  "%00",
  "%zz",
  "a b",
  "ä",
  "*",
  "-",
  ".",
  "__proto__",
  "constructor",
];
const paths = fc.oneof(
  fc.constantFrom(
    "/_ping",
    "/version",
    "/info",
    "/events?until=1",
    "/containers/json",
    "/images/json",
    "/",
    "//",
  ),
  fc
    .tuple(fc.constantFrom(...ids), fc.constantFrom(...verbs))
    .map(([id, verb]) => `/containers/${id}/${verb}`),
  fc.webPath(),
);
const versions = fc.constantFrom("", "/v1.24", "/v1.47", "/v1.99", "/v0.1", "/v1.41/v1.41", "/v999999.1");
const queries = fc.oneof(
  fc.constant(""),
  fc.constantFrom(
    "?filters=%7B",
    "?filters=[]",
    "?t=x",
    "?h=-1&w=99999999",
    "?signal=KILLME",
    "?since=x",
    "?name=",
  ),
  fc.webQueryParameters().map((text) => `?${text}`),
);
const headers = fc.subarray([
  "connection: Upgrade\r\nupgrade: tcp\r\n",
  "upgrade: h2c\r\n",
  "content-type: application/json\r\n",
  "content-type: application/x-tar\r\n",
  "content-type: ;;;\r\n",
  "content-length: 5\r\n",
  "content-length: -1\r\n",
  "content-length: 99999999999999999999\r\n",
  "transfer-encoding: chunked\r\n",
  "expect: 100-continue\r\n",
  "connection: close\r\n",
]);
const bodies = fc.oneof(
  fc.constantFrom(
    "",
    "{}",
    "null",
    "[]",
    '{"a":',
    "5\r\nhello\r\n0\r\n\r\n",
    "0\r\n\r\n",
    '{"__proto__":{"x":1}}',
  ),
  fc.json(),
  fc.string({ unit: "binary" }),
);

describe("the API, given anything at all", () => {
  test("answers or closes, and lets nothing stay open", async () => {
    await withApi(async (api) => {
      await expectWell(api);
      const before = descriptors();
      const request = fc
        .tuple(fc.constantFrom(...methods), versions, paths, queries, headers, bodies)
        .map(([method, version, path, query, lines, body]) => {
          return `${method} ${version}${path}${query} HTTP/1.1\r\nhost: x\r\n${lines.join("")}\r\n${body}`;
        });
      await fc.assert(
        fc.asyncProperty(request, async (text) => {
          const answer = await exchange(api.socket, text);
          expect(answer === "" || /^HTTP\/1\.1 [1-5]\d\d /.test(answer)).toBe(true);
          expect(answer).not.toMatch(/^HTTP\/1\.1 500 /);
          expect(answer).not.toContain("root:x:0");
        }),
        { numRuns: 600 },
      );
      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ maxLength: 2_000 }), async (bytes) => {
          await exchange(api.socket, bytes);
        }),
        { numRuns: 100 },
      );
      await expectWell(api);
      expect(descriptors()).toBeLessThanOrEqual(before);
      expect(api.engine.said).toEqual([]);
    });
  });

  test("says what is wrong, as docker does", async () => {
    await withApi(async (api) => {
      const say = async (line: string, rest = ""): Promise<string> => {
        const text = await exchange(
          api.socket,
          `${line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${rest}`,
        );
        return `${text.slice(9, 12)} ${text.slice(text.indexOf("\r\n\r\n") + 4)}`;
      };
      expect(await say("POST /containers/nobody/start", "content-length: 0\r\n\r\n")).toBe(
        '404 {"message":"No such container: nobody"}',
      );
      expect(await say("POST /containers/..%2f..%2fetc/kill", "\r\n")).toBe(
        '404 {"message":"No such container: ../../etc"}',
      );
      expect(await say("POST /mdocker/create", "content-length: 2\r\n\r\n{}")).toMatch(
        /^400 \{"message":"body /,
      );
      expect(await say("POST /mdocker/create", "content-length: 2\r\n\r\n{x")).toBe(
        '400 {"message":"the body of the request is not JSON"}',
      );
      expect(await say("POST /swarm/init", "\r\n")).toMatch(/^501 \{"message":"mdocker /);
      expect(await say("GET /containers/%zz/top", "\r\n")).toMatch(/^400 \{"message":/);
      expect(await say("GET /nothing", "\r\n")).toBe('404 {"message":"page not found"}');
      expect(
        await say("POST /mdocker/create", `content-length: 99999999\r\n\r\n${"x".repeat(9_000_000)}`),
      ).toMatch(/^(413 \{"message":| $)/);
      expect(await say("GET /_ping", `x: ${"y".repeat(100_000)}\r\n\r\n`)).toMatch(/^(431 \{"message":| $)/);
      expect(await say("NONSENSE\u0000")).toBe('400 {"message":"this is not HTTP/1.1"}');
      await expectWell(api);
    });
  });

  test("keeps up with clients that leave, stop reading and never finish", async () => {
    await withApi(async (api) => {
      const { engine, supervisor, socket } = api;
      const client = await connectSupervisor(engine.instance);
      const { record } = await supervisor.create(
        engine.request({ args: ["/bin/sh", "-c", "while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxx; done"] }),
      );
      await supervisor.start(record.id);
      await expectWell(api);
      const before = descriptors();
      const heads = [
        `POST /containers/${record.id}/attach?stream=1&stdout=1 HTTP/1.1\r\nhost: x\r\n\r\n`,
        `POST /containers/${record.id}/attach?stream=1&stdout=1&stdin=1 HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: tcp\r\n\r\n`,
        `GET /containers/${record.id}/stats HTTP/1.1\r\nhost: x\r\n\r\n`,
        `POST /containers/${record.id}/wait HTTP/1.1\r\nhost: x\r\n\r\n`,
        "GET /events HTTP/1.1\r\nhost: x\r\n\r\n",
        "POST /mdocker/create HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{",
        `POST /exec/x/start HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: tcp\r\ncontent-length: 1000\r\n\r\n{`,
        "GET /_ping HTT",
        "",
      ];
      const crowd: Socket[] = [];
      for (let round = 0; round < 5; round++) {
        for (const head of heads) {
          const one = connect({ path: socket, allowHalfOpen: true });
          one.on("error", () => undefined);
          one.write(head);
          // Some read a little, some nothing at all; all go without a word.
          if (round % 2 === 0) one.once("data", () => one.pause());
          crowd.push(one);
        }
      }
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect((await client.request("GET", "/version")).status).toBe(200);
      for (const one of crowd) one.destroy();
      await expectWell(api);
      expect(descriptors()).toBeLessThanOrEqual(before);
      // It had to wait for those who did not read, and does no longer.
      const { connection } = await client.upgrade(`/containers/${record.id}/attach`, {
        query: { stream: true, stdout: true },
      });
      await once(connection, "data");
      connection.destroy();
      await supervisor.remove(record.id, { force: true, volumes: false });
      expect(engine.said).toEqual([]);
    });
  });
});
