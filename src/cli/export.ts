import { closeSync, constants, openSync, statSync, writeSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import { exportContainer } from "../container/archive/transfer.ts";
import { findContainer } from "../container/refresh.ts";
import { hasErrno, SetupError, UsageError } from "../core/errors.ts";
import { UnnamedFile } from "../sys/unnamed-file.ts";
import { printBytes } from "./output.ts";
import { requireRoot } from "./privilege.ts";
import { instanceOf } from "./program.ts";
import { isTerminal } from "./terminal.ts";

async function writeAll(fd: number, stream: AsyncIterable<Uint8Array>, path: string): Promise<void> {
  try {
    for await (const chunk of stream) for (let at = 0; at < chunk.length; ) at += writeSync(fd, chunk, at);
  } catch (error) {
    if (hasErrno(error, "ENOSPC", "EDQUOT"))
      throw new SetupError(`${path}: no space left on the device`, { cause: error });
    throw error;
  }
}

/** Writes to a file that appears when it is complete; into a device or FIFO directly. */
async function writeFile(path: string, stream: AsyncIterable<Uint8Array>): Promise<void> {
  const about = statSync(path, { throwIfNoEntry: false });
  if (about?.isDirectory()) throw new UsageError(`-o ${path}: is a directory: name a file in it`);
  if (about !== undefined && !about.isFile()) {
    const fd = openSync(path, constants.O_WRONLY);
    try {
      await writeAll(fd, stream, path);
    } finally {
      closeSync(fd);
    }
    return;
  }
  let file: UnnamedFile;
  try {
    file = new UnnamedFile(resolve(path), 0o600);
  } catch (error) {
    if (hasErrno(error, "ENOENT", "ENOTDIR"))
      throw new UsageError(`-o ${path}: no such directory`, { cause: error });
    throw error;
  }
  try {
    await writeAll(file.fd, stream, path);
    file.publish();
  } finally {
    file.close();
  }
}

/** Adds `export`. */
export function registerExport(program: Command): void {
  const command = program
    .command("export")
    .summary("write a container's files as a tar archive")
    .description(
      "Writes all files of a container, running or not, to stdout or a file: its root without volumes and other mounts, " +
        "sorted by name.",
    )
    .helpOption("--help", "show help")
    .argument("<container>", "name, id or beginning of an id")
    .option("-o, --output <file>", "write there instead of stdout; the file appears when it is complete")
    .action(async (reference: string, { output }: { readonly output?: string }) => {
      requireRoot("export ...");
      if (output === undefined && (await isTerminal(1)))
        throw new UsageError("export: an archive is not for a terminal: redirect it, or use -o FILE");
      const instance = instanceOf(command);
      const stream = exportContainer(instance, findContainer(instance, reference));
      if (output !== undefined) return writeFile(output, stream);
      for await (const chunk of stream) printBytes(chunk as Uint8Array);
    });
}
