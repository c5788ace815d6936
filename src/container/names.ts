import { closeSync, openSync, readSync } from "node:fs";

const adjectives =
  "able amber brave brisk calm clear clever crisp deft eager fair fleet fond glad grand happy keen kind lively lucid merry mild neat noble plucky prompt proud quick quiet sharp smart solid steady stout sunny swift tidy vivid warm wise".split(
    " ",
  );
const pioneers =
  "baran berners cerf clark comer davies diffie dijkstra engelbart estrin feinler floyd hamming hopper jacobson kahn karels kleinrock liskov lovelace metcalfe mockapetris moy perlman pouzin postel radia rekhter roberts shannon stevens taylor tomlinson turing zimmermann".split(
    " ",
  );

/** Random bytes straight from the kernel; node:crypto would cost a millisecond of every start. */
function randomBytes(count: number): Buffer {
  const fd = openSync("/dev/urandom", "r");
  try {
    const buffer = Buffer.alloc(count);
    readSync(fd, buffer, 0, count, null);
    return buffer;
  } finally {
    closeSync(fd);
  }
}

/** A container id: 64 hex digits. */
export function newId(): string {
  return randomBytes(32).toString("hex");
}

/** A name such as `brave_perlman`; `attempt` above 0 appends a number, so that a busy host still finds one. */
export function newName(attempt: number): string {
  const random = randomBytes(4);
  const adjective = adjectives[random.readUInt16LE(0) % adjectives.length];
  const pioneer = pioneers[random.readUInt16LE(2) % pioneers.length];
  return attempt === 0
    ? `${adjective}_${pioneer}`
    : `${adjective}_${pioneer}${randomBytes(2).readUInt16LE(0)}`;
}

/** What docker allows as a container name. */
export const namePattern: RegExp = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/;
