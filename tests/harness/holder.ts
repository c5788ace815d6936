import { startCommand } from "./command.ts";

/** Namespaces of their own, alive as long as their holder process is. */
export interface Namespaces {
  readonly pid: number;
  /** Put before a command, this runs it in there: `nsenter ... --`. */
  readonly enter: readonly string[];
  /** Ends the holder: what no other process uses of the namespaces is gone then. */
  readonly close: () => Promise<void>;
}

/**
 * Makes namespaces by unshare(1) and runs `script` (sh) in them; they stay until `close`, or until this process dies:
 * the holder waits on a pipe from here. Mounts made in there never reach the host.
 * @throws Error with the script's output when it fails.
 */
export async function makeNamespaces(
  kinds: readonly ("net" | "mount")[],
  script: string,
): Promise<Namespaces> {
  const flags = kinds.map((kind) => `--${kind}`);
  const privately = kinds.includes("mount") ? ["--propagation", "private"] : [];
  const holder = startCommand(
    // What the script starts in the background must not read from the pipe that the holder waits on.
    ["unshare", ...flags, ...privately, "--", "sh", "-ec", `${script}\necho holding\nexec cat`],
    { env: { PATH: process.env["PATH"] }, deadline: 2 ** 31 - 1 },
  );
  await holder.says(/^holding$/m);
  return {
    pid: holder.pid,
    enter: ["nsenter", "--target", String(holder.pid), ...flags, "--"],
    close: async () => {
      holder.child.stdin.end();
      await holder.ended;
    },
  };
}
