// The golden vectors of test/vectors, typed, and the one line of text that says what a receiver reported: the same for
// every implementation, so that they can be compared as text.
import { readFileSync } from 'node:fs';
import { StreamDecoder } from '../../src/link/frame/index.ts';
import type { DecodeResult, Frame, FrameKindValue, FrameRole } from '../../src/link/frame/index.ts';

interface FrameText {
  kind: FrameKindValue;
  flags: number;
  session: number;
  seq: number;
  /** Hexadecimal. */
  payload: string;
}
interface Source {
  name: string;
  role: FrameRole;
  maxPayload: number;
  /** Hexadecimal bytes of the stream. */
  wire: string;
}
export interface AcceptVector extends Source {
  canonical: boolean;
  frameBytes: number;
  frame: FrameText;
}
export interface RejectVector extends Source {
  result: 'corrupt' | 'rejected';
  reason: string;
}
type StreamResult = ({ result: 'frame' } & FrameText) | { result: 'corrupt' | 'rejected'; reason: string };

const load = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), 'utf8'));

export const frameVectors = load('frames') as {
  crc32c: { name: string; bytes: string; crc: string }[];
  accepts: AcceptVector[];
  rejects: RejectVector[];
};
export const streamVectors = (load('streams') as { streams: (Source & { results: StreamResult[] })[] })
  .streams;

/** Every vector as a stream and the lines it must give. */
export const allStreams: (Source & { lines: string[] })[] = [
  ...frameVectors.accepts.map((v) => ({ ...v, lines: [lineOf({ result: 'frame', ...v.frame })] })),
  ...frameVectors.rejects.map((v) => ({ ...v, lines: [lineOf(v)] })),
  ...streamVectors.map((v) => ({ ...v, lines: v.results.map(lineOf) })),
];

export const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));
export const hexOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');

function lineOf(result: StreamResult): string {
  if (result.result !== 'frame') return `${result.result} ${result.reason}`;
  const { kind, flags, session, seq, payload } = result;
  return `frame ${kind} ${flags} ${session} ${seq} ${payload === '' ? '-' : payload}`;
}

/** What the host's and the twin's decoder reports, as such a line. */
export function lineOfResult(result: DecodeResult): string {
  if (result.kind !== 'frame') return `${result.kind} ${result.reason}`;
  return lineOf({ result: 'frame', ...result.frame, payload: hexOf(result.frame.payload) });
}

/** Decodes a stream given in pieces with src/link/frame. */
export function decodedLines(role: FrameRole, maxPayload: number, pieces: Iterable<Uint8Array>): string[] {
  const lines: string[] = [];
  const onResult = (result: DecodeResult): void => void lines.push(lineOfResult(result));
  const decoder = new StreamDecoder({ role, maxPayload, onResult });
  for (const piece of pieces) decoder.push(piece);
  return lines;
}

export const frameOf = (vector: AcceptVector): Frame => ({
  ...vector.frame,
  payload: bytesOf(vector.frame.payload),
});
