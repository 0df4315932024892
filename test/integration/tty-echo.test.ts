// Lines that return what is written to them (docs/protocol.md, section Serial line): a tty that nobody has put into raw
// mode yet, a bridge that returns the host's frames to the host, and one that returns the device's frames to the device.
// Each must give the samples of a plain line, to the byte.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { randomImage } from '../../bench/link/images.ts';
import { createTwin, serveTcp, type TcpService, type Twin } from '../../firmware-sim/ports/index.ts';
import { systemClock } from '../../src/clock/clock.ts';
import { connect, type Link, type LinkCounters } from '../../src/link/index.ts';
import { openPort } from '../../src/transports/index.ts';
import { hasSocat, scratch } from '../support/processes.ts';
import { seededRandom32 } from '../support/seeded-random.ts';

const UNITS = 128;
const IMAGE = randomImage(UNITS, 5);
/** Heartbeats come every second; so long they fall into a tty that echoes and edits lines. */
const COOKED_MS = 2_300;
/** The next heartbeat brings the device's own counts. */
const HEARTBEAT_MS = 1_200;

function echoes(): void {
  const folder = scratch();
  const bridges: ChildProcess[] = [];
  let twin: Twin;
  let tcp: TcpService;
  let clients = 0;
  let expected = '';

  beforeAll(async () => {
    const options = { units: UNITS, threads: 1, seed: 1n, firmwareVersion: 'test', clock: systemClock };
    twin = await createTwin(options);
    tcp = await serveTcp(twin.controller, { host: '127.0.0.1', port: 0 });
    expected = (await loadAndRun(await open(`tcp://127.0.0.1:${tcp.port}`))).digest;
  });
  afterEach(async () => {
    for (const bridge of bridges.splice(0)) {
      const exited = once(bridge, 'exit');
      bridge.kill('SIGKILL');
      await exited;
    }
  });
  afterAll(async () => {
    await tcp.close();
    await twin.close();
    folder.close();
  });

  const path = (name: string): string => join(folder.path, name);

  /** Joins two addresses of socat; resolves once the ptys named here exist. */
  async function joined(ends: [string, string], ptys: string[]): Promise<void> {
    const bridge = spawn('socat', ends, { stdio: 'ignore' });
    bridges.push(bridge);
    while (!ptys.every((pty) => existsSync(pty))) {
      if (bridge.exitCode !== null) throw new Error(`socat ended: ${ends.join(' ')}`);
      await delay(2);
    }
  }

  function open(url: string): Promise<Link> {
    clients += 1;
    const random32 = seededRandom32(clients);
    return connect({
      port: openPort(url),
      clock: systemClock,
      random32,
      clientId: clients,
      hostVersion: 'test',
    });
  }

  /** Loads another program first, so that every run sends its image. */
  async function loadAndRun(link: Link): Promise<{ digest: string; counters: LinkCounters }> {
    for (const image of [randomImage(UNITS, 100 + clients), IMAGE]) {
      const { programId } = await link.load(image, { kind: 'program', units: UNITS });
      await link.activate(programId);
    }
    const { programId } = await link.load(IMAGE, { kind: 'program', units: UNITS });
    const phases = [{ duration_ns: 40, coupled: true, readAt_ns: [40] }];
    const request = { programId, samples: 32, initial: 'zero', phases, seed: 42n, step_ns: 10 } as const;
    const { digest } = await link.run(request);
    await delay(link.counters().device === null ? HEARTBEAT_MS : 0);
    const counters = link.counters();
    await link.close();
    return { digest, counters };
  }

  const twinAddress = (): string => `tcp:127.0.0.1:${tcp.port},nodelay`;

  it('a tty in its first state, with a device that speaks into it', async () => {
    const tty = path('cooked');
    await joined([`pty,link=${tty}`, twinAddress()], [tty]);
    const first = await open(`serial://${tty}?baud=921600`);
    await first.close();
    // As a tty is when it is made: echo, line editing, control characters. The device still has its session.
    expect(spawnSync('stty', ['-F', tty, 'sane']).status).toBe(0);
    await delay(COOKED_MS);
    const { digest } = await loadAndRun(await open(`serial://${tty}?baud=921600`));
    expect(digest).toBe(expected);
  });

  /** The host's end is a plain pty; what it writes into the other one is echoed to it by that tty. */
  async function echoToHost(name: string, echo: string): Promise<{ digest: string; counters: LinkCounters }> {
    const [near, far] = [path(`${name}-near`), path(name)];
    await joined([`pty,raw,echo=0,link=${near}`, `pty,raw,echo=1,${echo},link=${far}`], [near, far]);
    await joined([`file:${far},rdwr`, twinAddress()], []);
    return loadAndRun(await open(`serial://${near}?baud=921600`));
  }

  it("the host's frames come back to the host: told by direction, by id and by what a hello must hold", async () => {
    const { digest, counters } = await echoToHost('intact', 'echoctl=0');
    expect(digest).toBe(expected);
    const { rxRejected } = counters;
    expect(rxRejected['hello-malformed']).toBeGreaterThan(0);
    expect(rxRejected['wrong-direction']).toBeGreaterThan(3); // chunks
    expect(rxRejected['unexpected-message']).toBeGreaterThan(3); // requests
  });

  it('they come back with control characters spelt out, in the middle of the frames of the device', async () => {
    const { digest, counters } = await echoToHost('spelt', 'echoctl=1');
    expect(digest).toBe(expected);
    expect(counters.rxCorrupt['cobs']).toBeGreaterThan(3);
  });

  it("the device's frames come back to the device, which answers no reply", async () => {
    const [near, far] = [path('near'), path('echo-to-device')];
    await joined([`pty,raw,echo=1,echoctl=0,link=${far}`, twinAddress()], [far]);
    await joined([`pty,raw,echo=0,link=${near}`, `file:${far},rdwr`], [near]);
    const { digest, counters } = await loadAndRun(await open(`serial://${near}?baud=921600`));
    expect(digest).toBe(expected);
    expect(counters.rxRejected).toEqual({});
    expect(counters.device?.rxRejected).toBeGreaterThan(3);
  });
}

describe('a line that echoes', () => {
  if (hasSocat) echoes();
  else it.skip('gives the samples of a plain line (skipped: socat is not installed)', () => undefined);
});
