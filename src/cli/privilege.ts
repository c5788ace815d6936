import { SetupError } from "../core/errors.ts";

/** @throws SetupError, one line, when we are not root. `command` as the user would type it: `run ...`. */
export function requireRoot(command: string): void {
  if (process.geteuid?.() === 0) return;
  const [word] = command.split(" ");
  throw new SetupError(
    `${word} needs root: try sudo mdocker ${command}; rootless needs unprivileged user namespaces and ` +
      "subordinate ids in /etc/subuid (mdocker doctor shows what this host has)",
  );
}
