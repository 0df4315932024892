// Samples while they arrive: announced before the first frame, provisional until the job has succeeded, and read back with
// the layout that docs/asyncapi.json describes.
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { joinLive, type LiveTestClient } from '../../../test/support/live-client.ts';
import { jobBody, startTestService, type TestService } from '../../../test/support/test-service.ts';
import { sampleFrame } from './sample-streams.ts';

let service: TestService;
let model: string;
let client: LiveTestClient;
beforeEach(async () => {
  service = await startTestService();
  model = await service.uploadPair();
  client = await joinLive(service, service.as.viewer);
});
afterEach(async () => {
  expect(client.misfits).toEqual([]);
  client.end();
  await service.close();
});
const submit = async (): Promise<string> => {
  const sent = await service.call('POST', '/v1/jobs', { role: 'researcher', body: jobBody(model) });
  return sent.json<{ id: string }>().id;
};
const watch = async (extra: object = {}): Promise<void> => {
  client.say({ type: 'subscribe', topics: ['job.samples'], ...extra });
  await client.heard((m) => m.type === 'snapshot' && m.topic === 'job.samples');
};
const read = (frame: Buffer) => ({
  stream: frame.readUInt16LE(0),
  zero: frame.readUInt16LE(2),
  firstSample: frame.readUInt32LE(4),
  codes: frame.subarray(8),
});

describe('job.samples', () => {
  it('gives the codes of the job as they come, and says at the end that they hold', async () => {
    await watch();
    const id = await submit();
    const end = await client.heard((m) => m.type === 'stream.end');
    const stream = await client.heard((m) => m.type === 'stream');
    expect(stream).toMatchObject({
      job: id,
      attempt: 1,
      device: 'chip-0',
      backend: 'twin',
      shape: [3, 2, 2],
      dtype: 'int16',
      stateScale: 2 ** -10,
      provisional: true,
    });
    const frames = client.frames.map(read);
    expect(frames.map(({ firstSample }) => firstSample)).toEqual([0, 1]);
    for (const frame of frames) expect([frame.stream, frame.zero]).toEqual([stream['stream'], 0]);
    const codes = Buffer.concat(frames.map((frame) => frame.codes));
    expect(codes).toHaveLength(3 * 2 * 2 * 2);
    const digest = `sha256:${createHash('sha256').update(codes).digest('hex')}`;
    expect(end).toMatchObject({ job: id, attempt: 1, stream: stream['stream'], outcome: 'verified', digest });
    expect((await service.store.jobs.get(id)).samplesBlob).toBe(digest);
  });

  it('withdraws the samples of an attempt that fails after they came', async () => {
    await watch();
    service.device.failAfterSamples = Object.assign(new Error('digest'), { code: 'data-loss' });
    const id = await submit();
    const end = await client.heard((m) => m.type === 'stream.end');
    expect(client.frames).toHaveLength(2);
    expect(end).toMatchObject({ job: id, outcome: 'withdrawn', digest: null });
  });

  it('gives nothing of another job, and thins out for a client with an interval', async () => {
    await watch({ job: 'another' });
    await service.runner.waitForEnd(await submit(), 20_000);
    await watch({ minInterval_ms: 60_000 });
    await submit();
    await client.heard((m) => m.type === 'stream.end');
    expect(client.frames.map((frame) => read(frame).firstSample)).toEqual([0]);
  });

  it('is not decoded at all while nobody watches', async () => {
    await service.runner.waitForEnd(await submit(), 20_000);
    expect(service.device.samplesTold).toBe(0);
    await watch();
    await service.runner.waitForEnd(await submit(), 20_000);
    expect(service.device.samplesTold).toBe(3);
  });
});

describe('a frame of samples', () => {
  it('has the layout of the document', () => {
    const frame = Buffer.from(sampleFrame(0xabcd, 0x01020304, new Int16Array([1, -2])));
    expect(frame.toString('hex')).toBe('cdab0000040302010100feff');
  });
});
