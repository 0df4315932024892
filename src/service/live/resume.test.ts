// Clients that come back: nothing is missed and nothing comes twice, or a snapshot says that they start over.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { joinLive, type LiveTestClient } from '../../../test/support/live-client.ts';
import { jobBody, startTestService, type TestService } from '../../../test/support/test-service.ts';

let service: TestService;
let model: string;
beforeEach(async () => {
  service = await startTestService();
  model = await service.uploadPair();
});
afterEach(() => service.close());

const run = async (): Promise<void> => {
  const sent = await service.call('POST', '/v1/jobs', { role: 'researcher', body: jobBody(model) });
  await service.runner.waitForEnd(sent.json<{ id: string }>().id, 20_000);
};
const epochOf = async (client: LiveTestClient): Promise<string> =>
  String((await client.heard((m) => m.type === 'hello'))['epoch']);
const seqs = (client: LiveTestClient): number[] => client.events().map((m) => Number(m.seq));
const settled = async (client: LiveTestClient, nonce: string): Promise<void> => {
  client.say({ type: 'ping', nonce });
  await client.heard((m) => m.type === 'pong' && m['nonce'] === nonce);
};

describe('resume', () => {
  it('continues where a client left off, however often it is cut off, without gap or repetition', async () => {
    const subscriptions = [{ topics: ['job.*'] }, { topics: ['device.state', 'calibration.*'] }];
    const witness = await joinLive(service, service.as.viewer);
    witness.say({ type: 'subscribe', topics: ['job.*', 'device.state', 'calibration.*'] });
    await witness.heard((m) => m.type === 'snapshot' && m.topic === 'calibration.*');
    const epoch = await epochOf(witness);
    const start = Number(witness.messages.find((m) => m.type === 'snapshot')?.seq);
    const seen: number[] = [];
    for (let round = 0; round < 4; round++) {
      await run();
      const client = await joinLive(service, service.as.viewer);
      client.say({ type: 'resume', epoch, seq: seen.at(-1) ?? start, subscriptions });
      expect(await client.heard((m) => m.type === 'resumed')).toMatchObject({
        continues: true,
        reason: null,
      });
      // Some of it happens while it is connected.
      await run();
      await settled(client, 'all is said');
      seen.push(...seqs(client));
      expect(client.messages.filter((m) => m.type === 'snapshot')).toEqual([]);
      expect(client.misfits).toEqual([]);
      client.end();
      await client.closed();
    }
    await settled(witness, 'all is said');
    expect(seen.length).toBeGreaterThan(40);
    expect(seen).toEqual(seqs(witness));
    witness.end();
  });

  it.each([
    ['another epoch', { epoch: 'of-another-run', seq: 3 }, 'other-epoch'],
    ['a number that was never given', { epoch: null, seq: 1_000_000 }, 'window-gone'],
  ])('from %s gives snapshots', async (_what, { epoch, seq }, reason) => {
    await run();
    const client = await joinLive(service, service.as.viewer);
    const own = await epochOf(client);
    client.say({
      type: 'resume',
      epoch: epoch ?? own,
      seq,
      subscriptions: [{ topics: ['job.*', 'device.state'] }],
    });
    expect(await client.heard((m) => m.type === 'resumed')).toMatchObject({ continues: false, reason });
    await client.heard((m) => m.type === 'snapshot' && m.topic === 'device.state');
    await run();
    await settled(client, 'x');
    expect(client.events('job.state')).toHaveLength(3);
    expect(client.misfits).toEqual([]);
    client.end();
  });
});
