/** A value as Go's %v prints it: `[a b]`, `map[k:v]` with its keys in order, `<no value>` for none. */
export function showValue(value: unknown, within = false): string {
  if (value === undefined || value === null) return within ? "<nil>" : "<no value>";
  if (Array.isArray(value)) return `[${value.map((item) => showValue(item, true)).join(" ")}]`;
  if (typeof value === "object") {
    const entries = Object.entries(value)
      .filter(([, item]) => item !== undefined && typeof item !== "function")
      .sort(([a], [b]) => (a < b ? -1 : 1));
    return `map[${entries.map(([key, item]) => `${key}:${showValue(item, true)}`).join(" ")}]`;
  }
  return String(value);
}

/** Go's %q: a string in double quotes. */
function quote(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(quote).join(" ")}]`;
  return JSON.stringify(showValue(value));
}

function number(value: unknown, verb: string, precision: number | undefined): string | undefined {
  if (typeof value !== "number" && typeof value !== "bigint") return undefined;
  switch (verb) {
    case "d":
      return Number.isInteger(Number(value)) ? String(value) : undefined;
    case "f":
    case "F":
      return Number(value).toFixed(precision ?? 6);
    case "g":
      return String(precision === undefined ? value : Number(Number(value).toPrecision(precision || 1)));
    case "e":
      return Number(value).toExponential(precision ?? 6);
    case "x":
      return value.toString(16);
    case "X":
      return value.toString(16).toUpperCase();
    case "o":
      return value.toString(8);
    case "b":
      return value.toString(2);
    case "c":
      return String.fromCodePoint(Number(value));
    default:
      return undefined;
  }
}

function formatted(value: unknown, verb: string, precision: number | undefined): string {
  if (verb === "v") return showValue(value, true);
  if (verb === "s" && typeof value !== "number") return showValue(value, true).slice(0, precision);
  if (verb === "q") return quote(value);
  if (verb === "t" && typeof value === "boolean") return String(value);
  if (verb === "x" && typeof value === "string") return Buffer.from(value).toString("hex");
  return number(value, verb, precision) ?? `%!${verb}(${typeof value}=${showValue(value, true)})`;
}

/** Go's Sprintf, for the verbs that make sense of JSON's values. */
export function sprintf(format: string, values: readonly unknown[]): string {
  let at = 0;
  const text = format.replaceAll(
    /%([-+ 0#]*)(\d+)?(?:\.(\d*))?([a-zA-Z%])/g,
    (_, flags: string, width: string | undefined, precision: string | undefined, verb: string) => {
      if (verb === "%") return "%";
      if (at >= values.length) return `%!${verb}(MISSING)`;
      const value = values[at++];
      const shown = formatted(value, verb, precision === undefined ? undefined : Number(precision));
      const plus = flags.includes("+") && typeof value === "number" && value >= 0 ? "+" : "";
      const long = Math.min(Number(width ?? 0), 10_000);
      if (flags.includes("-")) return `${plus}${shown}`.padEnd(long);
      if (flags.includes("0") && typeof value === "number") {
        const sign = shown.startsWith("-") ? "-" : plus;
        return sign + shown.replace("-", "").padStart(long - sign.length, "0");
      }
      return `${plus}${shown}`.padStart(long);
    },
  );
  const rest = values.slice(at).map((value) => `${typeof value}=${showValue(value, true)}`);
  return rest.length === 0 ? text : `${text}%!(EXTRA ${rest.join(", ")})`;
}
