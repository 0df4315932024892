// Host, limited line and device, each in its own process, and what the bench measures on them.
import { connect as connectSocket } from 'node:net';
import { once } from 'node:events';
import { systemClock } from '../../src/clock/clock.ts';
import { connect, type Link } from '../../src/link/index.ts';
import { openPort } from '../../src/transports/index.ts';
import { seededRandom32 } from '../../test/support/seeded-random.ts';
import type { DeviceConfig, DeviceReady } from './device.ts';
import type { ChunkSpan } from './frame-watch.ts';
import type { Line } from './lines.ts';
import { HelperProcess, sharedNow_ms } from './processes.ts';
import type { LimiterConfig, LimiterReady, LimiterStop, LimiterTake } from './rate-limiter.ts';

const PIECE_BYTES = 16 * 1024;
const POLL_MS = 20;

export interface LoadTime {
  /** From the call to STAGED. */
  whole_s: number;
  /** From the first to the last CHUNK that left the line. */
  steady_s: number;
  /** Image bytes after the first CHUNK. */
  steady_bytes: number;
}

export interface StopTime {
  /** From the call to the last byte of StopRun leaving the line. */
  left_ms: number;
  /** From the call to its reply. */
  reply_ms: number;
}

export class LimitedLink {
  readonly line: Line;
  readonly link: Link;
  readonly #device: HelperProcess<DeviceReady>;
  readonly #limiter: HelperProcess<LimiterReady>;
  readonly #stopsSeen = new Set<number>();
  #onStop: (at_ms: number) => void = () => undefined;

  private constructor(
    line: Line,
    link: Link,
    device: HelperProcess<DeviceReady>,
    limiter: HelperProcess<LimiterReady>,
  ) {
    this.line = line;
    this.link = link;
    this.#device = device;
    this.#limiter = limiter;
    limiter.onMessage((message) => {
      const { stop } = message as Partial<LimiterStop>;
      // A request that is repeated before its reply leaves twice; the first time counts.
      if (stop === undefined || this.#stopsSeen.has(stop.requestId)) return;
      this.#stopsSeen.add(stop.requestId);
      this.#onStop(stop.at_ms);
    });
  }

  static async start(line: Line, { loss = 0, seed = 1 } = {}): Promise<LimitedLink> {
    const { limits, rate_Bps } = line;
    const deviceConfig: DeviceConfig = { limits, seed };
    const device = await HelperProcess.start<DeviceReady>('device.ts', deviceConfig);
    const { port, sinkPort } = device.ready;
    const limiterConfig: LimiterConfig = { rate_Bps, loss, seed, devicePort: port, sinkPort };
    const limiter = await HelperProcess.start<LimiterReady>('rate-limiter.ts', limiterConfig);
    const link = await connect({
      port: openPort(`tcp://127.0.0.1:${limiter.ready.devicePort}`),
      clock: systemClock,
      random32: seededRandom32(seed),
      clientId: seed,
      hostVersion: 'bench',
    });
    return new LimitedLink(line, link, device, limiter);
  }

  async close(): Promise<void> {
    await this.link.close();
    await Promise.all([this.#limiter.stop(), this.#device.stop()]);
  }

  /** Bytes per second of the raw pipe: a plain socket through an equal line for so long. */
  async rawRate_Bps(duration_s: number): Promise<number> {
    const socket = connectSocket({ port: this.#limiter.ready.sinkPort, host: '127.0.0.1' });
    await once(socket, 'connect');
    const next = seededRandom32(7);
    const piece = Uint8Array.from({ length: PIECE_BYTES }, () => next());
    await this.#take();
    let isOver = false;
    const send = (): void => {
      while (!isOver && socket.write(piece));
    };
    socket.on('drain', send).on('error', () => undefined);
    send();
    await pause(duration_s * 1000);
    const { raw } = await this.#take();
    isOver = true;
    socket.destroy();
    if (raw === null) throw new Error('nothing came through the raw pipe');
    return (raw.bytes / (raw.last_ms - raw.first_ms)) * 1000;
  }

  /** Loads one image. */
  async load(image: Uint8Array, units: number): Promise<LoadTime> {
    await this.#take();
    const start_ms = sharedNow_ms();
    const { skipped } = await this.link.load(image, { kind: 'program', units });
    const whole_s = (sharedNow_ms() - start_ms) / 1000;
    const { chunks } = await this.#take();
    if (skipped || chunks === null) throw new Error('nothing was sent: the device had the image');
    return { whole_s, ...this.#steady(image, chunks) };
  }

  #steady(image: Uint8Array, { first_ms, last_ms }: ChunkSpan): { steady_s: number; steady_bytes: number } {
    const steady_bytes = image.length - this.line.limits.chunkBytes;
    return { steady_s: (last_ms - first_ms) / 1000, steady_bytes };
  }

  /** One stop() while whatever is going on goes on. */
  async stop(): Promise<StopTime> {
    const left = new Promise<number>((resolve) => (this.#onStop = resolve));
    const start_ms = sharedNow_ms();
    await this.link.stop();
    const reply_ms = sharedNow_ms() - start_ms;
    return { left_ms: (await left) - start_ms, reply_ms };
  }

  #take(): Promise<LimiterTake> {
    return this.#limiter.ask<LimiterTake>('take');
  }
}

export const pause = (duration_ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, Math.max(POLL_MS, duration_ms)));
