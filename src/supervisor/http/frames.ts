/** The streams of docker's multiplexed format, by the number that stands for each. */
const streamNumbers = { stdin: 0, stdout: 1, stderr: 2 } as const;

export type FramedStream = keyof typeof streamNumbers;

const headerSize = 8;

/** The header of a frame: stream u8@0 · zero u8[3]@1 · length u32@4 (big-endian). */
export function frameHeader(stream: FramedStream, length: number): Buffer {
  const header = Buffer.alloc(headerSize);
  header[0] = streamNumbers[stream];
  header.writeUInt32BE(length, 4);
  return header;
}

/** `bytes` as one frame. */
export function frame(stream: FramedStream, bytes: Uint8Array): Buffer {
  return Buffer.concat([frameHeader(stream, bytes.length), bytes]);
}
