import type { RawPath } from "../../core/raw-path.ts";
import type { ArchiveEntry } from "./entry.ts";
import { attributePrefix, checksum, padding, tar, typeLetters } from "./tar-format.ts";

/** The largest number of so many bytes, octal with a zero byte at the end. */
function fits(value: number, length: number): boolean {
  return value >= 0 && value < 8 ** (length - 1);
}

function put(header: Buffer, [at, length]: readonly [number, number], value: number): void {
  const known = fits(value, length) ? value : 0;
  header.write(known.toString(8).padStart(length - 1, "0"), at, "latin1");
}

function block(type: string, name: RawPath, size: number, fill: (header: Buffer) => void): Buffer {
  const header = Buffer.alloc(tar.block);
  header.write(name.slice(0, tar.name[1]), tar.name[0], "latin1");
  put(header, tar.size, size);
  header.write(type, tar.type, "latin1");
  header.write("ustar\0" + "00", tar.magic[0], "latin1");
  fill(header);
  header.write(`${checksum(header).toString(8).padStart(6, "0")}\0 `, tar.checksum[0], "latin1");
  return header;
}

/** One line of an extended header: `LENGTH KEY=VALUE\n`, its own length included. */
function record(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from("\n")]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

/** What the plain header has no room for. */
function extended(entry: ArchiveEntry, name: RawPath): Buffer {
  const records: Buffer[] = [];
  const add = (key: string, value: string) => records.push(record(key, Buffer.from(value, "latin1")));
  if (name.length > tar.name[1]) add("path", name);
  if (entry.target.length > tar.linkname[1]) add("linkpath", entry.target);
  if (!fits(entry.size, tar.size[1])) add("size", String(entry.size));
  if (!fits(entry.uid, tar.uid[1])) add("uid", String(entry.uid));
  if (!fits(entry.gid, tar.gid[1])) add("gid", String(entry.gid));
  const mtime = Math.floor(entry.mtime);
  if (!fits(mtime, tar.mtime[1])) add("mtime", String(mtime));
  for (const [key, value] of entry.attributes) records.push(record(attributePrefix + key, value));
  return Buffer.concat(records);
}

/** The header of one entry, with the extended one before it where one is needed. */
function header(entry: ArchiveEntry): Buffer {
  const name = entry.kind === "directory" ? `${entry.name}/` : entry.name;
  const blocks: Buffer[] = [];
  const more = extended(entry, name);
  if (more.length > 0) {
    const base = name.replace(/\/$/, "").split("/").at(-1) ?? "";
    blocks.push(
      block("x", `PaxHeaders.0/${base}`, more.length, (fields) => put(fields, tar.mode, 0o644)),
      more,
      Buffer.alloc(padding(more.length)),
    );
  }
  blocks.push(
    block(typeLetters[entry.kind], name, entry.size, (fields) => {
      put(fields, tar.mode, entry.mode);
      put(fields, tar.uid, entry.uid);
      put(fields, tar.gid, entry.gid);
      put(fields, tar.mtime, Math.floor(entry.mtime));
      fields.write(entry.target.slice(0, tar.linkname[1]), tar.linkname[0], "latin1");
      put(fields, tar.devmajor, entry.major);
      put(fields, tar.devminor, entry.minor);
    }),
  );
  return Buffer.concat(blocks);
}

/** The entries as a tar stream, in chunks: names as they are, byte by byte; times in whole seconds. */
export async function* writeTar(entries: AsyncIterable<ArchiveEntry>): AsyncGenerator<Buffer> {
  for await (const entry of entries) {
    yield header(entry);
    if (entry.content === undefined) continue;
    for await (const chunk of entry.content) yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    const fill = padding(entry.size);
    if (fill > 0) yield Buffer.alloc(fill);
  }
  yield Buffer.alloc(2 * tar.block);
}
