// From the stored bytes of a model to the codes of a device and the image that is sent; in the request when it is small,
// else in a thread.
import { createHash } from 'node:crypto';
import {
  ditherProgram,
  encodeProgramImage,
  measureRounding,
  quantise,
  scaleClock,
  type Model,
  type ProgramImage,
  type ProgramRanges,
  type QuantisedProgram,
  type Rounding,
  type RoundingReport,
} from '../physics/index.ts';
import { StoreError, decodeModelContent, digestOf, type Digest } from '../store/index.ts';

interface StoredModel {
  content: Uint8Array;
  blob: Digest;
  ranges: ProgramRanges;
}

/** Kept from job to job, so never changed. */
export interface ReadyProgram {
  program: QuantisedProgram;
  image: ProgramImage;
}

/** What rounding costs. */
export type MeasuredProgram = Pick<RoundingReport, 'flaws' | 'blocks'>;

/** How a program is to be made of a model; all absent: the nearest codes, on the clock of the model. */
export interface ProgramOptions {
  rounding?: Rounding;
  /** Within what the ranges allow. */
  clockScale?: number;
}

/** Errors: PhysicsError (it does not fit), StoreError corrupt-blob (the bytes are not those of `blob`). */
export function makeProgram(of: StoredModel, { rounding, clockScale }: ProgramOptions = {}): ReadyProgram {
  const model = modelOf(of);
  const nearest = quantise(model, of.ranges);
  const rounded = rounding === undefined ? nearest : ditherProgram(nearest, model, rounding);
  return readyProgram(clockScale === undefined ? rounded : scaleClock(rounded, clockScale, of.ranges));
}

export function readyProgram(program: QuantisedProgram): ReadyProgram {
  const bytes = encodeProgramImage(program);
  return { program, image: { bytes, id: createHash('sha256').update(bytes).digest('hex') } };
}

/** Errors: StoreError corrupt-blob. That a model does not fit is an answer. */
export function measureProgram(of: StoredModel): MeasuredProgram {
  const { flaws, blocks } = measureRounding(modelOf(of), of.ranges);
  return { flaws, blocks };
}

function modelOf({ content, blob }: StoredModel): Model {
  if (digestOf(content) !== blob)
    throw new StoreError(
      'corrupt-blob',
      `what is stored as ${blob} (${content.length} bytes) has another digest`,
    );
  return decodeModelContent(content);
}
