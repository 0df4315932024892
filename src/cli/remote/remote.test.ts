// The subcommands that talk to a service, as processes of their own, against the real service with a twin behind a memory port.
import { spawn } from 'node:child_process';
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scratch, until, type Said } from '../../../test/support/processes.ts';
import { startRealService, type RealService } from '../../../test/support/real-service.ts';
import { decodeNpz, emptyModel, encodeModelNpz } from '../../physics/index.ts';

const MAIN = new URL('../main.ts', import.meta.url).pathname;
const UNITS = 16;
const folder = scratch();
const inFolder = (name: string): string => join(folder.path, name);
let service: RealService;

beforeAll(async () => {
  service = await startRealService({ units: UNITS });
  writeFileSync(
    inFolder('model.npz'),
    encodeModelNpz({ model: emptyModel(UNITS), metadata: { name: 'flat' } }),
  );
});
afterAll(async () => {
  await service.close();
  folder.close();
});

interface Running {
  ended: Promise<Said>;
  interrupt(): void;
}

/** Runs the command line in the folder; with an operator's key unless told otherwise. */
function start(words: string[], env: Record<string, string> = {}): Running {
  const child = spawn(process.execPath, [MAIN, ...words], {
    cwd: folder.path,
    env: {
      ...process.env,
      THERMOLOOP_URL: service.url,
      THERMOLOOP_KEY: service.key,
      NODE_NO_WARNINGS: '1',
      ...env,
    },
  });
  const said = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said.out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said.err += text));
  return {
    ended: new Promise((resolve) => child.once('close', (code) => resolve({ code: code ?? -1, ...said }))),
    interrupt: () => child.kill('SIGINT'),
  };
}
const thermoloop = (...words: string[]): Promise<Said> => start(words).ended;
const json = (said: Said): Record<string, unknown> => JSON.parse(said.out) as Record<string, unknown>;
const admin = () => ({ THERMOLOOP_KEY: service.adminKey });
const sample = (...more: string[]): string[] => [
  ...['sample', 'model.npz', '--device', 'chip-0', '--duration', '2.5e-6'],
  ...more,
];

describe('thermoloop devices', () => {
  it('shows what there is, and one of them with its capabilities', async () => {
    const all = await thermoloop('devices');
    expect(all).toMatchObject({ code: 0, err: '' });
    expect(all.out).toMatch(/^device +backend +state/);
    expect(all.out).toMatch(/^chip-0 +twin +ready/m);
    const one = await thermoloop('devices', 'chip-0', '--json');
    expect(json(one)).toMatchObject({ id: 'chip-0', backend: 'twin', capabilities: { seed: true } });
  });

  it('says what to do about a device that is not there', async () => {
    const said = await thermoloop('devices', 'chip-9');
    expect(said).toMatchObject({ code: 1, out: '' });
    expect(said.err).toMatch(/chip-9.*\n\S/);
    const asJson = await thermoloop('devices', 'chip-9', '--json');
    expect(json(asJson)).toMatchObject({ error: { code: 'unknown-device', retryable: false } });
  });
});

describe('thermoloop heat', () => {
  it('shows what a job has cost, in joules and in kT', async () => {
    const done = await thermoloop(...sample('--count', '20', '--heat', '-o', 'heat.npz'));
    expect(done.code).toBe(0);
    const said = await thermoloop('heat', 'chip-0', '--by', 'job');
    expect(said).toMatchObject({ code: 0, err: '' });
    expect(said.out).toMatch(
      /^job +measured +samples +idle J.* jobs J +device J +J\/sample +released kT +absorbed kT$/m,
    );
    expect(said.out).toMatch(/^[0-9A-Z]{26} +1 of 1 +20 /m);
    const asJson = await thermoloop('heat', 'chip-0', '--by', 'key', '--json');
    expect(json(asJson)).toMatchObject({ device: 'chip-0', groupBy: 'key' });
    expect((await thermoloop('heat', 'chip-0', '--by', 'week')).code).not.toBe(0);
    expect((await thermoloop('heat', 'chip-9')).code).toBe(1);
  });
});

describe('thermoloop keys', () => {
  it('makes a key that works, lists it, and revokes it', async () => {
    const made = await start(
      ['keys', 'create', 'lab', '--role', 'researcher', '--expires-in', '30d'],
      admin(),
    ).ended;
    expect(made.code).toBe(0);
    const key = made.out.trim();
    expect(key).toMatch(/^tlk_[\w-]+$/);
    expect(made.err).not.toContain(key);
    expect((await start(['devices'], { THERMOLOOP_KEY: key }).ended).code).toBe(0);
    const id = /^tlk_([0-9A-Z]+)_/.exec(key)?.[1] ?? '';
    const listed = await start(['keys', 'list'], admin()).ended;
    expect(listed.out).toMatch(new RegExp(`^${id} +lab +researcher.*until`, 'm'));
    expect((await start(['keys', 'revoke', id], admin()).ended).out).toContain('revoked');
    const refused = await start(['devices'], { THERMOLOOP_KEY: key }).ended;
    expect([refused.code, refused.err]).toEqual([1, expect.stringMatching(/\n\S/)]);
  });

  it('writes a key to a file of its own, which is used with --key-file', async () => {
    const made = await start(['keys', 'create', 'file', '--role', 'viewer', '-o', 'me.key'], admin()).ended;
    expect([made.code, made.out.includes('tlk_')]).toEqual([0, false]);
    expect(statSync(inFolder('me.key')).mode & 0o777).toBe(0o600);
    const used = { THERMOLOOP_KEY_FILE: inFolder('me.key') };
    const child = start(['devices'], { ...used, THERMOLOOP_KEY: '' });
    expect((await child.ended).code).toBe(0);
    chmodSync(inFolder('me.key'), 0o644);
    const open = await start(['devices'], { ...used, THERMOLOOP_KEY: '' }).ended;
    expect([open.code, open.err]).toEqual([2, expect.stringContaining('chmod 600')]);
  });
});

describe('thermoloop program and models', () => {
  it('uploads, lists and downloads the same parameters', async () => {
    const digest = (await thermoloop('program', 'model.npz')).out.trim();
    expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect((await thermoloop('models')).out).toMatch(new RegExp(`^${digest} +${UNITS} .*flat`, 'm'));
    expect((await thermoloop('models', 'get', digest, '-o', 'back.npz')).code).toBe(0);
    const members = decodeNpz(readFileSync(inFolder('back.npz')));
    expect(members.get('J')?.shape).toEqual([UNITS, UNITS]);
  });
});

describe('thermoloop sample', () => {
  it('with --dry-run says what would become of the job, and draws nothing', async () => {
    const jobs = () => thermoloop('jobs', 'list', '--json').then((said) => json(said)['items']);
    const before = await jobs();
    const said = await thermoloop(...sample('--count', '20', '--dry-run'));
    expect([said.code, said.err]).toEqual([0, expect.not.stringContaining('sample')]);
    expect(said.out).toMatch(/would be taken\n.*chip-0 \(twin\)/);
    expect(said.out).toMatch(/couplings +rms 0\.0e\+0 E0/);
    expect(said.out).toMatch(/upload +nothing: the device has it|upload +image of \d+ B/);
    const wrong = await thermoloop(...sample('--count', '20', '--temperature', '3', '--dry-run', '--json'));
    expect(wrong.code).toBe(1);
    expect(json(wrong)).toMatchObject({
      ok: false,
      problems: [{ code: 'validation-failed', errors: [{ pointer: '/noiseTemperature' }] }],
      schedule: null,
    });
    expect(await jobs()).toEqual(before);
  });

  it('with --target-ess stops when enough is known', async () => {
    const asked = sample('--count', '3000', '--target-ess', '100', '--seed', '3', '-o', 'enough.npz');
    const said = await thermoloop(...asked);
    expect([said.code, said.err]).toEqual([0, expect.any(String)]);
    expect(said.out).toMatch(/stopped +early, at an effective sample size of 100/);
    const samples = /samples +(\d+) x/.exec(said.out)?.[1];
    expect(Number(samples)).toBeLessThan(3000);
    const wrong = await thermoloop(...sample('--count', '10', '--target-ess', '0', '-o', 'x.npz'));
    expect([wrong.code, wrong.err]).toEqual([2, expect.stringMatching(/a number from 1 up/)]);
  });

  it('without a file for the samples is wrong use', async () => {
    const said = await thermoloop(...sample('--count', '20'));
    expect([said.code, said.err]).toEqual([2, expect.stringMatching(/--dry-run/)]);
  });

  it('uploads, samples, downloads, and says what came out', async () => {
    const said = await thermoloop(...sample('--count', '20', '--seed', '7', '--heat', '-o', 'samples.npz'));
    expect(said.code).toBe(0);
    expect(said.out).toMatch(/samples +20 x 2 x 16/);
    expect(said.out).toMatch(/heat +\S+ \+- \S+ kT/);
    // One line a step where standard error is no terminal.
    expect(said.err.split('\n').map((line) => line.split(' ')[0])).toEqual([
      'model',
      'sample',
      'download',
      '',
    ]);
    const members = decodeNpz(readFileSync(inFolder('samples.npz')));
    expect(members.get('x')?.shape).toEqual([20, 2, UNITS]);
  });

  it('prints one JSON document, and writes the format that the name says', async () => {
    const said = await thermoloop(
      ...sample('--count', '3', '--label', 'run=A=17', '-o', 'samples.csv', '--json'),
    );
    expect(said).toMatchObject({ code: 0, err: '' });
    expect(json(said)).toMatchObject({
      job: { state: 'succeeded', labels: { run: 'A=17' } },
      file: 'samples.csv',
    });
    expect(readFileSync(inFolder('samples.csv'), 'utf8').split('\n').length).toBeGreaterThan(6);
  });

  it('asks for dithering and for a faster clock', async () => {
    const said = await thermoloop(
      ...sample('--count', '8', '--dither', '4', '--clock-scale', '2', '-o', 'dithered.npz', '--json'),
    );
    expect(said).toMatchObject({ code: 0, err: '' });
    expect(json(said)).toMatchObject({
      job: {
        request: { mitigation: { dither: 4 }, clock: { scale: 2 } },
        result: {
          provenance: { clockScale: 2, roundings: Array.from({ length: 4 }, () => ({ samples: 2 })) },
          dither: { observables: [{ name: 'energy_kT' }, { name: 'mean_x' }, { name: 'unit_x' }] },
        },
      },
    });
  });

  it('says what was measured where the device is not as required, and calibrates first if told to', async () => {
    const nobody = sample('--count', '3', '--require', 'noiseTemperature=2..3', '-o', 'never.npz');
    const refused = await thermoloop(...nobody);
    expect([refused.code, refused.out]).toEqual([1, '']);
    expect(refused.err).toMatch(/noiseTemperature (is|cannot be read).*required is 2 to 3.*\n\S/);
    const words = ['--require', 'noiseTemperature=0.5..2', '--require', 'maxCalibrationAge_s=600'];
    const said = await thermoloop(
      ...sample('--count', '3', ...words, '--on-unmet', 'recalibrate', '-o', 's.npz'),
    );
    expect(said.code).toBe(0);
    expect(said.out).toMatch(/calibration +[0-9A-Z]{26}/);
    const wrong = await thermoloop(...sample('--count', '3', '--require', 'mood=good', '-o', 's.npz'));
    expect([wrong.code, wrong.err]).toEqual([2, expect.stringMatching(/mood.*none of noiseTemperature/)]);
  });

  it('cancels the job on Ctrl-C and says so', async () => {
    const running = start(sample('--count', '50000', '--label', 'long=1', '-o', 'never.npz'));
    const find = async () =>
      (await service.client.get('/v1/jobs', { params: { query: { label: 'long=1' } } })).items.at(0);
    await until(async () => (await find())?.state === 'running', 30, 'the job runs');
    running.interrupt();
    const said = await running.ended;
    expect([said.code, said.out]).toEqual([130, '']);
    expect(said.err).toMatch(/interrupted: the job \S+ is (cancelled|stopping)/);
    await until(async () => (await find())?.state === 'cancelled', 30, 'the job is cancelled');
  });

  it('refuses before it sends anything where the name of the file says no format', async () => {
    const said = await thermoloop(...sample('--count', '1', '-o', 'samples.bin'));
    expect([said.code, said.err]).toEqual([2, expect.stringMatching(/samples\.bin.*\n.*--format/)]);
  });
});

describe('thermoloop jobs', () => {
  it('lists, shows, waits and downloads', async () => {
    const [job] = (
      json(await thermoloop('jobs', '--json'))['items'] as { id: string; state: string }[]
    ).filter(({ state }) => state === 'succeeded');
    expect((await thermoloop('jobs')).out).toMatch(new RegExp(`^${job.id} +succeeded +chip-0 +twin`, 'm'));
    expect((await thermoloop('jobs', 'show', job.id)).out).toMatch(/state +succeeded/);
    expect((await thermoloop('jobs', 'wait', job.id)).code).toBe(0);
    expect((await thermoloop('jobs', 'samples', job.id, '-o', 'again.npy')).code).toBe(0);
    expect(readFileSync(inFolder('again.npy')).subarray(1, 6).toString()).toBe('NUMPY');
  });

  it('a wait for a job that was cancelled exits with 5, and cancelling it again with 1', async () => {
    const model = await service.client.uploadModel(readFileSync(inFolder('model.npz')));
    const { id } = await service.client.submitJob({
      model,
      device: { id: 'chip-0' },
      relax: { duration_s: 2.5e-6 },
      samples: { count: 50_000 },
    });
    const waiting = start(['jobs', 'wait', id]);
    expect((await thermoloop('jobs', 'cancel', id)).code).toBe(0);
    const ended = await waiting.ended;
    expect([ended.code, ended.err]).toEqual([5, expect.stringContaining('cancelled')]);
    const again = await thermoloop('jobs', 'cancel', id, '--json');
    expect([again.code, json(again)]).toMatchObject([1, { error: { code: 'already-finished' } }]);
  });
});

describe('thermoloop calibrate', () => {
  it('measures, and prints the value with its error', async () => {
    const said = await thermoloop('calibrate', 'chip-0', '--option', 'holds=20');
    expect(said.code).toBe(0);
    expect(said.out).toMatch(/noiseTemperature_ratio +\d\.\d+ \+- \d\.\d+/);
  });

  it('passes on what the service says of an option', async () => {
    const said = await thermoloop('calibrate', 'chip-0', '--option', 'holds=many');
    expect([said.code, said.err]).toEqual([1, expect.stringContaining('holds')]);
  });
});

describe('wrong use', () => {
  it.each<[name: string, words: string[], env: Record<string, string>, code: number, says: RegExp]>([
    ['no key', ['devices'], { THERMOLOOP_KEY: '' }, 2, /no key.*\n.*THERMOLOOP_KEY/],
    ['a key that is none', ['devices', '--key', 'secret word'], {}, 2, /tlk_/],
    ['an address that is none', ['devices', '--url', 'chip-0'], {}, 2, /--url/],
    ['a service that is not there', ['devices', '--url', 'http://127.0.0.1:1'], {}, 4, /thermoloop serve/],
    ['a model that is not there', ['program', 'nothing.npz'], {}, 2, /nothing\.npz/],
    ['a model of an unknown format', ['program', 'model.bin'], {}, 2, /\.safetensors/],
    ['a count that is none', sample('--count', 'many', '-o', 'x.npz'), {}, 2, /whole number/],
    ['a role that is none', ['keys', 'create', 'x', '--role', 'king'], {}, 1, /role/],
  ])('%s', async (_name, words, env, code, says) => {
    const said = await start(words, env).ended;
    expect(said.err).toMatch(says);
    expect([said.code, said.out]).toEqual([code, '']);
  });

  it.each(['devices', 'sample', 'calibrate', 'program', 'jobs wait', 'models get', 'keys create'])(
    '%s --help has examples, the connection and the exit codes',
    async (name) => {
      const said = await thermoloop(...name.split(' '), '--help');
      expect(said.code).toBe(0);
      expect(said.out).toContain('Examples:\n  thermoloop');
      for (const word of ['THERMOLOOP_URL', 'THERMOLOOP_KEY_FILE', '130']) expect(said.out).toContain(word);
    },
  );
});
