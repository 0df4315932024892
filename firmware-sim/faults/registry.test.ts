// Planting, clearing, times and refusals of faults; what they do is tested where it shows.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fakeFaults } from '../../test/support/planted-faults.ts';
import { FAULT_COMPONENTS, FAULT_TABLE, FAULT_TYPES, FaultError, FAULTS_MAX } from './index.ts';
import type { FaultComponent, FaultInput, FaultRegistry, FaultType, PossibleCell } from './index.ts';

/** The document of a cell with every number it needs, in its first unit. */
function example(component: FaultComponent, type: FaultType): FaultInput {
  const cell = type === 'ok' ? undefined : FAULT_TABLE[component][type];
  const number = (of: PossibleCell['magnitude'], suffix: string) => {
    const [unit, bound] = Object.entries(of?.units ?? {})[0];
    return { value: bound.most, unit: (unit === 'channel' ? 'C' : unit) + suffix };
  };
  return {
    component,
    type,
    target: component === 'sensor' ? { sensor: 'die_temperature_C' } : {},
    ...(cell?.possible && cell.magnitude && { magnitude: number(cell.magnitude, '') }),
    ...(cell?.possible && cell.rate && { rate: number(cell.rate, '_per_s') }),
    ...(cell?.possible && cell.windows && { period_s: 1 }),
  };
}

function refusal(input: unknown): FaultError {
  const { registry: faults } = fakeFaults();
  try {
    faults.inject(input);
  } catch (error) {
    if (error instanceof FaultError) {
      expect(error.remedy).not.toBe('');
      expect(faults.empty).toBe(true);
      return error;
    }
    throw error;
  }
  throw new Error(`accepted: ${JSON.stringify(input)}`);
}

const documented = readFileSync('docs/twin.md', 'utf8').split('## Faults on demand')[1];
const cells = FAULT_COMPONENTS.flatMap((component) =>
  FAULT_TYPES.filter((type) => type !== 'ok').map((type) => ({
    component,
    type,
    cell: FAULT_TABLE[component][type],
  })),
);

describe('vocabulary', () => {
  it('begins with the failure types of MAVLink, in their order', () => {
    expect(FAULT_TYPES.slice(0, 8)).toEqual(
      'ok off stuck garbage wrong slow delayed intermittent'.split(' '),
    );
  });
  it.each(cells)(
    '$component $type stands in docs/twin.md, with the units it takes',
    ({ component, type, cell }) => {
      const [head, ...rows] = documented
        .split('\n')
        .filter((line) => line.startsWith('| ') && line.split('|').length === 7);
      const place = head.split('|').findIndex((name) => name.includes(component));
      const words = rows.find((row) => row.startsWith(`| \`${type}\` |`))?.split('|')[place] ?? '';
      expect(/^ impossible/.test(words)).toBe(!cell.possible);
      if (!cell.possible) return;
      const named = (unit: string): string => (unit === 'channel' ? 'unit' : unit);
      for (const unit of Object.keys(cell.magnitude?.units ?? {}))
        expect(words).toContain(`\`${named(unit)}\``);
      for (const unit of Object.keys(cell.rate?.units ?? {}))
        expect(words).toContain(`\`${named(unit)}_per_s\``);
    },
  );
  it.each(cells.filter(({ cell }) => cell.possible))(
    '$component $type can be planted',
    ({ component, type }) => {
      const { registry: faults } = fakeFaults();
      expect(faults.inject(example(component, type))?.spec).toMatchObject({ component, type, seed: 0 });
    },
  );
  it.each(cells.filter(({ cell }) => !cell.possible))(
    '$component $type is refused with its reason',
    (row) => {
      const { code, message } = refusal({ ...example(row.component, row.type) });
      expect(code).toBe('impossible-fault');
      expect(message).toContain(row.cell.possible ? '-' : row.cell.reason);
    },
  );
});

describe('a document that is refused', () => {
  const wrong = { component: 'readout', type: 'wrong', target: { unit: 1 } };
  it.each([
    ['no object', 'readout off', 'fault: '],
    ['an unknown component', { component: 'gps', type: 'off' }, 'component: '],
    ['an unknown type', { component: 'readout', type: 'broken' }, 'type: '],
    ['an unknown field', { component: 'readout', type: 'off', unit: 3 }, 'unit'],
    ['a magnitude that is missing', wrong, 'magnitude is missing'],
    [
      'a magnitude in another unit',
      { ...wrong, magnitude: { value: 1, unit: 'V' } },
      'magnitude.unit is "V"',
    ],
    ['a magnitude out of bounds', { ...wrong, magnitude: { value: 2048, unit: 'codes' } }, 'is 2048'],
    [
      'a magnitude that is no number',
      { ...wrong, magnitude: { value: NaN, unit: 'codes' } },
      'magnitude.value: ',
    ],
    [
      'a code that is not whole',
      { component: 'readout', type: 'stuck', magnitude: { value: 0.5, unit: 'codes' } },
      'is 0.5',
    ],
    [
      'a magnitude that nothing needs',
      { component: 'link', type: 'off', magnitude: { value: 1, unit: 'ms' } },
      'takes no magnitude',
    ],
    ['a drift without rate', { component: 'coupling', type: 'drift' }, 'rate is missing'],
    [
      'a drift that stops in another unit',
      {
        component: 'coupling',
        type: 'drift',
        rate: { value: 1, unit: 'codes_per_s' },
        magnitude: { value: 0.1, unit: 'full_scale' },
      },
      'a rate in codes_per_s does not stop at full_scale',
    ],
    [
      'a drift that stops below 0',
      {
        component: 'coupling',
        type: 'drift',
        rate: { value: -1, unit: 'codes_per_s' },
        magnitude: { value: -1, unit: 'codes' },
      },
      'magnitude.value is -1',
    ],
    ['windows without period', { component: 'link', type: 'intermittent' }, 'period_s is missing'],
    [
      'a period of a steady fault',
      { component: 'link', type: 'off', period_s: 1 },
      'neither period_s nor duty_ratio',
    ],
    ['a duty of 1', { component: 'link', type: 'intermittent', period_s: 1, duty_ratio: 1 }, 'duty_ratio: '],
    [
      'a target of another component',
      { component: 'link', type: 'off', target: { unit: 3 } },
      'target.unit does not fit',
    ],
    [
      'unit and pair',
      { component: 'coupling', type: 'off', target: { unit: 3, pair: [1, 2] } },
      'either a unit or a pair',
    ],
    [
      'a pair of one unit',
      { component: 'coupling', type: 'off', target: { pair: [3, 3] } },
      'not coupled to itself',
    ],
    ['a sensor fault without sensor', { component: 'sensor', type: 'off' }, 'target.sensor is missing'],
    ['a negative duration', { component: 'link', type: 'off', duration_s: -1 }, 'duration_s: '],
    ['a seed of 33 bits', { component: 'readout', type: 'garbage', seed: 2 ** 32 }, 'seed: '],
    ['ok with numbers', { component: 'readout', type: 'ok', duration_s: 3 }, 'ok takes effect now'],
  ])('%s', (_name, input, message) => {
    const error = refusal(input);
    expect(error.code).toBe('invalid-fault');
    expect(error.message).toContain(message);
  });
  it.each([
    [{ component: 'readout', type: 'off', target: { unit: 8 } }, 'units 0 to 7'],
    [{ component: 'coupling', type: 'off', target: { pair: [0, 9] } }, 'units 0 to 7'],
    [{ component: 'sensor', type: 'off', target: { sensor: 'toString' } }, 'die_temperature_C'],
  ])('names what there is instead: %o', (input, remedy) => {
    const error = refusal(input);
    expect(error.code).toBe('unknown-target');
    expect(error.remedy).toContain(remedy);
  });
  it(`the fault after number ${FAULTS_MAX}`, () => {
    const { registry: faults } = fakeFaults();
    for (let k = 0; k < FAULTS_MAX; k++) faults.inject({ component: 'link', type: 'off' });
    expect(() => faults.inject({ component: 'link', type: 'off' })).toThrow(
      `${FAULTS_MAX} faults are planted`,
    );
  });
});

describe('clearing', () => {
  const plant = (faults: FaultRegistry, target: object): void => {
    faults.inject({ component: 'coupling', type: 'off', target });
  };
  it('by id; an unknown id names those that are planted', () => {
    const { registry: faults } = fakeFaults();
    const fault = faults.inject({ component: 'link', type: 'stuck' });
    expect(() => faults.clear('fault-9')).toThrow(
      expect.objectContaining({ code: 'unknown-fault', remedy: 'Planted are: fault-1.' }),
    );
    faults.clear(fault?.id ?? '');
    expect(faults.empty).toBe(true);
  });
  it('ok takes away what its target covers, in whatever order a pair is named', () => {
    const { registry: faults } = fakeFaults();
    for (const target of [{ pair: [1, 2] }, { pair: [3, 2] }, { unit: 4 }, {}]) plant(faults, target);
    faults.inject({ component: 'readout', type: 'ok' });
    expect(faults.list()).toHaveLength(4);
    faults.inject({ component: 'coupling', type: 'ok', target: { pair: [2, 1] } });
    expect(faults.list().map((fault) => fault.spec.target)).toEqual([{ pair: [3, 2] }, { unit: 4 }, {}]);
    faults.inject({ component: 'coupling', type: 'ok' });
    expect(faults.empty).toBe(true);
  });
  it('all at once', () => {
    const { registry: faults } = fakeFaults();
    for (const target of [{ unit: 1 }, {}]) plant(faults, target);
    expect([faults.clearAll(), faults.clearAll(), faults.empty]).toEqual([2, 0, true]);
  });
});

describe('times', () => {
  it('sets in and ends by device time, and tells when', () => {
    const { registry: faults, clock } = fakeFaults();
    const seen: [number, number, number][] = [];
    faults.onChange(() => seen.push([clock.now_ms(), faults.list().length, faults.inForce('link').length]));
    faults.inject({ component: 'link', type: 'off', startsAfter_s: 2, duration_s: 3 });
    clock.advance(10_000);
    expect(seen).toEqual([
      [0, 1, 0],
      [2000, 1, 1],
      [5000, 0, 0],
    ]);
    expect(faults.empty).toBe(true);
  });
  it('an intermittent fault fails at the beginning of each period', () => {
    const { registry: faults, clock } = fakeFaults();
    clock.advance(700);
    faults.inject({ component: 'link', type: 'intermittent', period_s: 1, duty_ratio: 0.3 });
    const fails: number[] = [];
    for (let k = 0; k < 20; k++, clock.advance(100)) fails.push(faults.inForce('link').length);
    const period = [1, 1, 1, 0, 0, 0, 0, 0, 0, 0];
    expect(fails).toEqual([...period, ...period]);
  });
});
