// Sees the frames that leave a line without decoding them all: the time of the first and the last CHUNK, and of every
// StopRun. A frame starts with a COBS code above 1, so that its second byte on the wire is version and kind.
import { FrameKind, StreamDecoder, WIRE_VERSION } from '../../src/link/frame/index.ts';
import { decodeEnvelope } from '../../src/link/messages/index.ts';

const VERSION_BITS = WIRE_VERSION << 4;
/** Nothing that is watched for is longer; a StopRun has about 25 bytes. */
const SMALL_FRAME_BYTES = 64;

/** CHUNK frames since the last look; null: none. */
export interface ChunkSpan {
  first_ms: number;
  last_ms: number;
  frames: number;
}

export class FrameWatch {
  readonly #onStop: (at_ms: number, requestId: number) => void;
  readonly #decoder: StreamDecoder;
  /** Bytes of the current frame seen so far, and its first ones. */
  #length = 0;
  #head = new Uint8Array(SMALL_FRAME_BYTES);
  #chunks: ChunkSpan | null = null;
  #now_ms = 0;

  /** `onStop` gets when the last byte of a StopRun left, and its request id. */
  constructor(onStop: (at_ms: number, requestId: number) => void) {
    this.#onStop = onStop;
    this.#decoder = new StreamDecoder({
      role: 'device',
      maxPayload: SMALL_FRAME_BYTES,
      onResult: (result) => {
        if (result.kind !== 'frame') return;
        const envelope = decodeEnvelope(result.frame.payload);
        if (envelope.ok && envelope.value.body?.type === 'stopRun')
          this.#onStop(this.#now_ms, envelope.value.requestId);
      },
    });
  }

  /** As LaneOptions.onLeave. */
  take(piece: Uint8Array, start_ms: number, byte_ms: number): void {
    for (let from = 0; from < piece.length;) {
      const delimiter = piece.indexOf(0, from);
      const end = delimiter < 0 ? piece.length : delimiter;
      this.#keep(piece.subarray(from, Math.min(end, from + SMALL_FRAME_BYTES)));
      this.#length += end - from - Math.min(end - from, SMALL_FRAME_BYTES);
      if (delimiter >= 0) this.#finish(start_ms + (delimiter + 1) * byte_ms);
      from = end + 1;
    }
  }

  /** The CHUNK frames since the last call. */
  takeChunks(): ChunkSpan | null {
    const chunks = this.#chunks;
    this.#chunks = null;
    return chunks;
  }

  #keep(bytes: Uint8Array): void {
    const room = Math.max(0, SMALL_FRAME_BYTES - this.#length);
    if (room > 0) this.#head.set(bytes.subarray(0, room), this.#length);
    this.#length += bytes.length;
  }

  #finish(at_ms: number): void {
    const kind = this.#length >= 2 ? this.#head[1] ^ VERSION_BITS : 0;
    if (kind === FrameKind.chunk) {
      this.#chunks ??= { first_ms: at_ms, last_ms: at_ms, frames: 0 };
      this.#chunks.last_ms = at_ms;
      this.#chunks.frames += 1;
    } else if (kind === FrameKind.rpc && this.#length < SMALL_FRAME_BYTES) {
      this.#now_ms = at_ms;
      this.#decoder.push(this.#head.slice(0, this.#length));
      this.#decoder.push(Uint8Array.of(0));
    }
    this.#length = 0;
  }
}
