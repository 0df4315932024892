// The thread of programs.ts: reads, verifies and rounds one model and encodes its image, or measures what rounding it costs.
// A refusal loses its class on the way, so it travels as data.
import { PhysicsError, type PhysicsErrorCode, type Allowed } from '../physics/index.ts';
import type { ProgramRanges } from '../physics/index.ts';
import { isStoreError, type Digest } from '../store/index.ts';
import { ownBuffers, serveThread } from '../threads/index.ts';
import {
  makeProgram,
  measureProgram,
  type MeasuredProgram,
  type ProgramOptions,
  type ReadyProgram,
} from './make-program.ts';

export interface ProgramTask {
  content: Uint8Array;
  blob: Digest;
  ranges: ProgramRanges;
  /** Of a program that is to be made. */
  options?: ProgramOptions;
  /** Absent: the program is made. */
  kind?: 'measure';
}

export interface RefusedModel {
  code: PhysicsErrorCode;
  message: string;
  pointer: string;
  allowed: Allowed;
  remedy: string;
}

export type ProgramAnswer =
  | { ready: ReadyProgram }
  | { measured: Pick<MeasuredProgram, 'blocks'> & { flaws: RefusedModel[] } }
  | { refused: RefusedModel }
  | { corrupt: string };

serveThread<ProgramTask, ProgramAnswer>((task) => {
  try {
    if (task.kind === 'measure') {
      const { flaws, blocks } = measureProgram(task);
      return { value: { measured: { blocks, flaws: flaws.map(asData) } } };
    }
    const { program, image } = makeProgram(task, task.options);
    const ready = { program: { ...program, couplingCode: shared(program.couplingCode) }, image };
    return { value: { ready }, transfer: ownBuffers(image.bytes) };
  } catch (error) {
    if (isStoreError(error, 'corrupt-blob')) return { value: { corrupt: error.message } };
    if (!(error instanceof PhysicsError)) throw error;
    return { value: { refused: asData(error) } };
  }
});

function asData({ code, message, pointer, allowed, remedy }: PhysicsError): RefusedModel {
  return { code, message, pointer, allowed, remedy };
}

/** In memory that every thread sees: the one that computes energies gets the couplings with every task. */
function shared(codes: Int16Array): Int16Array {
  const copy = new Int16Array(new SharedArrayBuffer(codes.byteLength));
  copy.set(codes);
  return copy;
}
