// The rule for slow readers, coalescing and the window, on a channel without bytes and a clock that the test moves.
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../test/support/virtual-clock.ts';
import { NO_KEY_LIMITS } from '../../store/index.ts';
import type { Identity } from '../context.ts';
import type { Channel } from './channel.ts';
import { LiveClient } from './client.ts';
import { LiveEvent } from './live-event.ts';
import { EventRing } from './ring.ts';
import type { EventMessage, ServerMessage } from './server-messages.ts';

const identity: Identity = {
  keyId: 'k',
  role: 'viewer',
  scopes: new Set(['device:read', 'job:read']),
  limits: NO_KEY_LIMITS,
  expiresAt_ms: null,
};

function bench(limits = { window_ms: 60_000, bytesMax: 1_000_000 }, owner = 'k') {
  const clock = new VirtualClock();
  const ring = new EventRing<LiveEvent>(limits);
  const sent: (string | number)[] = [];
  const frames: Uint8Array[] = [];
  let slow = 0;
  let flush: (() => void)[] = [];
  const channel = {
    bufferedAmount: 0,
    closedWith: null as number | null,
    terminated: false,
    send(message: ServerMessage | LiveEvent, flushed?: () => void) {
      if (flushed !== undefined) flush.push(flushed);
      if (message instanceof LiveEvent) sent.push(message.seq);
      else sent.push(message.type === 'lagged' ? `lagged ${message.dropped}` : message.type);
    },
    sendBinary: (frame: Uint8Array) => void frames.push(frame),
    close: (code: number) => void (channel.closedWith = code),
    terminate: () => void (channel.terminated = true),
  } satisfies Channel & Record<string, unknown>;
  const client = new LiveClient({ channel, identity, ring, clock, onSlow: () => (slow += 1) });
  for (const topic of ['job.*', 'telemetry', 'job.samples'] as const)
    client.subscriptions.set(topic, { device: null, job: null, minInterval_ms: 0 });
  const happen = (topic: 'job.state' | 'job.progress' | 'telemetry', job: string | null = 'j') => {
    const message = { type: 'event', topic, seq: ring.last + 1 } as EventMessage;
    const subscription = topic === 'telemetry' ? topic : 'job.*';
    const droppable = topic !== 'job.state';
    const facts = { subscription, device: 'd', job, owner, droppable, final: false } as const;
    ring.add(new LiveEvent(message, clock.wall_ms(), 'e', facts));
    client.pump();
  };
  return {
    clock,
    ring,
    sent,
    frames,
    channel,
    client,
    happen,
    slowClosed: () => slow,
    /** The network has taken everything. */
    drain: () => {
      channel.bufferedAmount = 0;
      const callbacks = flush;
      flush = [];
      for (const callback of callbacks) callback();
    },
  };
}

describe('a client that reads too slowly', () => {
  it('loses progress, keeps every state in order, and is told how much it lost', () => {
    const { channel, happen, sent, drain, slowClosed } = bench();
    happen('job.state');
    channel.bufferedAmount = 70_000;
    happen('job.progress');
    happen('job.progress');
    happen('job.state');
    happen('job.progress');
    happen('job.state');
    expect(sent).toEqual([1]);
    drain();
    expect(sent).toEqual([1, 'lagged 2', 4, 'lagged 1', 6]);
    happen('job.progress');
    expect(sent.at(-1)).toBe(7);
    expect([channel.closedWith, slowClosed()]).toEqual([null, 0]);
  });

  it('is closed with 4008 after 5 s, and cut off when it does not answer that', () => {
    const { clock, channel, happen, sent, slowClosed } = bench();
    channel.bufferedAmount = 70_000;
    happen('job.progress');
    expect(channel.closedWith).toBeNull();
    clock.step();
    expect([clock.now_ms(), channel.closedWith, slowClosed()]).toEqual([5_000, 4008, 1]);
    clock.step();
    expect(channel.terminated).toBe(true);
    happen('job.state');
    expect(sent).toEqual([]);
  });

  it('is let off when it has caught up before that', () => {
    const { clock, channel, happen, drain, sent } = bench();
    happen('job.state');
    channel.bufferedAmount = 70_000;
    happen('job.state');
    drain();
    channel.bufferedAmount = 70_000;
    while (clock.step());
    expect(channel.closedWith).toBeNull();
    expect(sent).toEqual([1, 2]);
  });

  it('is closed when it is so far behind that its events are gone', () => {
    const { channel, happen, drain } = bench({ window_ms: 60_000, bytesMax: 200 });
    happen('job.state');
    channel.bufferedAmount = 70_000;
    for (let k = 0; k < 50; k++) happen('job.state');
    drain();
    expect(channel.closedWith).toBe(4008);
  });

  it('gets no frames of samples meanwhile, and none are kept', () => {
    const { channel, client, frames, sent, happen } = bench();
    client.sendFrame(new Uint8Array(8));
    channel.bufferedAmount = 70_000;
    client.sendFrame(new Uint8Array(8));
    channel.bufferedAmount = 0;
    happen('job.state');
    expect([frames.length, sent]).toEqual([1, ['lagged 1', 1]]);
  });
});

describe('coalescing', () => {
  it('gives the first value at once, then the latest when the interval is over', async () => {
    const { clock, client, happen, sent } = bench();
    client.subscriptions.set('telemetry', { device: null, job: null, minInterval_ms: 1_000 });
    for (let k = 0; k < 5; k++) happen('telemetry', null);
    expect(sent).toEqual([1]);
    await clock.pass(1_000);
    expect(sent).toEqual([1, 5]);
    await clock.pass(5_000);
    expect(sent).toEqual([1, 5]);
    happen('telemetry', null);
    expect(sent).toEqual([1, 5, 6]);
  });

  it('never holds back a state, which makes the progress before it old', async () => {
    const { clock, client, happen, sent } = bench();
    client.subscriptions.set('job.*', { device: null, job: null, minInterval_ms: 1_000 });
    happen('job.progress');
    happen('job.progress');
    happen('job.state');
    await clock.pass(2_000);
    expect(sent).toEqual([1, 3]);
  });
});

describe('a client', () => {
  it('hears nothing of others, and nothing after its scope is gone', () => {
    const others = bench(undefined, 'somebody');
    others.happen('job.state');
    expect(others.sent).toEqual([]);
    const mine = bench();
    mine.happen('job.state');
    mine.client.identity = { ...identity, scopes: new Set(['device:read']) };
    mine.happen('job.state');
    expect(mine.sent).toEqual([1]);
  });

  it('waits while a snapshot is read, and goes on without a gap', () => {
    const { client, happen, sent } = bench();
    const goOn = client.hold();
    happen('job.state');
    happen('job.progress');
    expect(sent).toEqual([]);
    goOn();
    expect(sent).toEqual([1, 2]);
  });
});
