// The host's link against a scripted device over a memory port, on virtual time: the thin path, then what goes wrong.
import { describe, expect, it } from 'vitest';
import { bench, failure, image, loadOptions, request, sha256 } from '../../test/support/link-bench.ts';
import type { Damage } from '../../test/support/lossy-port.ts';
import type { Script } from '../../test/support/scripted-device.ts';
import { seededRandom32 } from '../../test/support/seeded-random.ts';
import { VirtualClock } from '../../test/support/virtual-clock.ts';
import { createMemoryPair } from '../transports/memory/memory-port.ts';
import { connect } from './index.ts';

describe('connect', () => {
  it('tells who answers', async () => {
    const { open } = bench();
    const { identity } = await open();
    expect(identity).toMatchObject({ uid: 'abcd', simulated: true, firmware: 'scripted' });
    expect(identity.session).toBeGreaterThan(0);
  });

  it.each([
    [
      'fence-stale',
      { hello: (h) => ({ ...h, refused: { code: 9, detail: 106, message: '', retryAfterMs: 0 } }) },
    ],
    ['schema-mismatch', { hello: (h) => ({ ...h, schemaHash: 1 }) }],
    ['unsupported-version', { hello: (h) => ({ ...h, proto: 9 }) }],
    ['wrong-device', { hello: (h) => ({ ...h, deviceUid: Uint8Array.of(1) }) }],
  ] satisfies [string, Partial<Script>][])('refuses with %s at once', async (code, script) => {
    const { open, clock } = bench(script, { expectUid: 'ABCD' });
    const error = await failure(open());
    expect([error.code, error.retryable, error.remedy.length > 0]).toEqual([code, false, true]);
    expect(clock.now_ms()).toBeLessThan(100);
  });

  it('calls a silent port, a babbling one and an echoing one not-a-device after 5 s', async () => {
    const behaviours: Record<string, (bytes: Uint8Array) => Uint8Array | null> = {
      'stayed silent': () => null,
      'none of them an answer': () => Buffer.from('AT+OK\r\n\0login: '),
      'them an answer': (bytes) => Uint8Array.from(bytes),
    };
    for (const [text, answer] of Object.entries(behaviours)) {
      const clock = new VirtualClock();
      const [port, far] = createMemoryPair({ clock });
      far.onData((bytes) => {
        const back = answer(bytes);
        if (back !== null) far.write(back);
      });
      await far.open(new AbortController().signal);
      const opening = connect({ port, clock, random32: seededRandom32(1), clientId: 1, hostVersion: 'test' });
      const error = await failure(clock.settle(opening));
      expect(error.code).toBe('not-a-device');
      expect(error.message).toContain(text);
      expect(clock.now_ms()).toBe(5000);
    }
  });

  it('gives up when its caller does, and closes the port', async () => {
    const clock = new VirtualClock();
    const [port] = createMemoryPair({ clock });
    const abort = new AbortController();
    clock.after(700, () => abort.abort());
    const closed: string[] = [];
    port.onClosed((why) => closed.push(why.code));
    const options = { port, clock, random32: seededRandom32(1), clientId: 1, hostVersion: 'x'.repeat(99) };
    const error = await failure(clock.settle(connect({ ...options, signal: abort.signal })));
    expect([error.code, clock.now_ms(), closed]).toEqual(['cancelled', 700, ['asked']]);
  });
});

describe('load', () => {
  it('uploads once, verifies through VERIFYING, and skips what the device has', async () => {
    const { open, clock, device } = bench({ verifying: 3 });
    const link = await open();
    const bytes = image(10_000);
    const progress: number[] = [];
    const first = await clock.settle(
      link.load(bytes, { ...loadOptions, onProgress: (sent) => progress.push(sent) }),
    );
    expect(first).toMatchObject({ programId: sha256(bytes), sentBytes: 10_000, skipped: false });
    expect(device.bank?.memory).toEqual(bytes);
    expect(progress.at(-1)).toBe(10_000);
    expect(device.executed['finishLoad']).toBe(4); // each with a new id: the cache would answer VERIFYING for ever
    await clock.settle(link.activate(first.programId));
    const second = await clock.settle(link.load(bytes, loadOptions));
    expect(second).toMatchObject({ sentBytes: 0, skipped: true });
  });

  it('sends a damaged page again once, and gives up at the second mismatch', async () => {
    const once = bench({ badPages: 1, chunkBytes: 1200, windowBytes: 12_000 });
    const bytes = image(150_000);
    const link = await once.open();
    const outcome = await once.clock.settle(link.load(bytes, loadOptions));
    const page = Math.ceil(65_536 / 1200) * 1200;
    expect(outcome.sentBytes).toBe(150_000 + page);
    expect(link.counters()).toMatchObject({ digestFailures: 1, txReplayBytes: page });
    const twice = bench({ badPages: 2, chunkBytes: 1200, windowBytes: 12_000 });
    const other = await twice.open();
    const error = await failure(twice.clock.settle(other.load(bytes, loadOptions)));
    expect([error.code, error.retryable]).toEqual(['data-loss', false]);
  });

  it('resumes a load that was cancelled', async () => {
    const { open, clock, device } = bench();
    const link = await open();
    const bytes = image(20_000);
    const abort = new AbortController();
    const onProgress = (sent: number): void => {
      if (sent > 8000) abort.abort();
    };
    const loading = link.load(bytes, { ...loadOptions, onProgress, signal: abort.signal });
    expect((await failure(clock.settle(loading))).code).toBe('cancelled');
    const rest = await clock.settle(link.load(bytes, loadOptions));
    expect(rest.sentBytes).toBeLessThan(12_000);
    expect(device.bank?.memory).toEqual(bytes);
  });

  it('never has more in flight than the window', async () => {
    const { open, clock, device } = bench({ windowBytes: 240 });
    const link = await open();
    await clock.settle(link.load(image(6000), loadOptions));
    expect(device.chunkFrames).toHaveLength(50);
  });
});

describe('run', () => {
  it('returns verified records, hands whole ones on in order, and acknowledges', async () => {
    const { open, clock, device } = bench();
    const link = await open();
    const pieces: Uint8Array[] = [];
    const onRecords = (bytes: Uint8Array): void => {
      pieces.push(bytes.slice());
    };
    const result = await clock.settle(link.run(request(200), { onRecords }));
    expect(result).toMatchObject({ recordBytes: 96, samples: 200, digest: sha256(result.bytes) });
    expect(Buffer.concat(pieces)).toEqual(Buffer.from(result.bytes));
    expect(pieces.every((piece) => piece.length % 96 === 0)).toBe(true);
    expect([device.acked, device.run]).toEqual([1, null]);
  });

  it('finds the end of the run in a heartbeat or in the status when its event is lost', async () => {
    for (const lost of [['runState'], ['runState', 'heartbeat']]) {
      const { open, clock, device } = bench({ loseEvent: (body) => lost.includes(body.type) });
      const link = await open();
      const result = await clock.settle(link.run(request(50)));
      expect(result.digest).toBe(sha256(result.bytes));
      expect(device.acked).toBe(1);
    }
  });

  it('fails with data-loss, never patched up, when the digest differs', async () => {
    const { open, clock, device } = bench({ wrongDigest: true });
    const link = await open();
    expect((await failure(clock.settle(link.run(request(20))))).code).toBe('data-loss');
    expect([link.counters().digestFailures, device.run]).toEqual([1, null]);
  });

  it('reports a run that the device ended, and leaves the device free', async () => {
    const { open, clock, device } = bench({ failAt: 1000 });
    const link = await open();
    expect(await failure(clock.settle(link.run(request(50))))).toMatchObject({
      code: 'run-failed',
      deviceCode: 13,
    });
    expect(device.run).toBeNull();
  });

  it('stops the run on the device when the caller gives up', async () => {
    const { open, clock, device } = bench({ frameEvery_ms: 100 });
    const link = await open();
    const abort = new AbortController();
    clock.after(1500, () => abort.abort());
    const error = await failure(clock.settle(link.run(request(1000), { signal: abort.signal })));
    expect(error).toMatchObject({ code: 'cancelled', outcome: 'applied' });
    expect([device.executed['stopRun'], device.run]).toEqual([1, null]);
    // and a stop from elsewhere ends it as well
    clock.after(1500, () => void link.stop());
    expect((await failure(clock.settle(link.run(request(1000))))).code).toBe('run-failed');
  });

  it('executes StartRun once when its replies are lost, and clears what an older session left', async () => {
    let lost = 0;
    const loseReply: Script['loseReply'] = ({ body }) => body?.type === 'startRun' && (lost += 1) < 4;
    const { open, clock, device } = bench({ loseReply });
    const link = await open();
    const result = await clock.settle(link.run(request(30)));
    expect(result.digest).toBe(sha256(result.bytes));
    expect([lost, device.executed['startRun'], link.counters().requestRetries]).toEqual([4, 1, 3]);
  });

  it('refuses a second transfer beside a running one, and requests that fit no message', async () => {
    const { open, clock } = bench();
    const link = await open();
    const running = link.run(request(10));
    expect(await failure(link.load(image(10), loadOptions))).toMatchObject({
      code: 'refused',
      retryable: true,
    });
    await clock.settle(running);
    const fraction = { ...request(1), phases: [{ duration_ns: 1.5, coupled: true }] };
    expect((await failure(clock.settle(link.run(fraction)))).code).toBe('refused');
    expect((await failure(clock.settle(link.run({ ...request(1), samples: -1 })))).code).toBe('refused');
    expect((await failure(clock.settle(link.activate('abc')))).code).toBe('refused');
  });
});

describe('a lossy line', () => {
  it.each([1, 2, 3, 4, 5, 6])('changes nothing but time and counters (seed %i)', async (seed) => {
    const bytes = image(30_000);
    const outcome = async (damage?: Damage) => {
      const { open, clock, device } = bench({}, {}, damage);
      const link = await open();
      const loaded = await clock.settle(link.load(bytes, loadOptions));
      await clock.settle(link.activate(loaded.programId));
      const result = await clock.settle(link.run(request(400)));
      expect(device.bank?.memory).toEqual(bytes);
      return { id: loaded.programId, digest: result.digest, counters: link.counters() };
    };
    const clean = await outcome();
    const lossy = await outcome({ drop: 2e-4, flip: 2e-4, seed });
    expect([lossy.id, lossy.digest]).toEqual([clean.id, clean.digest]);
    expect(clean.counters.rxCorrupt).toEqual({});
    expect(clean.counters.requestRetries + clean.counters.txReplayBytes + clean.counters.sampleGaps).toBe(0);
    expect(lossy.counters.rxSeqGaps).toBeGreaterThan(0);
    expect(lossy.counters.txReplayBytes).toBeGreaterThan(0);
  });
});

describe('requests', () => {
  it('time out as link-timeout with outcome unknown while the link lives', async () => {
    const { open, clock } = bench({ swallow: ({ body }) => body?.type === 'activate' });
    const link = await open();
    const error = await failure(clock.settle(link.activate('00'.repeat(32))));
    expect(error).toMatchObject({ code: 'link-timeout', outcome: 'unknown', retryable: true });
    expect(link.counters()).toMatchObject({ requestTimeouts: 1, requestRetries: 4 });
    await clock.settle(link.status());
  });

  it('all get their own reply when many are asked at once', async () => {
    const { open, clock } = bench({}, {}, { drop: 1e-3, flip: 1e-3, seed: 11, spare_bytes: 300 });
    const link = await open();
    await clock.settle(Promise.all(Array.from({ length: 100 }, () => link.ping())));
    expect(link.counters().requests).toBeGreaterThanOrEqual(101);
  });

  it('pass on what the device says when it refuses', async () => {
    const { open, clock } = bench();
    const link = await open();
    const error = await failure(clock.settle(link.activate('00'.repeat(32))));
    expect(error).toMatchObject({ code: 'refused', deviceCode: 9, outcome: 'not_applied' });
  });
});
