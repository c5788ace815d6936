import { expect, test } from "vitest";
import { parseTarget } from "../../../src/container/why/target.ts";
import { UsageError } from "../../../src/core/errors.ts";

test.each([
  ["db", { host: "db", protocol: "icmp" }],
  ["db:5432", { host: "db", port: 5432, protocol: "tcp" }],
  ["db:53/udp", { host: "db", port: 53, protocol: "udp" }],
  ["10.200.1.3:80/tcp", { host: "10.200.1.3", port: 80, protocol: "tcp" }],
  ["fd00::2", { host: "fd00::2", protocol: "icmp" }],
  ["[fd00::2]:80", { host: "fd00::2", port: 80, protocol: "tcp" }],
  ["[fd00::2]", { host: "fd00::2", protocol: "icmp" }],
])("%s", (text, target) => {
  expect(parseTarget(text)).toEqual(target);
});

test.each([
  "",
  ":80",
  "db:",
  "db:0",
  "db:65536",
  "db:x",
  "db/udp",
  "db:80/sctp",
  "db:80/icmp",
  "fd00::2x:1:80",
])("%j is refused", (text) => {
  expect(() => parseTarget(text)).toThrow(UsageError);
});
