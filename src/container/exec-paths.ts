/**
 * The files that execve is tried on, as execvp(3) does it: the command itself when it names a path, else each
 * directory of the container's PATH in turn.
 */
export function execCandidates(command: string, env: readonly string[]): string[] {
  if (command.includes("/")) return [command];
  const path = env.find((entry) => entry.startsWith("PATH="))?.slice(5) ?? "/usr/local/bin:/usr/bin:/bin";
  return path
    .split(":")
    .map((directory) => `${directory === "" ? "." : directory.replace(/\/$/, "")}/${command}`);
}
