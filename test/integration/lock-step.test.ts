// Twin and service as two processes on one virtual clock, as a user starts them.
import { afterEach, describe, expect, it } from 'vitest';
import { TwinControl } from '../../src/cli/control/client.ts';
import type { Resource } from '../../src/client/index.ts';
import { emptyModel, encodeModelNpz } from '../../src/physics/index.ts';
import { scratch, startService, startTwin, until, type RunningService } from '../support/processes.ts';

const UNITS = 16;
const HOUR_S = 3600;
/** Real time, for a machine with other work: an hour takes 36 s at speed 100, a few seconds at max. */
const LIMIT_S = 120;
const LIMIT = { timeout: 3000 * LIMIT_S };
const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface Started {
  service: RunningService;
  /** Virtual time, seconds. */
  now_s: () => Promise<number>;
  startAnother: () => Promise<RunningService>;
}

async function start(speed: string): Promise<Started> {
  const words = ['--control', '127.0.0.1:0', '--speed', speed];
  const twin = await startTwin({ units: UNITS, seed: 5, words });
  closers.push(twin.stop);
  const control = String(twin.ready['control']);
  const startAnother = async (): Promise<RunningService> => {
    const folder = scratch();
    closers.push(folder.close);
    // Without probes: a device that is asked whether it is ready may be probing.
    const settings = { THERMOLOOP_CLOCK: control, THERMOLOOP_SENTINEL_SHARE: '0' };
    const service = await startService(String(twin.ready['url']), folder.path, settings);
    closers.push(service.child.stop);
    return service;
  };
  const service = await startAnother();
  const { control: asked } = await TwinControl.connect(control);
  closers.push(() => asked.close());
  const now_s = async (): Promise<number> =>
    ((await asked.call('clock.get')) as { now_us: number }).now_us / 1e6;
  return { service, now_s, startAnother };
}

/** A coupled job; resolves with its end. */
async function job({ client }: RunningService): Promise<Resource> {
  const model = emptyModel(UNITS);
  model.couplings[1] = model.couplings[UNITS] = 0.3;
  const digest = await client.uploadModel(encodeModelNpz({ model, metadata: {} }));
  const { id } = await client.json('POST', '/v1/jobs', {
    model: digest,
    device: { id: 'chip-0' },
    relax: { duration_s: 2.5e-6 },
    samples: { count: 300 },
    seed: 7,
  });
  return client.wait(`/v1/jobs/${id}`);
}

const digestOf = (row: Resource): unknown =>
  (row.result?.['samples'] as Record<string, unknown> | undefined)?.['wireDigest'];

describe('a service and a twin on one virtual clock', () => {
  it('an hour at speed 100, with a job in it that gives what it gives at speed 1', LIMIT, async () => {
    const { service, now_s } = await start('100');
    const started_s = await now_s();
    await until(
      async () => (await now_s()) > started_s + HOUR_S / 2,
      LIMIT_S,
      'half an hour of virtual time',
    );
    const done = await job(service);
    const clock = { kind: 'virtual', speed: 100 };
    expect(done).toMatchObject({ state: 'succeeded', result: { provenance: { clock, backend: 'twin' } } });
    await until(async () => (await now_s()) > started_s + HOUR_S, LIMIT_S, 'an hour of virtual time');
    const { client } = service;
    expect(await client.json('GET', '/v1/about')).toMatchObject({ deviceClock: clock });
    expect(await client.json('GET', '/v1/devices/chip-0')).toMatchObject({ state: 'ready', clock });
    const metrics = await (await fetch(String(service.child.ready['metricsUrl']))).text();
    expect(metrics).toMatch(/^thermoloop_link_reconnects_total\{.*\} 0$/m);

    const folder = scratch();
    closers.push(folder.close);
    const twin = await startTwin({ units: UNITS, seed: 5 });
    closers.push(twin.stop);
    const real = await startService(String(twin.ready['url']), folder.path);
    closers.push(real.child.stop);
    const reference = await job(real);
    expect(reference).toMatchObject({
      state: 'succeeded',
      result: { provenance: { clock: { kind: 'system' } } },
    });
    expect(digestOf(done)).toBe(digestOf(reference));
  });

  it(
    'as fast as the work allows; a service that is killed is left behind, and another one joins',
    LIMIT,
    async () => {
      const { service, now_s, startAnother } = await start('max');
      const first = await job(service);
      expect(first).toMatchObject({ state: 'succeeded' });
      const joined_s = await now_s();
      await until(async () => (await now_s()) > joined_s + HOUR_S / 4, LIMIT_S, 'a quarter of an hour');
      process.kill(service.child.pid, 'SIGKILL');
      const left_s = await now_s();
      await until(async () => (await now_s()) > left_s, LIMIT_S, 'time goes on alone');
      const next = await startAnother();
      expect(digestOf(await job(next))).toBe(digestOf(first));
      expect(await next.client.json('GET', '/v1/devices/chip-0')).toMatchObject({ state: 'ready' });
    },
  );
});
