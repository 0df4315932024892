// Frame codec alone: encode and decode of full USB frames, in payload bytes per second of CPU time.
import {
  crc32c,
  encodeFrame,
  FrameKind,
  StreamDecoder,
  USB_MAX_PAYLOAD,
} from '../../src/link/frame/index.ts';
import { figure, median, standardErrorOf, type Figure } from '../figure.ts';

export const summary = 'frame codec alone: encode plus decode, and its CRC (--quick: a tenth of the bytes)';

const FRAMES = 256;
const ROUNDS = 7;

function megabytesPerSecond(bytes: number, work: () => void): number {
  const start = process.cpuUsage();
  work();
  const used = process.cpuUsage(start);
  return bytes / Math.max(1, used.user + used.system);
}

export interface CodecSpeed {
  /** One value per round, MB/s of payload: both directions of one byte, and the CRC of one direction. */
  codec: number[];
  crc: number[];
}

/** Measures the codec on full USB frames; shared with the bench of the link. */
export function codecSpeed(passes: number): CodecSpeed {
  const payloads = Array.from({ length: FRAMES }, (_, f) =>
    Uint8Array.from({ length: USB_MAX_PAYLOAD }, (_, k) => (k * 31 + f * 7) & 255),
  );
  const bytes = passes * FRAMES * USB_MAX_PAYLOAD;
  let delivered = 0;
  const decoder = new StreamDecoder({
    role: 'host',
    maxPayload: USB_MAX_PAYLOAD,
    onResult: (result) => {
      if (result.kind === 'frame') delivered += result.frame.payload.length;
    },
  });
  const both = (): void => {
    for (let pass = 0; pass < passes; pass++)
      for (let f = 0; f < FRAMES; f++)
        decoder.push(
          encodeFrame({ kind: FrameKind.samples, flags: 0, session: 1, seq: f, payload: payloads[f] }),
        );
  };
  const sum = (): void => {
    for (let pass = 0; pass < passes; pass++) for (const payload of payloads) crc32c(payload);
  };
  both();
  sum();
  delivered = 0;
  const codec = Array.from({ length: ROUNDS }, () => megabytesPerSecond(bytes, both));
  if (delivered !== ROUNDS * bytes)
    throw new Error(`the decoder delivered ${delivered} of ${ROUNDS * bytes} bytes`);
  const crc = Array.from({ length: ROUNDS }, () => megabytesPerSecond(bytes, sum));
  return { codec, crc };
}

export function run({ options }: { options: string[] }): Promise<Figure[]> {
  const { codec, crc } = codecSpeed(options.includes('--quick') ? 10 : 100);
  return Promise.resolve([
    // Both directions of one byte: the link's own target of 150 MB/s is judged by its bench.
    figure('codec_MBps', median(codec), 'MB/s', { spread: standardErrorOf(codec), n: ROUNDS }),
    figure('crc32c_MBps', median(crc), 'MB/s', { spread: standardErrorOf(crc), n: ROUNDS }),
  ]);
}
