// One contract for every transport: what is true of a Port whatever carries the bytes. The far end is driven by the
// fixture, so that both sides of the line are seen.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../clock/clock.ts';
import { createMemoryPair, openPort, RecorderPort } from './index.ts';
import type { Port, PortCloseReason } from './index.ts';

interface Line {
  port: Port;
  /** Everything that arrived at the far end so far. */
  farReceived(): Buffer;
  farWrite(bytes: Uint8Array): void;
  /** The far end vanishes. */
  farGone(): Promise<void>;
  /** The far end stops reading: what is written next stays in the queue. Not every fixture can. */
  farStopsReading?(): void;
  dispose(): Promise<void>;
}

const never = new AbortController().signal;
/** Deterministic bytes, with zeros: xorshift32. */
function bytesOf(length: number, seed: number): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state & 0xff;
  });
}
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

async function memoryLine(): Promise<Line> {
  const [port, far] = createMemoryPair({ seed: 7, maxPieceBytes: 1_000 });
  const received: Buffer[] = [];
  far.onData((bytes) => received.push(Buffer.from(bytes)));
  await far.open(never);
  return {
    port,
    farReceived: () => Buffer.concat(received),
    farWrite: (bytes) => void far.write(bytes),
    farGone: () => far.close(),
    dispose: () => far.close(),
  };
}

/** Any port behind a recorder is still a port. */
const recordedLine = (make: () => Promise<Line>) => async (): Promise<Line> => {
  const line = await make();
  const sink = { take: () => undefined, end: () => Promise.resolve() };
  return { ...line, port: new RecorderPort(line.port, { clock: systemClock, startSink: () => sink }) };
};

async function tcpLine(): Promise<Line> {
  const received: Buffer[] = [];
  let socket: Socket | null = null;
  const server = createServer((connection) => {
    socket = connection.on('data', (bytes) => received.push(bytes)).on('error', () => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port: openPort(`tcp://127.0.0.1:${port}`),
    farReceived: () => Buffer.concat(received),
    farWrite: (bytes) => void until(() => socket !== null).then(() => socket?.write(bytes)),
    farGone: async () => {
      await until(() => socket !== null);
      socket?.destroy();
    },
    farStopsReading: () => socket?.pause(),
    dispose: async () => {
      socket?.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A pty whose other side is socat's stdin and stdout. */
async function serialLine(): Promise<Line> {
  const folder = await mkdtemp(join(tmpdir(), 'thermoloop-pty-'));
  const path = join(folder, 'line');
  const socat = spawn('socat', [`pty,raw,echo=0,link=${path}`, '-'], { stdio: ['pipe', 'pipe', 'ignore'] });
  const received: Buffer[] = [];
  socat.stdout.on('data', (bytes: Buffer) => received.push(bytes));
  socat.stdin.on('error', () => undefined);
  await until(() => existsSync(path));
  const gone = async (): Promise<void> => {
    if (socat.exitCode !== null || socat.signalCode !== null) return;
    socat.kill('SIGKILL');
    await once(socat, 'exit');
  };
  return {
    port: openPort(`serial://${path}?baud=921600`),
    farReceived: () => Buffer.concat(received),
    farWrite: (bytes) => void socat.stdin.write(bytes),
    farGone: gone,
    farStopsReading: () => void socat.kill('SIGSTOP'),
    dispose: async () => {
      await gone();
      await rm(folder, { recursive: true });
    },
  };
}

const withoutSocat = spawnSync('socat', ['-V']).error?.message;
if (withoutSocat !== undefined) {
  process.stderr.write(`serial over a pty is not tested here: ${withoutSocat} (apt-get install socat)\n`);
}
const fixtures: [name: string, make: () => Promise<Line>][] = [
  ['memory', memoryLine],
  ['tcp', tcpLine],
  ['recorded memory', recordedLine(memoryLine)],
  ['recorded tcp', recordedLine(tcpLine)],
  ...(withoutSocat === undefined ? ([['serial', serialLine]] as [string, () => Promise<Line>][]) : []),
];

describe.each(fixtures)('a port over %s', (_name, make) => {
  const lines: Line[] = [];
  afterEach(async () => {
    for (const line of lines.splice(0)) {
      await line.port.close();
      await line.dispose();
    }
  });
  async function newLine(): Promise<{ line: Line; received: () => Buffer; closes: PortCloseReason[] }> {
    const line = await make();
    lines.push(line);
    const pieces: Buffer[] = [];
    const closes: PortCloseReason[] = [];
    line.port.onData((bytes) => pieces.push(Buffer.from(bytes)));
    line.port.onClosed((why) => closes.push(why));
    return { line, received: () => Buffer.concat(pieces), closes };
  }
  async function openLine(): ReturnType<typeof newLine> {
    const opened = await newLine();
    await opened.line.port.open(never);
    return opened;
  }

  it('carries every byte in order, both ways, and lets the writer reuse its buffer at once', async () => {
    const { line, received } = await openLine();
    const there = bytesOf(300_000, 11);
    const back = bytesOf(100_000, 13);
    line.farWrite(back);
    const buffer = new Uint8Array(5_000);
    for (let at = 0; at < there.length; at += buffer.length) {
      buffer.set(there.subarray(at, at + buffer.length));
      line.port.write(buffer);
      buffer.fill(0xee);
    }
    await until(() => line.farReceived().length >= there.length && received().length >= back.length);
    expect(line.farReceived().equals(there)).toBe(true);
    expect(received().equals(back)).toBe(true);
    await until(() => line.port.queuedBytes === 0);
  });

  it('says when it is full and when it has room again', async () => {
    const { line } = await openLine();
    let drained = 0;
    line.port.onDrain(() => (drained += 1));
    let writes = 0;
    while (line.port.write(new Uint8Array(32_768))) writes += 1;
    expect(writes).toBeLessThan(10_000);
    expect(line.port.queuedBytes).toBeGreaterThan(0);
    await until(() => drained > 0);
    expect(line.port.queuedBytes).toBe(0);
  });

  it('tells its own close once, however often it is asked', async () => {
    const { line, closes } = await openLine();
    await Promise.all([line.port.close(), line.port.close()]);
    await line.port.close();
    expect(closes.map(({ code }) => code)).toEqual(['asked']);
    expect(line.port.write(Uint8Array.of(1))).toBe(false);
  });

  it('tells once that the far end is gone', async () => {
    const { line, closes } = await openLine();
    await line.farGone();
    await until(() => closes.length > 0);
    line.port.write(Uint8Array.of(1, 2, 3));
    await line.port.close();
    expect(closes).toHaveLength(1);
    expect(closes[0].code).not.toBe('asked');
    expect(closes[0].message).toContain(line.port.label);
  });

  it('survives a close with bytes still waiting', async () => {
    const { line, closes } = await openLine();
    line.farStopsReading?.();
    // How much the machine takes before bytes wait is its own affair: some megabytes over loopback.
    for (let i = 0; i < 64 || (i < 1024 && line.port.queuedBytes === 0); i += 1)
      line.port.write(new Uint8Array(65_536));
    expect(line.port.queuedBytes).toBeGreaterThan(0);
    await line.port.close();
    expect(closes.map(({ code }) => code)).toEqual(['asked']);
  });

  it('does not open when it was cancelled, and never tells a close then', async () => {
    const { line, closes } = await newLine();
    const reason = new Error('changed my mind');
    await expect(line.port.open(AbortSignal.abort(reason))).rejects.toBe(reason);
    await line.port.close();
    expect(closes).toEqual([]);
  });

  it('gives up an open that is closed or cancelled meanwhile', async () => {
    const { line, closes } = await newLine();
    const opening = line.port.open(never).then(
      () => 'open',
      () => 'refused',
    );
    await line.port.close();
    const outcome = await opening;
    await line.port.close();
    expect(closes).toHaveLength(outcome === 'open' ? 1 : 0);
    expect(line.port.write(Uint8Array.of(1))).toBe(false);
  });

  it('is opened once', async () => {
    const { line } = await openLine();
    await expect(line.port.open(never)).rejects.toMatchObject({ code: 'open-failed', retryable: false });
    line.port.write(Uint8Array.of(9)); // and goes on working
    await until(() => line.farReceived().length === 1);
  });
});
