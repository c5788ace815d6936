import { describePorts } from "../container/ports.ts";
import type { ContainerRecord } from "../container/record.ts";
import type { ContainerSize } from "../container/size.ts";
import { describeStatus, networksOf } from "../container/status.ts";
import { describeAge } from "../core/age.ts";
import type { OciMount } from "../core/oci.ts";
import { formatDecimalBytes } from "../core/units.ts";
import { type RowStyle, renderRows } from "./rows.ts";

/** A container as `ps` shows it; the fields of --format, named as docker names them. */
export interface PsRow {
  readonly ID: string;
  readonly Image: string;
  readonly Command: string;
  readonly CreatedAt: string;
  readonly RunningFor: string;
  readonly Status: string;
  readonly State: string;
  readonly Ports: string;
  readonly Names: string;
  readonly Networks: string;
  /** Its addresses on those: docker has no such field. */
  readonly Addresses: string;
  readonly Labels: string;
  readonly Mounts: string;
  readonly LocalVolumes: string;
  readonly Size: string;
  /** `{{.Label "name"}}`: no part of the JSON. */
  readonly Label: (name: unknown) => string;
}

const columns = ["ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names"];
const headings = {
  ID: "CONTAINER ID",
  Image: "IMAGE",
  Command: "COMMAND",
  CreatedAt: "CREATED AT",
  RunningFor: "CREATED",
  Status: "STATUS",
  State: "STATE",
  Ports: "PORTS",
  Names: "NAMES",
  Networks: "NETWORKS",
  Addresses: "ADDRESSES",
  Labels: "LABELS",
  Mounts: "MOUNTS",
  LocalVolumes: "LOCAL VOLUMES",
  Size: "SIZE",
  Label: (name: unknown) => String(name).replace(/^.*[./]/, ""),
};

/** What is known of a container beside its record, where it was asked for. */
export interface PsFacts {
  readonly size?: ContainerSize | undefined;
  readonly mounts?: readonly OciMount[] | undefined;
}

/** `2026-01-02 03:04:05 +0000 UTC`: how Go prints a time. */
function goTime(iso: string): string {
  return iso.replace(/^(.{10})T(.{8}).*$/, "$1 $2 +0000 UTC");
}

/** Volumes by name, other mounts by the host's path; docker cuts both at 15 characters. */
function mountNames(mounts: readonly OciMount[], whole: boolean): string[] {
  return mounts
    .filter(({ type, destination }) => type === "bind" && !destination.startsWith("/etc/"))
    .map(({ source = "" }) => /\/volumes\/([^/]+)\/_data$/.exec(source)?.[1] ?? source)
    .map((name) => (whole || name.length <= 15 ? name : `${name.slice(0, 14)}…`));
}

/** What `ps` shows of a record; `now` in milliseconds since 1970; `whole`: nothing is cut. */
export function describeContainer(
  record: ContainerRecord,
  now: number,
  whole: boolean,
  { size, mounts = [] }: PsFacts = {},
): PsRow {
  const command = record.command.join(" ").replaceAll(/\p{C}/gu, "?");
  const cut = !whole && command.length > 20 ? `${command.slice(0, 19)}…` : command;
  const { labels } = record;
  return {
    ID: whole ? record.id : record.id.slice(0, 12),
    Image: record.image,
    Command: `"${cut}"`,
    CreatedAt: goTime(record.created),
    RunningFor: `${describeAge(Math.max(0, now - Date.parse(record.created)))} ago`,
    Status: describeStatus(record, now),
    State: record.state,
    Ports: describePorts(record),
    Names: record.name,
    Networks: networksOf(record).join(","),
    Addresses: record.endpoints.map(({ address }) => address).join(","),
    Labels: Object.entries(labels)
      .map(([name, value]) => `${name}=${value}`)
      .join(","),
    Mounts: mountNames(mounts, whole).join(","),
    LocalVolumes: String(mounts.filter(({ source = "" }) => /\/volumes\/[^/]+\/_data$/.test(source)).length),
    Size:
      size === undefined
        ? "0B"
        : `${formatDecimalBytes(size.writable)} (virtual ${formatDecimalBytes(size.whole)})`,
    Label: (name) => (Object.hasOwn(labels, String(name)) ? (labels[String(name)] ?? "") : ""),
  };
}

/** The rows as asked for: table, ids, a template for each, or JSON lines. @throws UsageError */
export function renderContainers(
  rows: readonly PsRow[],
  { quiet, format, size }: { readonly quiet?: boolean; readonly format?: string; readonly size?: boolean },
): string {
  if (quiet) return rows.map((row) => `${row.ID}\n`).join("");
  const style: RowStyle = { columns: size ? [...columns, "Size"] : columns, headings };
  return renderRows(rows, format, style);
}
