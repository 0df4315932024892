// `thermoloop certificate verify` on what a real service signed for a twin's samples, over a restart.
import { generateKeyPairSync } from 'node:crypto';
import { renameSync, statSync, truncateSync, writeFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  scratch,
  startService,
  startTwin,
  thermoloop,
  type RunningService,
  type Said,
} from '../../test/support/processes.ts';
import { registerCertificate } from './certificate.ts';
import type { Child } from './demo/children.ts';

const folder = scratch();
const at = (name: string): string => join(folder.path, name);
let twin: Child;
let service: RunningService;
let id: string;

const fetched = (path: string, mediaType = 'application/json') => service.client.download(path, mediaType);

beforeAll(async () => {
  twin = await startTwin({ units: 2 });
  service = await startService(String(twin.ready['url']), folder.path);
  const couplings = [
    [0, 0.2],
    [0.2, 0],
  ];
  const { digest } = await service.client.post('/v1/models', { body: { couplings } });
  const job = await service.client.submitJob({
    model: digest,
    device: { id: 'chip-0' },
    relax: { duration_s: 2.5e-6 },
    samples: { count: 5 },
    seed: 3,
  });
  id = job.id;
  await service.client.waitForJob(id);
  writeFileSync(at('certificate.json'), await fetched(`/v1/jobs/${id}/certificate`));
  writeFileSync(at('keys.json'), await fetched('/v1/certificate-keys'));
  writeFileSync(at('samples.npz'), await fetched(`/v1/jobs/${id}/samples`, 'application/x-npz'));
});
afterAll(async () => {
  await service.child.stop();
  await twin.stop();
  folder.close();
});

/** Runs the subcommand in this process, with what the command line would make of its error. */
async function verify(...words: string[]): Promise<Said> {
  let out = '';
  const written = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  const exitCodeBefore = process.exitCode;
  const program = new Command('thermoloop');
  registerCertificate(program);
  try {
    await program.parseAsync(['certificate', 'verify', ...words], { from: 'user' });
    return { code: process.exitCode === exitCodeBefore ? 0 : Number(process.exitCode), out, err: '' };
  } catch (error) {
    const { message, remedy, exitCode } = error as Error & { remedy: string; exitCode: number };
    return { code: exitCode, out, err: `${message}\n${remedy}` };
  } finally {
    process.exitCode = exitCodeBefore;
    written.mockRestore();
  }
}
const known = () => ['--public-key', at('keys.json')];

describe('thermoloop certificate verify', () => {
  it('believes what the service signed, and the samples that belong to it', async () => {
    const table = await verify(at('certificate.json'), ...known(), '--samples', at('samples.npz'));
    expect(table.out + table.err).toMatch(/^certificate +valid[^]*samples file +valid: x, time_s, heat_kT/);
    expect(table.code).toBe(0);
    const json = await verify(at('certificate.json'), '--public-key', service.url, '--json');
    expect(JSON.parse(json.out)).toMatchObject({
      valid: true,
      samples: null,
      certificate: { job: { id }, device: { backend: 'twin' }, program: { seed: '3' } },
    });
  });

  it('exits with 1 and says what to do when something is changed', async () => {
    writeFileSync(
      at('changed.json'),
      readFileSync(at('certificate.json'), 'utf8').replace('"twin"', '"chip"'),
    );
    const changed = await thermoloop('certificate', 'verify', at('changed.json'), ...known());
    expect(changed.code).toBe(1);
    expect(changed.err).toMatch(/signature[^]*do not believe/);
    const samples = readFileSync(at('samples.npz'));
    samples[samples.indexOf('x.npy') + 200] ^= 1;
    writeFileSync(at('changed.npz'), samples);
    const words = ['--samples', at('changed.npz'), '--json'];
    const other = await verify(at('certificate.json'), ...known(), ...words);
    expect([other.code, (JSON.parse(other.out) as { valid: unknown }).valid]).toEqual([1, false]);
    const foreign = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' });
    writeFileSync(at('foreign.pem'), foreign);
    const unknown = await verify(at('certificate.json'), '--public-key', at('foreign.pem'));
    expect([unknown.code, unknown.err]).toEqual([1, expect.stringMatching(/operator/) as string]);
    writeFileSync(at('huge.json'), '');
    truncateSync(at('huge.json'), 2 ** 40); // sparse
    expect((await verify(at('huge.json'), ...known())).code).toBe(1);
  });

  it('exits with 2 and says what to do when it cannot check', async () => {
    const cases: [string[], RegExp][] = [
      [[at('certificate.json')], /--public-key/],
      [[at('missing.json'), ...known()], /missing\.json[^]*name of the file/],
      [[at('certificate.json'), '--public-key', at('samples.npz')], /certificate-keys/],
      [[at('certificate.json'), '--public-key', 'http://lab.example/'], /plain text[^]*https/],
      [[at('certificate.json'), '--public-key', 'http://127.0.0.1:1/'], /cannot be fetched[^]*key file/],
      [[at('certificate.json'), ...known(), '--samples', folder.path], /cannot be read/],
    ];
    for (const [words, says] of cases) {
      const { code, err } = await verify(...words);
      expect([words, code, err]).toEqual([words, 2, expect.stringMatching(says) as string]);
    }
  });

  it('is the same bytes after a restart and a change of key, and still verifies', async () => {
    const before = readFileSync(at('certificate.json'));
    expect(statSync(at('data/certificate-key.pem')).mode & 0o777).toBe(0o600);
    await service.child.stop();
    renameSync(at('data/certificate-key.pem'), at('old.pem'));
    service = await startService(String(twin.ready['url']), folder.path);
    const published = await service.client.get('/v1/certificate-keys');
    expect(published.keys).toHaveLength(2);
    expect(Buffer.from(await fetched(`/v1/jobs/${id}/certificate`))).toEqual(before);
    const later = await verify(at('certificate.json'), '--public-key', service.url);
    expect([later.code, later.err]).toEqual([0, '']);
  });
});
