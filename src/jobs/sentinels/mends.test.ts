// A calibration ends an event of drift only where the chip goes on with it: pins, faulty results and nodes that failed keep it open.
import { expect, it } from 'vitest';
import type { ActiveCalibrationRow, CalibrationRow } from '../../store/index.ts';
import { mendedQuantities, mendingKind } from './mends.ts';

const UID = 'chip-a';
type Pointers = Record<string, { calibration: string; pinned?: boolean }>;

const of = (pointers: Pointers) => ({
  activeCalibrations: {
    find: (uid: string, kind: string) => {
      const found = uid === UID ? pointers[kind] : undefined;
      return Promise.resolve(found === undefined ? null : { pinned: false, ...found });
    },
  } as unknown as { find(uid: string, kind: string): Promise<ActiveCalibrationRow | null> },
});
const mended = (pointers: Pointers, row: Partial<CalibrationRow>): Promise<string[]> =>
  mendedQuantities(of(pointers) as unknown as Parameters<typeof mendedQuantities>[0], {
    id: 'new',
    kind: 'coupling-map',
    deviceUid: UID,
    values: {},
    ...row,
  });
const full = (states: Record<string, string>): Partial<CalibrationRow> => ({
  kind: 'full',
  values: {
    nodes: Object.fromEntries(Object.entries(states).map(([kind, state]) => [kind, { state }])),
  },
});

it('ends what a kind measures, once it counts', async () => {
  expect(await mended({ 'coupling-map': { calibration: 'new' } }, {})).toEqual(['coupling', 'gain']);
  expect(await mended({ mobility: { calibration: 'new' } }, { kind: 'mobility' })).toEqual([]);
  expect(await mended({ 'coupling-map': { calibration: 'new' } }, { deviceUid: null })).toEqual([]);
});

it('ends nothing where an older result goes on counting', async () => {
  const pinned = { 'coupling-map': { calibration: 'old', pinned: true } };
  expect(await mended(pinned, {})).toEqual([]);
  expect(await mended({}, {})).toEqual([]);
  expect(
    await mended({ full: { calibration: 'old', pinned: true } }, full({ mobility: 'succeeded' })),
  ).toEqual([]);
});

it('of a full one ends what its nodes have measured anew and no pinned single result hides', async () => {
  const nodes = {
    'readout-offset': 'succeeded',
    'coupling-gain': 'failed',
    'coupling-map': 'skipped',
    'noise-temperature': 'succeeded',
  };
  const active: Pointers = { full: { calibration: 'new' } };
  expect(await mended(active, full(nodes))).toEqual(['offset', 'noiseTemperature']);
  expect(await mended(active, full({ ...nodes, 'noise-temperature': 'kept' }))).toEqual(['offset']);
  active['noise-temperature'] = { calibration: 'old', pinned: true };
  expect(await mended(active, full(nodes))).toEqual(['offset']);
  expect(await mended(active, { kind: 'full', values: null })).toEqual([]);
});

it('asks for the best kind there is', () => {
  expect(mendingKind('gain', ['full', 'coupling-map'])).toBe('coupling-map');
  expect(mendingKind('noiseTemperature', ['full'])).toBe('full');
  expect(mendingKind('offset', ['mobility'])).toBeUndefined();
});
