/** What text may be set off by: escape sequences of ECMA-48 "select graphic rendition". */
export interface Palette {
  readonly dim: (text: string) => string;
  readonly bold: (text: string) => string;
  readonly colour: (code: number, text: string) => string;
}

const sgr = (code: number, text: string): string => (text === "" ? "" : `\x1b[${code}m${text}\x1b[0m`);

/** A palette that colours on terminals only, and not when NO_COLOR is set (no-color.org) or the terminal is dumb. */
export function palette(isTerminal: boolean, env: NodeJS.ProcessEnv): Palette {
  const on = isTerminal && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb";
  if (!on) return { dim: (text) => text, bold: (text) => text, colour: (_, text) => text };
  return { dim: (text) => sgr(2, text), bold: (text) => sgr(1, text), colour: sgr };
}
