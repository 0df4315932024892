// The profile document: shipped files, errors a person can act on, and `ideal`, which has none of the non-idealities.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  phase,
  randomCodes,
  referenceProgram,
  schedule,
  seededRandom,
} from '../../../test/support/core-programs.ts';
import { field } from '../../../test/support/chip-profiles.ts';
import { idealProgram } from '../effective-program.ts';
import { ImperfectChip, mistimed } from '../imperfections/index.ts';
import type { CoreProgram, TwinCoreOptions } from '../index.ts';
import { createTwinCore } from '../index.ts';
import {
  chipProfileSchema,
  IDEAL_PROFILE,
  isIdeal,
  loadProfile,
  parseProfile,
  profileDigest,
  ProfileError,
  SHIPPED_PROFILES,
} from './index.ts';

const document = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`./profiles/${name}.json`, import.meta.url), 'utf8'));

function failure(act: () => unknown): ProfileError {
  try {
    act();
  } catch (error) {
    if (error instanceof ProfileError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('shipped profiles', () => {
  it.each(SHIPPED_PROFILES)('%s lists every field, in a document without defaults', async (name) => {
    const profile = await loadProfile(name);
    expect(profile.name).toBe(name);
    expect(document(name)).toEqual(profile);
  });

  it('differ from each other and from ideal', async () => {
    const profiles = await Promise.all(SHIPPED_PROFILES.map((name) => loadProfile(name)));
    expect(new Set(profiles.map(profileDigest)).size).toBe(SHIPPED_PROFILES.length);
    expect(profiles.map(isIdeal)).toEqual([true, false, false, false]);
  });

  it('keep what they promise: sub-percent, hotter, at most 0.5 % dead', async () => {
    const [typical, hot, worn] = await Promise.all(['typical', 'hot', 'worn'].map((n) => loadProfile(n)));
    const ratios = JSON.stringify(typical).matchAll(/"\w+_ratio":(-?[\d.e-]+)/g);
    for (const [text, value] of ratios) expect(Math.abs(Number(value)), text).toBeLessThan(0.01);
    expect(hot.noise.temperature.common_ratio).toBeGreaterThan(0.03);
    expect(hot.drift.noiseTemperature_ratio).toBeGreaterThan(3 * typical.drift.noiseTemperature_ratio);
    expect(worn.units.dead.share).toBeLessThanOrEqual(0.005);
    expect(worn.units.dead.share).toBeGreaterThan(0);
  });
});

describe('errors', () => {
  it('name the place and what is allowed', () => {
    const text = JSON.stringify({
      version: 1,
      name: 'mine',
      readout: { gain: { spread_ratio: 3 } },
      units: { deed: {} },
    });
    const error = failure(() => parseProfile(text, 'mine.json'));
    expect(error.code).toBe('invalid');
    expect(error.message).toMatch(/readout\.gain\.spread_ratio: .*<=\s*0\.2/);
    expect(error.message).toMatch(/units: .*"deed"/);
    expect(error.remedy).not.toBe('');
  });

  it.each([
    ['{"version": 1', 'not-json'],
    ['{"version": 2, "name": "x"}', 'invalid'],
    ['{"version": 1, "name": "With Blanks"}', 'invalid'],
    ['[]', 'invalid'],
  ])('%s is %s', (text, code) => {
    expect(failure(() => parseProfile(text, 'x')).code).toBe(code);
  });

  it('of names and files', async () => {
    await expect(loadProfile('typcal')).rejects.toMatchObject({
      code: 'unknown-profile',
      remedy: expect.stringContaining('typical') as string,
    });
    await expect(loadProfile('./no/such.json')).rejects.toMatchObject({ code: 'unreadable' });
  });

  it('no field goes without a description', () => {
    const bare: string[] = [];
    const walk = (
      schema: { shape?: Record<string, unknown>; unwrap?: () => unknown },
      path: string,
    ): void => {
      const inner = schema.shape === undefined && schema.unwrap ? schema.unwrap() : schema;
      const shape = (inner as { shape?: Record<string, { description?: string }> }).shape;
      if (shape === undefined) return;
      for (const [key, field_] of Object.entries(shape)) {
        const at = `${path}.${key}`;
        const before = bare.length;
        const nested = field_ as { shape?: Record<string, unknown>; unwrap?: () => unknown };
        walk(nested, at);
        const isLeaf = !hasShape(nested);
        if (isLeaf && field_.description === undefined && bare.length === before) bare.push(at);
      }
    };
    walk(chipProfileSchema, '');
    expect(bare).toEqual([]);
  });
});

function hasShape(schema: { shape?: unknown; unwrap?: () => unknown }): boolean {
  if (schema.shape !== undefined) return true;
  return schema.unwrap === undefined ? false : hasShape(schema.unwrap() as { shape?: unknown });
}

describe('files', () => {
  // As it was before readout.reference and dac.field.gain_ratio: twins of users keep their identity.
  it('keep their digest when there is more to say of chips, until they say it', () => {
    const before = 'daee92f9b19e9955a6ad24ca1c125af308d353d9d5c34ff9b7d96339dad0206d';
    const mine = {
      version: 1,
      name: 'mine',
      seed: 12,
      couplings: { gain: { common_ratio: -0.05 } },
    } as const;
    const digestOf = (more: object): string => profileDigest(chipProfileSchema.parse({ ...mine, ...more }));
    expect(digestOf({})).toBe(before);
    const wrongReference = digestOf({ readout: { reference: { error_ratio: 0.001 } } });
    const wrongFields = digestOf({ dac: { field: { gain_ratio: 0.001 } } });
    expect(new Set([before, wrongReference, wrongFields]).size).toBe(3);
  });

  it('mean the same in any order, and with defaults written out', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'profile-'));
    try {
      const path = join(folder, 'mine.json');
      writeFileSync(path, '{"couplings": {"gain": {"common_ratio": 0.1}}, "name": "mine", "version": 1}');
      const read = await loadProfile(path);
      const full = parseProfile(JSON.stringify({ ...read, name: 'mine' }), 'full');
      expect(profileDigest(read)).toBe(profileDigest(full));
      const other = parseProfile(
        '{"version": 1, "name": "mine", "couplings": {"gain": {"common_ratio": 0.2}}}',
        '',
      );
      expect(profileDigest(other)).not.toBe(profileDigest(read));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

const UNITS = 24;
function program(): CoreProgram {
  const random = seededRandom(8);
  return referenceProgram(UNITS, {
    couplingCode: randomCodes((UNITS * (UNITS - 1)) / 2, 2047, random),
    biasCode: randomCodes(UNITS, 500, random),
  });
}
const image = randomCodes(UNITS, 2047, seededRandom(9));
const run = schedule(
  [
    phase(60, { field: field(image), readAtStep: [0, 30] }),
    phase(90, { coupled: true, readAtStep: [1, 90] }),
  ],
  { samples: 40, step_ns: 5, seed: 77n },
);

describe('ideal', () => {
  it('leaves program, field and schedule as they are, also when it goes through all transforms', () => {
    const chip = new ImperfectChip(IDEAL_PROFILE, UNITS);
    const p = program();
    const effective = chip.effective(p, chip.couplings(p), 5, null);
    const expected = idealProgram(p);
    expect({ ...effective, field: null }).toEqual({ ...expected, field: null });
    expect(effective.field(image)).toEqual(expected.field(image));
    expect(mistimed(run, IDEAL_PROFILE.timing)).toBe(run);
  });

  it('delivers the same bits as no profile, and so does a chip with nothing but a named unit beyond the program', async () => {
    const samples = async (profile?: typeof IDEAL_PROFILE): Promise<Int16Array> => {
      const core = await createTwinCore({ units: UNITS, threads: 2, profile });
      core.load(program());
      const codes = await core.run(run);
      await core.close();
      return codes;
    };
    const plain = await samples();
    expect(new Set(plain).size).toBeGreaterThan(100);
    expect(await samples(await loadProfile('ideal'))).toEqual(plain);
    // Goes through the whole chain of transforms, and changes nothing.
    const through = chipProfileSchema.parse({
      version: 1,
      name: 'through',
      units: { dead: { units: [999] } },
    });
    expect(isIdeal(through)).toBe(false);
    expect(await samples(through)).toEqual(plain);
    for (const name of ['typical', 'hot', 'worn'])
      expect(await samples(await loadProfile(name))).not.toEqual(plain);
  });
});

it('a profile may say that the units are oscillator cells, which is no fault', async () => {
  const dynamics = { kind: 'oscillator', qualityFactor: 2 } as const;
  const profile = chipProfileSchema.parse({ version: 1, name: 'cell', dynamics });
  expect(isIdeal(profile)).toBe(true);
  const samples = async (options: Partial<TwinCoreOptions>): Promise<Int16Array> => {
    const core = await createTwinCore({ units: UNITS, threads: 1, ...options });
    core.load(program());
    const codes = await core.run(run);
    await core.close();
    return codes;
  };
  const plain = await samples({});
  const cells = await samples({ profile });
  expect(cells).not.toEqual(plain);
  expect(cells).toEqual(await samples({ dynamics }));
  expect(await samples({ profile, dynamics: { kind: 'overdamped' } })).toEqual(plain);
  expect(
    failure(() => parseProfile('{"version":1,"name":"x","dynamics":{"kind":"oscillator"}}', 'x')).message,
  ).toMatch(/dynamics\.qualityFactor/);
});

it('a worn chip that stands still gives the same samples for any threads and batches', async () => {
  const worn = await loadProfile('worn');
  const { shortest_s, octaves, seed } = worn.drift;
  const profile = chipProfileSchema.parse({ ...worn, drift: { shortest_s, octaves, seed } });
  const samples = async (threads: number, first: number, count: number): Promise<number[]> => {
    const core = await createTwinCore({ units: UNITS, threads, profile });
    core.load(program());
    const codes = await core.run({ ...run, firstSample: first, samples: count });
    await core.close();
    return [...codes];
  };
  const whole = await samples(1, 0, 40);
  expect(await samples(3, 0, 40)).toEqual(whole);
  expect([...(await samples(2, 0, 13)), ...(await samples(1, 13, 27))]).toEqual(whole);
});
