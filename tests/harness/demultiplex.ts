/** The streams in docker's frames, put together again. Throws when the bytes are not whole frames. */
export function demultiplex(bytes: Buffer): { readonly stdout: string; readonly stderr: string } {
  const parts: { stdout: Buffer[]; stderr: Buffer[] } = { stdout: [], stderr: [] };
  for (let at = 0; at < bytes.length; ) {
    const number = bytes[at];
    const length = bytes.readUInt32BE(at + 4);
    const name = number === 1 ? "stdout" : number === 2 ? "stderr" : undefined;
    if (name === undefined || bytes.readUIntBE(at + 1, 3) !== 0 || at + 8 + length > bytes.length)
      throw new Error(`no frame at byte ${at} of ${bytes.length}`);
    parts[name].push(bytes.subarray(at + 8, at + 8 + length));
    at += 8 + length;
  }
  return { stdout: Buffer.concat(parts.stdout).toString(), stderr: Buffer.concat(parts.stderr).toString() };
}
