import { createInterface } from "node:readline";
import { print } from "./output.ts";

/** Shows `warning`, asks whether to go on, and reads the answer from stdin. Anything but y or yes is a no. */
export async function confirm(warning: string): Promise<boolean> {
  print(`${warning}Are you sure you want to continue? [y/N] `);
  const lines = createInterface({ input: process.stdin });
  try {
    for await (const line of lines) return /^\s*y(es)?\s*$/i.test(line);
    // The end of stdin is no answer.
    return false;
  } finally {
    lines.close();
  }
}
