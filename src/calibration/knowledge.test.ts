// What stored results are read as: by kind, out of one full calibration, and for programs of another size.
import { describe, expect, it } from 'vitest';
import { knowledgeFrom, knownFor, NOTHING_KNOWN, type MeasuredValues } from './knowledge.ts';

const offset: MeasuredValues = {
  values: { perUnit: { offset_x: [0.01, null, -0.02], noise_x: [0.004, null, 0.005] } },
  stderr: {},
};
const gain: MeasuredValues = {
  values: { reference: { uncertainty_ratio: 0.001 }, perUnit: { gain_ratio: [0.98, null, 1.02] } },
  stderr: { perUnit: { gain_ratio: [0.001, null, 0.002] } },
};
const potential: MeasuredValues = {
  values: {
    j2_ratio: 1.01,
    j4_ratio: 0.99,
    perUnit: { j2_ratio: [1, null, 1.02], j4_ratio: [0.9, null, 1], offset_E0: [0.01, null, 0.02] },
  },
  stderr: { perUnit: { j2_ratio: [0.01, null, 0.01] } },
};

/** [2][2][2]: the pair 0-1 has 0.9 and 1.1, the diagonal nothing. */
function mapBlob(): Uint8Array {
  return new Uint8Array(Float32Array.of(NaN, 0.9, 1.1, NaN, NaN, 0.01, 0.01, NaN).buffer);
}

describe('knowledgeFrom', () => {
  it('knows nothing of nothing', () => {
    expect(knowledgeFrom({})).toEqual(NOTHING_KNOWN);
    expect(knowledgeFrom({ potential: { values: { perUnit: 3 }, stderr: {} } })).toEqual(NOTHING_KNOWN);
  });

  it('takes a gain of 1 until there is a reference, and says that it is not measured', () => {
    const { readout } = knowledgeFrom({ 'readout-offset': offset });
    expect(readout?.gain_ratio).toEqual(Float64Array.of(1, 1, 1));
    expect(readout?.gainUncertainty_ratio).toBeNull();
    expect(readout?.offset_x).toEqual(Float64Array.of(0.01, 0, -0.02));
    const both = knowledgeFrom({ 'readout-offset': offset, 'readout-gain': gain }).readout;
    expect(both?.gain_ratio).toEqual(Float64Array.of(0.98, 1, 1.02));
    expect(both?.gainStderr_ratio).toEqual(Float64Array.of(0.001, 0, 0.002));
    expect(both?.gainUncertainty_ratio).toBe(0.001);
    // Without offsets there is no readout to speak of.
    expect(knowledgeFrom({ 'readout-gain': gain }).readout).toBeNull();
  });

  it('fills what could not be measured of a unit with the common value', () => {
    const known = knowledgeFrom({
      potential,
      'noise-temperature': {
        values: { noiseTemperature_ratio: 1.1, perUnit: { noiseTemperature_ratio: [1, null, 1.2] } },
        stderr: {},
      },
    });
    expect(known.potential?.j2_ratio).toEqual(Float64Array.of(1, 1.01, 1.02));
    expect(known.potential?.stderr.j2_ratio).toEqual(Float64Array.of(0.01, 0, 0.01));
    expect(known.potential?.stderr.correlation).toEqual(Float64Array.of(0, 0, 0));
    expect(known.noiseTemperature?.unit_ratio).toEqual(Float64Array.of(1, 1.1, 1.2));
  });

  it('reads couplings, mask and mobility, and drops what is no pair', () => {
    const known = knowledgeFrom({
      mobility: { values: { mobility_ratio: 1.02 }, stderr: {} },
      'coupling-gain': { values: { gain_ratio: 0.95 }, stderr: {} },
      'coupling-map': { values: { gain_ratio: 0.96 }, stderr: {}, blob: mapBlob() },
      mask: { values: { dead: [3], stuck: ['x'], missing: [[3, 7], [1], null] }, stderr: {} },
    });
    expect(known.mobility).toEqual({ common_ratio: 1.02 });
    expect(known.coupling?.common_ratio).toBe(0.95);
    expect([...(known.coupling?.map_ratio ?? [])].map((v) => v.toFixed(1))).toEqual([
      '1.0',
      '0.9',
      '1.1',
      '1.0',
    ]);
    expect(known.mask).toEqual({ dead: [3], stuck: [], missing: [[3, 7]] });
  });

  it('finds in a full calibration what has no calibration of its own, but not what failed in it', () => {
    const full: MeasuredValues = {
      values: {
        nodes: {
          'readout-offset': { state: 'succeeded', values: offset.values },
          'readout-gain': { state: 'succeeded', values: gain.values },
          mobility: { state: 'failed', reason: 'no step', values: { mobility_ratio: 3 } },
        },
      },
      stderr: { nodes: { 'readout-gain': { values: gain.stderr } } },
    };
    const known = knowledgeFrom({ full });
    expect(known.readout?.gainStderr_ratio).toEqual(Float64Array.of(0.001, 0, 0.002));
    expect(known.mobility).toBeNull();
    const newer = { values: { mobility_ratio: 1.02 }, stderr: {} };
    expect(knowledgeFrom({ full, mobility: newer }).mobility).toEqual({ common_ratio: 1.02 });
  });
});

describe('knownFor', () => {
  it('cuts to fewer units, and does not know more units than were measured', () => {
    const known = knowledgeFrom({
      'readout-offset': offset,
      potential,
      mobility: { values: { mobility_ratio: 1.02 }, stderr: {} },
      'coupling-gain': { values: { gain_ratio: 1 }, stderr: {} },
      'coupling-map': { values: {}, stderr: {}, blob: mapBlob() },
      mask: { values: { dead: [1, 2], stuck: [], missing: [[0, 2]] }, stderr: {} },
    });
    const two = knownFor(known, 2);
    expect(two.readout?.offset_x).toEqual(Float64Array.of(0.01, 0));
    expect(two.potential?.stderr.j2_ratio).toEqual(Float64Array.of(0.01, 0));
    expect(two.coupling?.map_ratio?.length).toBe(4);
    expect(two.mask).toEqual({ dead: [1], stuck: [], missing: [] });
    expect(knownFor(known, 1).coupling?.map_ratio).toEqual(Float64Array.of(1));
    const four = knownFor(known, 4);
    expect([four.readout, four.potential, four.coupling?.map_ratio]).toEqual([null, null, null]);
    expect(four.mobility).toEqual({ common_ratio: 1.02 });
  });
});
