import { type Given, refuse } from "../flags.ts";

/**
 * Splits a command as a POSIX shell would split its words: blanks, single and double quotes, backslashes; nothing is
 * expanded. @throws UsageError for an open quote
 */
export function splitWords(given: Given): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = "";
  const text = given.value;
  for (let at = 0; at < text.length; at++) {
    const letter = text.charAt(at);
    const next = text.charAt(at + 1);
    if (quote === "'" || (quote === '"' && letter !== "\\")) {
      if (letter === quote) quote = "";
      else word = (word ?? "") + letter;
    } else if (letter === "\\") {
      if (next === "") refuse(given, "a character after the last backslash");
      // Between double quotes a backslash is for itself, the quote, $ and ` only.
      word = (word ?? "") + (quote === '"' && !'"\\$`'.includes(next) ? `\\${next}` : next);
      at += 1;
    } else if (letter === "'" || letter === '"') {
      quote = letter;
      word ??= "";
    } else if (/\s/.test(letter)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? "") + letter;
    }
  }
  if (quote !== "") refuse(given, `a closing ${quote}`);
  return word === undefined ? words : [...words, word];
}
