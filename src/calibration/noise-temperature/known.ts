// What is known of a chip, as the thermometer takes it: J2, J4 and forces instead of the programmed ones, the readout, and
// what all of that leaves uncertain.
import type { JsonObject } from '../json.ts';
import type { ChipKnowledge } from '../knowledge.ts';
import { idealReadout } from '../moments.ts';
import { errorOfMean } from '../readout/offset-estimator.ts';
import type { HoldData } from './hold-data.ts';
import type { HoldEstimate } from './hold-estimator.ts';
import { sensitivityAt, squareAt, type UnitLaw } from './unit-law.ts';

/** What a hold alone can say (decisions of the design: readout gain comes first, from a reference). */
const UNKNOWN_GAIN =
  'Readout gain and noise temperature cannot be separated without a converter reference: this assumes a readout gain ' +
  'of 1. With a gain g the curve is entered at g^2 <x^2>, and J2, J4 are taken as programmed.';
const KNOWN_GAIN = 'The readout gain comes from the converter reference of the chip.';

/** J2, J4 and what is known beside them; without knowledge the data of a plain hold. */
export function lawsOf(
  known: ChipKnowledge,
  programmed: { j2_E0: Float64Array; j4_E0: Float64Array; kT_E0: number },
): Pick<HoldData, 'j2' | 'j4' | 'known'> {
  const { readout, potential } = known;
  const { j2_E0, j4_E0, kT_E0 } = programmed;
  if (readout === null && potential === null) return { j2: j2_E0, j4: j4_E0 };
  const units = j2_E0.length;
  const j2 = j2_E0.map((value, i) => value * (potential?.j2_ratio[i] ?? 1));
  const j4 = j4_E0.map((value, i) => value * (potential?.j4_ratio[i] ?? 1));
  const force_E0 = new Float64Array(units).map((_, i) => -(potential?.offset_E0[i] ?? 0));
  const meanStderr_x = new Float64Array(units).map((_, i) => {
    const stderr = potential?.stderr.offset_E0[i] ?? 0;
    return (stderr * squareAt(kT_E0, { j2: j2[i], j4: j4[i], force: 0 })) / kT_E0;
  });
  return { j2, j4, known: { readout: readout ?? idealReadout(units), force_E0, meanStderr_x } };
}

/** `assumes` and `statement` of the result. */
export function assumptions({ readout, potential }: ChipKnowledge): JsonObject {
  const hasGain = readout !== null && readout.gainUncertainty_ratio !== null;
  const anything = readout !== null || potential !== null;
  return {
    assumes: {
      ...(!hasGain && { readoutGain: 1 }),
      ...(anything && potential === null && { j2Ratio: 1, j4Ratio: 1, offset_E0: 0 }),
    },
    statement: hasGain ? KNOWN_GAIN : UNKNOWN_GAIN,
  };
}

export interface KnowledgeErrors {
  /** Relative, of each unit; 0 where nothing is known. */
  unit_ratio: Float64Array;
  /** Of the common value, from errors that differ from unit to unit. */
  common_ratio: number;
  /** Of all values alike: the reference's own uncertainty, twice as large in kT as in the gain. */
  systematic_ratio: number;
}

/** What the errors of gain, J2 and J4 come to in kT. */
export function knowledgeErrors(
  { readout, potential }: ChipKnowledge,
  data: Pick<HoldData, 'j2' | 'j4' | 'known'>,
  estimate: HoldEstimate,
): KnowledgeErrors {
  const units = data.j2.length;
  const unit_ratio = new Float64Array(units);
  const kT = estimate.noiseTemperature_E0;
  for (let i = 0; i < units; i++) {
    const law: UnitLaw = { j2: data.j2[i], j4: data.j4[i], force: data.known?.force_E0[i] ?? 0 };
    const by = sensitivityAt(kT, law);
    const gain = 2 * by.secondMoment * (readout?.gainStderr_ratio[i] ?? 0);
    const stderr = potential?.stderr;
    const j2 = stderr === undefined ? 0 : (by.j2 * stderr.j2_ratio[i]) / (potential?.j2_ratio[i] ?? 1);
    const j4 = stderr === undefined ? 0 : (by.j4 * stderr.j4_ratio[i]) / (potential?.j4_ratio[i] ?? 1);
    const shape = j2 * j2 + j4 * j4 + 2 * j2 * j4 * (stderr?.correlation[i] ?? 0);
    unit_ratio[i] = Math.sqrt(gain * gain + Math.max(0, shape));
  }
  const good = estimate.quality.flatMap((quality, i) => (quality === 'ok' ? [i] : []));
  const reference = readout?.gainUncertainty_ratio ?? 0;
  const law = { j2: data.j2[good[0]], j4: data.j4[good[0]], force: 0 };
  return {
    unit_ratio,
    common_ratio: errorOfMean(good, unit_ratio),
    systematic_ratio: reference === 0 ? 0 : 2 * reference * sensitivityAt(kT, law).secondMoment,
  };
}
