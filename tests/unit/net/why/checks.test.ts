import { expect, test } from "vitest";
import type { Case } from "../../../../net/why/case.ts";
import { checkTable } from "../../../../net/why/checks/conntrack.ts";
import type { Facts } from "../../../../net/why/facts.ts";
import { fail, pass, suspect } from "../../../../net/why/hop.ts";
import { candidates, question, readAnswer } from "../../../../net/why/names.ts";
import type { Station } from "../../../../net/why/station.ts";
import { weigh } from "../../../../net/why/verdict.ts";

const facts: Facts = {
  links: [],
  addresses: [],
  routes: [],
  rules: [],
  neighbours: [],
  fdb: [],
  qdiscs: [],
  sysctls: { "net/netfilter/nf_conntrack_count": "64", "net/netfilter/nf_conntrack_max": "64" },
};
const host: Station = { name: "host", kind: "host", pid: 1, given: [], facts, tables: [], foreign: [] };
const nowhere = { legs: [], end: "nobody", flow: { protocol: "icmp", source: "", destination: "" } } as const;

function caseOf(station: Station): Case {
  const scene = {
    from: station,
    host: station,
    to: undefined,
    stations: [station],
    route: () => ({ refused: "ENETUNREACH" }),
  };
  return {
    scene,
    owner: "mdocker",
    networks: [],
    mappings: [],
    listeners: [],
    containerListeners: [],
    there: nowhere,
    back: undefined,
  };
}

test("a table of connections that is full, nearly full, and roomy", () => {
  const of = (count: string) =>
    checkTable(
      caseOf({
        ...host,
        facts: { ...facts, sysctls: { ...facts.sysctls, "net/netfilter/nf_conntrack_count": count } },
      }),
    );
  expect(of("64")).toMatchObject({
    status: "fail",
    fault: "conntrack-full",
    seen: "64 of 64 entries: new connections are dropped",
  });
  expect(of("60")).toMatchObject({ status: "note" });
  expect(of("3")).toMatchObject({ status: "pass" });
});

test("the probe decides, the checks explain", () => {
  const place = { at: "web", what: "link eth0" };
  const good = pass(place, "up");
  const bad = fail(place, "link-down", "down");
  const perhaps = suspect(place, "qdisc", "loss 10%");
  const answered = { outcome: "answered", said: "" } as const;
  const silent = { outcome: "silent", said: "" } as const;
  expect(weigh([good], answered, undefined)).toMatchObject({ verdict: "reachable", remarks: [] });
  expect(weigh([good, bad], silent, undefined)).toMatchObject({ verdict: "unreachable", cause: bad });
  expect(weigh([bad], answered, undefined)).toMatchObject({ verdict: "faulty", cause: bad });
  expect(weigh([perhaps], answered, undefined)).toMatchObject({ verdict: "reachable" });
  expect(weigh([good, perhaps], silent, undefined)).toMatchObject({ verdict: "unreachable", cause: perhaps });
  expect(weigh([good], silent, { fault: "unexplained", hop: bad })).toMatchObject({
    verdict: "unreachable",
    cause: bad,
  });
  expect(weigh([good], { ...silent, open: true }, undefined)).toMatchObject({ verdict: "reachable" });
  expect(weigh([bad], undefined, undefined)).toMatchObject({ verdict: "unreachable" });
});

test("a question for a name, and its answer", () => {
  const asked = question(0x1234, "db.red", false);
  expect(asked.toString("hex")).toBe("123401000001000000000000026462037265640000010001");
  const answer = Buffer.concat([asked, Buffer.from("c00c000100010000000000040ac80103", "hex")]);
  answer.writeUInt16BE(0x8180, 2);
  answer.writeUInt16BE(1, 6);
  expect(readAnswer(answer, 0x1234)).toEqual({ code: 0, addresses: ["10.200.1.3"] });
  expect(readAnswer(answer, 1)).toBeUndefined();
  expect(readAnswer(asked, 0x1234)).toBeUndefined();
  expect(() => readAnswer(answer.subarray(0, -8), 0x1234)).toThrow(RangeError);
});

test("names as a resolver tries them", () => {
  const search = ["red", "example.com"];
  expect(candidates("db", { search, options: [] })).toEqual(["db.red", "db.example.com", "db"]);
  expect(candidates("db.red", { search, options: [] })[0]).toBe("db.red");
  expect(candidates("db.red", { search, options: ["ndots:5"] })[0]).toBe("db.red.red");
  expect(candidates("db.", { search, options: [] })).toEqual(["db"]);
});
