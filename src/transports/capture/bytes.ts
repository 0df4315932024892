// A capture as bytes in memory, for those that keep it elsewhere than in a file.
import type { TransportError } from '../port.ts';
import type { CaptureDecoder, CaptureEvent, CaptureFacts } from './format.ts';
import { CaptureWriter, type CaptureFiles } from './write.ts';

/** @throws {TransportError} capture-unwritable */
export async function captureBytes(
  facts: CaptureFacts,
  events: readonly CaptureEvent[],
  decoder?: CaptureDecoder,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let fault: TransportError | null = null;
  const writer = new CaptureWriter({
    path: 'memory.mcap',
    facts,
    decoder,
    files: inMemory(parts),
    onFault: (error) => (fault = error),
  });
  for (const event of events) writer.take(event);
  await writer.end();
  if (fault !== null) throw fault as TransportError;
  return Buffer.concat(parts);
}

function inMemory(parts: Uint8Array[]): CaptureFiles {
  const nothing = (): Promise<void> => Promise.resolve();
  return {
    create: () =>
      Promise.resolve({
        write: (bytes) => Promise.resolve(void parts.push(Uint8Array.from(bytes))),
        sync: nothing,
        close: nothing,
      }),
    rename: nothing,
    remove: nothing,
  };
}
