// Turns a ReadReference into a plan for the analog core, or says what is wrong with it. Pure.
import { Code, Detail } from '../../../src/link/messages/index.ts';
import type { Capabilities, ReadReference } from '../../../src/link/messages/index.ts';
import { packedBytes } from '../images/packing.ts';
import { accept, refuse } from '../status.ts';
import type { Outcome, Refusal } from '../status.ts';
import type { RunPlan } from './schedule.ts';

const LEVEL_ONE_Q15 = 32768;

export interface ReferenceContext {
  capabilities: Capabilities;
  drawSeed(): bigint;
}

/** The plan of a run whose records hold one read for each level. */
export function planReference(request: ReadReference, context: ReferenceContext): Outcome<RunPlan> {
  const refusal = check(request, context.capabilities);
  if (refusal !== null) return refusal;
  const { units, samples, level } = request;
  const { referenceLevelMaxX, recordBytesMax, stepNsDefault } = context.capabilities;
  const recordBytes = level.length * packedBytes(units);
  if (recordBytes > recordBytesMax) return bad(`a record of ${recordBytes} bytes, at most ${recordBytesMax}`);
  const level_x = level.map((q15) => (q15 / LEVEL_ONE_Q15) * referenceLevelMaxX);
  return accept({
    token: request.runToken,
    units,
    run: {
      seed: request.seed ?? context.drawSeed(),
      firstSample: 0,
      samples,
      step_ns: stepNsDefault,
      phases: [],
      reference: { units, level_x },
    },
    reads: level.length,
    recordBytes,
    totalBytes: recordBytes * samples,
    recordHeader: false,
    dropWithGap: false,
    fieldIds: [],
  });
}

function check(request: ReadReference, capabilities: Capabilities): Refusal | null {
  const { units, samples, level } = request;
  const { unitsMax, samplesMax } = capabilities;
  if (capabilities.referenceLevelMaxX === 0) return unable('this device has no converter reference');
  if (request.seed !== undefined && !capabilities.seed) return unable('this device takes no seed');
  if (request.runToken === 0n) return bad('run_token is 0');
  if (units < 1 || units > unitsMax) return bad(`${units} units, allowed 1..${unitsMax}`);
  if (samples < 1 || samples > samplesMax) return bad(`${samples} samples, allowed 1..${samplesMax}`);
  if (level.length === 0) return bad('no level');
  const wrong = level.find((q15) => Math.abs(q15) > LEVEL_ONE_Q15);
  return wrong === undefined ? null : bad(`level ${wrong}, allowed -32768..32768`);
}

const bad = (message: string): Refusal => refuse(Code.INVALID_ARGUMENT, Detail.BAD_SCHEDULE, message);
const unable = (message: string): Refusal => refuse(Code.UNIMPLEMENTED, Detail.UNSPECIFIED, message);
