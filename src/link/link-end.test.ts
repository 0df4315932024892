// How a link ends, and that every end has its right name: silence, a closed port, a reboot, another host.
import { describe, expect, it } from 'vitest';
import { bench, failure, image, loadOptions, request } from '../../test/support/link-bench.ts';
import { ScriptedDevice, type Script } from '../../test/support/scripted-device.ts';
import { seededRandom32 } from '../../test/support/seeded-random.ts';
import { VirtualClock } from '../../test/support/virtual-clock.ts';
import { createMemoryPair } from '../transports/memory/memory-port.ts';
import { connect, type Link, type LinkError } from './index.ts';

describe('the end of a link', () => {
  async function watched(script: Partial<Script> = {}) {
    const made = bench(script);
    const link = await made.open();
    const ends: LinkError[] = [];
    link.onClosed((why) => ends.push(why));
    return { ...made, link, ends };
  }

  it('survives an idle hour', async () => {
    const { clock, link, ends } = await watched();
    await clock.pass(3_600_000);
    expect([ends, link.counters().suspects]).toEqual([[], 0]);
    expect(await clock.settle(link.ping())).toBeLessThan(10);
  });

  it('is noticed within 10 s of a frozen device, once, and told to everything that waits', async () => {
    const { clock, link, device, ends } = await watched({ frameEvery_ms: 100 });
    const running = link.run(request(10_000));
    clock.after(2000, () => (device.frozen = true));
    const error = await failure(clock.settle(running));
    expect(error.code).toBe('link-lost');
    expect(clock.now_ms() - 2000).toBeLessThan(10_000);
    await clock.pass(60_000);
    expect(ends.map((e) => e.code)).toEqual(['link-lost']);
    expect(await failure(link.status())).toMatchObject({ code: 'link-lost', outcome: 'not_applied' });
    const late: string[] = [];
    link.onClosed((why) => late.push(why.code));
    await Promise.resolve();
    expect(late).toEqual(['link-lost']);
  });

  it('comes back from a short freeze', async () => {
    const { clock, link, device, ends } = await watched();
    device.frozen = true;
    clock.after(3700, () => (device.frozen = false));
    await clock.pass(20_000);
    expect(ends).toEqual([]);
    expect(link.counters().suspects).toBe(1);
  });

  it('is noticed at once when the port closes', async () => {
    const clock = new VirtualClock();
    const [near, far] = createMemoryPair({ clock });
    await new ScriptedDevice({ clock, port: far }).start();
    const link = await clock.settle(
      connect({ port: near, clock, random32: seededRandom32(1), clientId: 77, hostVersion: 'test' }),
    );
    const ends: string[] = [];
    link.onClosed((why) => ends.push(why.code));
    const before_ms = clock.now_ms();
    clock.after(1, () => void far.close());
    expect((await failure(clock.settle(link.run(request(10_000))))).code).toBe('link-lost');
    expect(clock.now_ms() - before_ms).toBeLessThan(5);
    expect(ends).toEqual(['link-lost']);
  });

  it('names a reboot, seen in an event or in the answer to a repeated hello', async () => {
    const spoken = await watched();
    spoken.device.bootId += 1n;
    await spoken.clock.pass(1500);
    expect(spoken.ends.map((e) => e.code)).toEqual(['device-rebooted']);
    // After a reboot a device ignores the old session and stays silent, but answers a hello, with another boot id.
    const silent = await watched({ loseEvent: () => true });
    silent.device.reboot();
    await silent.clock.pass(3600);
    expect(silent.ends.map((e) => e.code)).toEqual(['device-rebooted']);
  });

  it.each<[string, (link: Link) => Promise<unknown>]>([
    ['stop', (link) => link.stop()],
    ['ping', (link) => link.ping()],
    ['load', (link) => link.load(image(5_000), loadOptions)],
    ['run', (link) => link.run(request(10))],
  ])(
    'names a reboot to a %s that it leaves without an answer, well before silence is noticed',
    async (_, ask) => {
      const { clock, link, device, ends } = await watched({ loseEvent: () => true });
      await clock.pass(500);
      device.reboot();
      const before_ms = clock.now_ms();
      const error = await failure(clock.settle(ask(link)));
      expect(error.code).toBe('device-rebooted');
      expect(ends.map((e) => e.code)).toEqual(['device-rebooted']);
      expect(clock.now_ms() - before_ms).toBeLessThan(1_000);
    },
  );

  it('says link-lost, not link-timeout, to a request that silence leaves without an answer', async () => {
    const { clock, link, device } = await watched();
    device.frozen = true;
    const error = await failure(clock.settle(link.stop()));
    expect(error).toMatchObject({ code: 'link-lost', outcome: 'unknown' });
    expect(link.counters().requestTimeouts).toBe(1);
  });

  it('names another host that takes the device over', async () => {
    const { clock, device, ends } = await watched();
    device.event({ type: 'sessionLost', value: { byClientId: 0xcafe } });
    await clock.pass(10);
    expect(ends.map((e) => [e.code, e.message.includes('0000cafe')])).toEqual([['link-lost', true]]);
  });

  it('ends as cancelled after close()', async () => {
    const { clock, link, ends } = await watched();
    const waiting = failure(link.status());
    await clock.settle(link.close());
    await link.close();
    expect([(await waiting).code, ends.map((e) => e.code)]).toEqual(['cancelled', ['cancelled']]);
  });
});
