// From the stored bytes of a model to the codes of a device; in the request when it is small, else in a thread.
import { quantise, type ProgramRanges, type QuantisedProgram } from '../physics/index.ts';
import { StoreError, decodeModelContent, digestOf, type Digest } from '../store/index.ts';

/** Errors: PhysicsError (it does not fit), StoreError corrupt-blob (the bytes are not those of `blob`). */
export function makeProgram(of: {
  content: Uint8Array;
  blob: Digest;
  ranges: ProgramRanges;
}): QuantisedProgram {
  const { content, blob, ranges } = of;
  if (digestOf(content) !== blob)
    throw new StoreError(
      'corrupt-blob',
      `what is stored as ${blob} (${content.length} bytes) has another digest`,
    );
  return quantise(decodeModelContent(content), ranges);
}
