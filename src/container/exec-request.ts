/** One more command in a running container, as the command line or an API body ask for it. */
export interface ExecRequest {
  readonly args: readonly string[];
  /** `NAME=value`; a name alone takes the variable away. */
  readonly env: readonly string[];
  /** Absolute; default: the container's own. */
  readonly cwd?: string | undefined;
  /** `user`, `uid`, `user:group`, `uid:gid`; names are looked up in the container as it is now. */
  readonly user?: string | undefined;
  readonly terminal: boolean;
  /** The terminal's size at first. */
  readonly size?: { readonly rows: number; readonly columns: number } | undefined;
  /** With all capabilities that there are to give. */
  readonly privileged: boolean;
}

/**
 * How long it lives. `foreground`: it is killed when the process that started it is gone. `detached`: nobody asks for it
 * any more, and nothing of it stays. `kept`: it lives on without its starter, and how it ended is written down.
 */
export type ExecLifetime = "foreground" | "detached" | "kept";
