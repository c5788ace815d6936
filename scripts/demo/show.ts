const coloured = process.stdout.isTTY === true;

function paint(code: number, text: string): string {
  return coloured ? `\x1b[${code}m${text}\x1b[0m` : text;
}

let steps = 0;

/** `1. Title`, numbered by itself. */
export function step(title: string): void {
  steps += 1;
  console.log(`\n${paint(1, `${steps}. ${title}`)}`);
}

/** A command as it would be typed, at the prompt of where it runs: `$`, `red$`. */
export function command(prompt: string, line: string): void {
  console.log(`   ${paint(36, prompt)} ${paint(36, line)}`);
}

/** What a command said, indented. */
export function output(text: string): void {
  if (text.trim() === "") return;
  for (const line of text.trimEnd().split("\n")) console.log(`     ${line}`);
}

/** A sentence about what was just seen. */
export function remark(text: string): void {
  console.log(`   ${paint(32, text)}`);
}

let failures = 0;

/** States what was to be proved; a false one is shown as such and makes the demo fail. */
export function prove(claim: string, holds: boolean): void {
  if (!holds) failures += 1;
  console.log(`   ${holds ? paint(32, "✓") : paint(31, "✗ NOT TRUE:")} ${claim}`);
}

/** How many claims did not hold. */
export function failedClaims(): number {
  return failures;
}
