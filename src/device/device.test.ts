// The Device on a link without bytes: what it says about itself, what it refuses, and how it survives losses.
import { describe, expect, it } from 'vitest';
import { plainProgram } from '../../test/support/device-facts.ts';
import { FakeLink } from '../../test/support/fake-link.ts';
import { seededRandom32 } from '../../test/support/seeded-random.ts';
import { VirtualClock } from '../../test/support/virtual-clock.ts';
import { LinkError } from '../link/index.ts';
import { TransportError, type Port } from '../transports/port.ts';
import { Device } from './device.ts';
import { DeviceError } from './errors.ts';
import type { DeviceOptions, DeviceProgress, RelaxRequest } from './types.ts';

type Answer = FakeLink | Error;

/** A device that meets these answers, one for each attempt to connect, the last one for ever. */
function bench(answers: Answer[], options: Partial<DeviceOptions> = {}) {
  const clock = new VirtualClock();
  const attempts: number[] = [];
  const device = new Device(
    {
      id: 'd0',
      url: 'tcp://127.0.0.1:1',
      openPort: () => ({ label: 'fake' }) as Port,
      clock,
      random32: seededRandom32(1),
      hostVersion: 'test',
      ...options,
    },
    async () => {
      attempts.push(clock.now_ms());
      const answer = answers.length > 1 ? answers.shift() : answers[0];
      if (answer instanceof FakeLink) return answer;
      throw answer ?? new Error('no answer');
    },
  );
  return { device, clock, attempts };
}

async function readyBench(answers: Answer[] = [new FakeLink()], options: Partial<DeviceOptions> = {}) {
  const all = bench(answers, options);
  all.device.start();
  await all.clock.settle(all.device.whenReady(1000));
  return all;
}

const request = (changes: Partial<RelaxRequest> = {}): RelaxRequest => ({
  program: plainProgram(6),
  samples: 4,
  duration_s: 1e-6,
  readAt_s: [1e-6],
  recordSwitchOn: true,
  noiseTemperature_ratio: 1,
  ...changes,
});
const code = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'succeeded',
    (error: unknown) => (error instanceof DeviceError ? error.code : 'another error'),
  );

describe('the log', () => {
  it('names a failure once, not at every attempt, and nothing at every operation', async () => {
    const lines: string[] = [];
    const away = new TransportError('connection-refused', 'nobody listens', {
      remedy: 'Start it.',
      retryable: true,
    });
    const link = new FakeLink();
    const { device, clock, attempts } = bench([away, away, away, link], {
      onLog: (_level, message) => lines.push(message),
    });
    device.start();
    await clock.settle(device.whenReady(60_000));
    expect(attempts).toHaveLength(4);
    expect(lines).toEqual(['device offline', 'device ready']);
    await clock.settle(device.relax(request(), {}));
    expect(lines).toEqual(['device offline', 'device ready']);
  });
});

describe('connecting', () => {
  it('reports what the device says of itself and grows the revision with every change', async () => {
    const { device, clock } = bench([new FakeLink()]);
    const seen: string[] = [];
    device.onChange(() => seen.push(`${device.state} ${device.revision}`));
    expect(device).toMatchObject({ state: 'offline', backend: null, capabilities: null });
    device.start();
    device.start();
    await clock.settle(device.whenReady(1000));
    expect(seen).toEqual(['connecting 1', 'ready 2']);
    expect(device).toMatchObject({ backend: 'twin', reason: null });
    expect(device.identity).toMatchObject({ bootId: '0000000000000abc', schemaHash: '00001234' });
    expect(device.capabilities).toMatchObject({ unitsMax: 64, topologies: [1], stepDefault_s: 1e-9 });
  });

  it('keeps trying while the port fails, with the remedy of the transport', async () => {
    const refused = new TransportError('connection-refused', 'nobody listens', {
      remedy: 'start it',
      retryable: true,
    });
    const failed = new LinkError('port-failed', 'no port', { cause: refused });
    const { device, clock, attempts } = bench([failed, failed, new FakeLink()]);
    device.start();
    await clock.pass(100);
    expect(device).toMatchObject({
      state: 'offline',
      reason: { code: 'connection-refused', remedy: 'start it' },
    });
    expect(await code(device.relax(request()))).toBe('device-offline');
    await clock.settle(device.whenReady(5000));
    expect(attempts).toHaveLength(3);
    expect(device.counters()).toMatchObject({ connects: 1, connectFailures: { 'connection-refused': 2 } });
  });

  it.each([
    ['chip', true, 'wrong-backend'],
    ['twin', false, 'wrong-backend'],
    ['replay', true, 'wrong-backend'],
    ['chip', false, null],
    ['twin', true, null],
  ] as const)('expecting a %s where simulated is %s: %s', async (expectBackend, simulated, refusal) => {
    const link = new FakeLink({ simulated });
    const { device, clock } = bench([link], { expectBackend });
    device.start();
    const outcome = await code(clock.settle(device.whenReady(1000)));
    expect(outcome).toBe(refusal ?? 'succeeded');
    expect(device.state).toBe(refusal === null ? 'ready' : 'refused');
    expect(link.isClosed).toBe(refusal !== null);
    if (refusal) expect(await code(device.relax(request()))).toBe(refusal);
    expect(device.backend).toBe(simulated ? 'twin' : 'chip');
  });

  it('checks the backend at every reconnect, and takes a corrected device back', async () => {
    const chip = new FakeLink({ simulated: false });
    const { device, clock } = await readyBench([chip, new FakeLink(), new FakeLink({ simulated: false })], {
      expectBackend: 'chip',
    });
    chip.lose();
    expect(device.state).toBe('offline');
    await clock.pass(1000);
    expect(device).toMatchObject({ state: 'refused', reason: { code: 'wrong-backend' }, backend: 'twin' });
    await clock.pass(10_000);
    expect(device).toMatchObject({ state: 'ready', backend: 'chip' });
  });

  it.each(['not-a-device', 'schema-mismatch', 'unsupported-version'] as const)(
    'refuses %s and asks again after 10 s',
    async (linkCode) => {
      const { device, clock, attempts } = bench([new LinkError(linkCode, 'no'), new FakeLink()]);
      device.start();
      await clock.pass(9000);
      expect(device).toMatchObject({ state: 'refused', reason: { code: linkCode } });
      await clock.pass(2000);
      expect(device.state).toBe('ready');
      expect(attempts).toEqual([0, 10_000]);
    },
  );

  it('ends a run that a former session left, before anything else', async () => {
    const link = new FakeLink();
    link.deviceState = 2;
    await readyBench([link]);
    expect(link.calls).toEqual(['stop']);
  });

  it('gives up waiting after the time, and closes without a trace', async () => {
    const { device, clock, attempts } = bench([new LinkError('port-failed', 'no')]);
    device.start();
    expect(await code(clock.settle(device.whenReady(3000)))).toBe('device-offline');
    await device.close();
    const before = attempts.length;
    await clock.pass(60_000);
    expect(attempts).toHaveLength(before);
    expect(await code(device.relax(request()))).toBe('device-offline');
    expect(await code(device.whenReady(1))).toBe('device-offline');
  });
});

describe('an operation', () => {
  it('loads, activates, runs and decodes, and says what it did', async () => {
    const { device } = await readyBench();
    const phases: DeviceProgress['phase'][] = [];
    const states: string[] = [];
    device.onChange(() => states.push(device.state));
    const result = await device.relax(request({ seed: 5n }), { onProgress: (p) => phases.push(p.phase) });
    expect(phases).toEqual(['programming', 'verifying', 'settling', 'relaxing', 'reading']);
    expect(states).toEqual(['running', 'ready']);
    expect(result).toMatchObject({ samples: 4, units: 6, seed: '5', step_s: 1e-9, stateScale: 2 ** -10 });
    expect(result.codes).toHaveLength(4 * 2 * 6);
    expect(result.reads.map((read) => read.label)).toEqual(['switch-on', 'read']);
    expect(result.device).toMatchObject({ uid: 'c0ffee', backend: 'twin' });
    expect(result.timing.skippedUpload).toBe(false);
  });

  it('does not send a program that the device says it has', async () => {
    const { device } = await readyBench();
    await device.relax(request());
    const again = await device.relax(request());
    expect(again.timing).toMatchObject({ skippedUpload: true, sentBytes: 0 });
    expect(device.counters()).toMatchObject({ operations: 2, uploads: 1, uploadsSkipped: 1, samples: 8 });
  });

  it('tells of a program that a patch brought', async () => {
    const link = new FakeLink();
    link.patches = true;
    const { device } = await readyBench([link]);
    expect((await device.relax(request())).timing).toMatchObject({
      skippedUpload: false,
      patchedUpload: true,
    });
    expect(device.counters()).toMatchObject({ uploads: 1, uploadsPatched: 1 });
  });

  it('never couples in a hold', async () => {
    const link = new FakeLink();
    link.recordBytes = 9;
    const { device } = await readyBench([link]);
    const { program, samples, duration_s, readAt_s } = request();
    await device.hold({ program, samples, duration_s, readAt_s, noiseTemperature_ratio: 1 });
    expect(link.runs[0].phases.map((phase) => phase.coupled)).toEqual([false]);
  });

  it('is refused as busy while another one runs', async () => {
    const link = new FakeLink();
    link.holdRuns = true;
    const { device, clock } = await readyBench([link]);
    const first = device.relax(request());
    await clock.pass(10);
    expect(device.state).toBe('running');
    expect(await code(device.relax(request()))).toBe('busy');
    link.release();
    expect(await code(first)).toBe('succeeded');
    expect(device.state).toBe('ready');
  });

  it('stops the chip when the caller gives up', async () => {
    const link = new FakeLink();
    link.holdRuns = true;
    const { device, clock } = await readyBench([link]);
    const caller = new AbortController();
    const run = code(device.relax(request(), { signal: caller.signal }));
    await clock.pass(10);
    caller.abort();
    expect(await run).toBe('cancelled');
    expect(link.calls).toContain('stop');
    expect(device.state).toBe('ready');
    expect(await code(device.relax(request(), { signal: caller.signal }))).toBe('cancelled');
  });

  it('ends at once when the link is lost, even if the link never settles, and works after the reconnect', async () => {
    const link = new FakeLink();
    link.holdRuns = true;
    const lines: object[] = [];
    const { device, clock, attempts } = await readyBench([link, new FakeLink()], {
      onLog: (_level, message, fields) => lines.push({ message, ...fields }),
    });
    const failure = device.relax(request()).catch((error: unknown) => error);
    await clock.pass(10);
    link.lose();
    expect(await failure).toMatchObject({ code: 'link-lost', retryable: true, outcome: 'unknown' });
    expect(device).toMatchObject({ state: 'offline', reason: { code: 'link-lost' } });
    expect(device.counters()).toMatchObject({
      losses: { 'link-lost': 1 },
      linkTotals: { rxFrames: 0 },
      operationsFailed: { 'link-lost': 1 },
      link: null,
    });
    expect(lines).toContainEqual(
      expect.objectContaining({ message: 'link counters at the loss', counters: link.counters() }),
    );
    await clock.settle(device.whenReady(1000));
    expect(attempts).toHaveLength(2);
    link.release(); // the old operation ends late and must not touch the new session
    expect(await code(device.relax(request()))).toBe('succeeded');
  });

  it('passes on what the device refuses, and is ready again', async () => {
    const link = new FakeLink();
    const { device } = await readyBench([link]);
    link.nextError = new LinkError('refused', 'too hot', { detail: 501 });
    expect(await code(device.relax(request()))).toBe('device-too-hot');
    link.nextError = new LinkError('refused', 'no volts', { detail: 502 });
    expect(await code(device.relax(request()))).toBe('device-fault');
    link.nextError = new LinkError('data-loss', 'digest');
    expect(await code(device.relax(request()))).toBe('data-loss');
    link.recordBytes = 9;
    expect(await code(device.relax(request()))).toBe('data-loss');
    expect(device.state).toBe('ready');
  });

  it('checks a request against the device before anything is sent', async () => {
    const link = new FakeLink();
    const { device } = await readyBench([link]);
    expect(await code(device.relax(request({ samples: 1001 })))).toBe('out-of-range');
    expect(await code(device.relax(request({ program: plainProgram(65) })))).toBe('out-of-range');
    expect(link.calls).toEqual([]);
    expect(device.state).toBe('ready');
  });

  it('is stopped by close', async () => {
    const link = new FakeLink();
    link.holdRuns = true;
    const { device, clock } = await readyBench([link]);
    const run = code(device.relax(request()));
    await clock.pass(10);
    await clock.settle(device.close());
    expect(await run).toBe('cancelled');
    expect(link.isClosed).toBe(true);
    expect(device.state).toBe('closed');
  });
});
