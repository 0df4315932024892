// The thread of programs.ts: reads, verifies and rounds one model. A refusal loses its class on the way, so it travels as data.
import { PhysicsError, type PhysicsErrorCode, type Allowed } from '../physics/index.ts';
import type { ProgramRanges, QuantisedProgram } from '../physics/index.ts';
import { isStoreError, type Digest } from '../store/index.ts';
import { ownBuffers, serveThread } from '../threads/index.ts';
import { makeProgram } from './make-program.ts';

export interface ProgramTask {
  content: Uint8Array;
  blob: Digest;
  ranges: ProgramRanges;
}

export type ProgramAnswer =
  | { program: QuantisedProgram }
  | {
      refused: { code: PhysicsErrorCode; message: string; pointer: string; allowed: Allowed; remedy: string };
    }
  | { corrupt: string };

serveThread<ProgramTask, ProgramAnswer>((task) => {
  try {
    const program = makeProgram(task);
    return { value: { program }, transfer: ownBuffers(program.couplingCode) };
  } catch (error) {
    if (isStoreError(error, 'corrupt-blob')) return { value: { corrupt: error.message } };
    if (!(error instanceof PhysicsError)) throw error;
    const { code, message, pointer, allowed, remedy } = error;
    return { value: { refused: { code, message, pointer, allowed, remedy } } };
  }
});
