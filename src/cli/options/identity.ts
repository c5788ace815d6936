import { namePattern } from "../../container/names.ts";
import type { RunRequest } from "../../container/request.ts";
import { UsageError } from "../../core/errors.ts";
import { type Flags, refuse, shown } from "../flags.ts";
import { type HostView, hostPath } from "../host-view.ts";
import { field } from "../number.ts";
import type { OptionTable } from "../option-row.ts";
import { readLines } from "../text-file.ts";

export const identityOptions: OptionTable = {
  heading: "Container:",
  rows: [
    { flags: "--name <name>", about: "name it; else it gets one such as brave_perlman" },
    { flags: "-h, --hostname <name>", about: "host name in the container; else the beginning of its id" },
    { flags: "-l, --label <name[=value]>", about: "attach a label" },
    { flags: "--label-file <file>", about: "attach the labels of a file" },
    { flags: "--cidfile <file>", about: "write the container's id to this new file" },
    { flags: "--rm", about: "leave nothing behind when it ends (the default without -d)" },
    { flags: "--keep", about: "keep its record and writable layer until mdocker rm" },
  ],
};

type Identity = Pick<RunRequest, "name" | "hostname" | "labels" | "cidFile" | "keep">;

function readLabels(flags: Flags, view: HostView): Record<string, string> {
  const files = flags.all("label-file").flatMap((given) => readLines(given, view));
  const single = flags.all("label").map(({ value, from }) => ({ text: value, at: from }));
  const labels: [string, string][] = [...files, ...single].map(({ text, at }) => {
    const equals = text.indexOf("=");
    const name = equals < 0 ? text : text.slice(0, equals);
    if (name === "" || /\s/.test(name)) {
      throw new UsageError(`${at}: ${shown(text)}: expected NAME or NAME=VALUE, no blanks in the name`);
    }
    return [name, equals < 0 ? "" : text.slice(equals + 1)];
  });
  return Object.fromEntries(labels);
}

/** What the container is called, and whether it stays. @throws UsageError */
export function readIdentity(flags: Flags, view: HostView): Identity {
  const name = flags.one("name");
  if (name !== undefined && !namePattern.test(name.value)) {
    refuse(name, "letters, digits, _ . or -, beginning with a letter or digit");
  }
  const hostname = flags.one("hostname");
  // 64 is __NEW_UTS_LEN of include/uapi/linux/utsname.h.
  if (hostname !== undefined && !/^[a-z0-9]([a-z0-9_.-]{0,62}[a-z0-9])?$/i.test(hostname.value)) {
    refuse(hostname, "up to 64 letters, digits, . and -");
  }
  const cidFile = flags.one("cidfile");
  if (cidFile !== undefined && (cidFile.value === "" || cidFile.value.includes("\0"))) {
    refuse(cidFile, "the path of a file");
  }
  const [remove, keep] = [flags.flag("rm"), flags.flag("keep")];
  if (remove === true && keep === true) {
    throw new UsageError(
      "--rm and --keep contradict: the first leaves nothing behind, the second everything",
    );
  }
  return {
    ...field("name", name?.value),
    ...field("hostname", hostname?.value),
    labels: readLabels(flags, view),
    ...field("cidFile", cidFile === undefined ? undefined : hostPath(cidFile, view)),
    keep: keep ?? remove === false,
  };
}
