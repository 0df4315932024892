// Where blobs can lie. A place keeps bytes under a digest and hands back what it finds; whether they still are what the
// digest says is judged in one spot above all places (blobs.ts).
import type { Digest } from '../rows.ts';
import type { BlobInfo } from '../repositories.ts';

export interface BlobPlace {
  /** Durable when it resolves; replaces what lies there under this digest. */
  write(digest: Digest, bytes: Uint8Array): Promise<void>;
  /** All bytes as they are found; null when there are none. */
  get(digest: Digest): Promise<Uint8Array | null>;
  /** Bytes `from` to before `to`, fewer at the end; null when there is no such blob. */
  read(digest: Digest, from: number, to: number): Promise<Uint8Array | null>;
  stat(digest: Digest): Promise<BlobInfo | null>;
  /** Makes it as young as one that was just written, so that a clean-up by age leaves it alone; false when it is gone. */
  touch(digest: Digest): Promise<boolean>;
  /** False when there was none, or none that was stored or touched before. */
  delete(digest: Digest, storedBefore_ms?: number): Promise<boolean>;
  list(): AsyncIterable<BlobInfo>;
}
