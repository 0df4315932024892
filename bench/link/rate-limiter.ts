// A process: a TCP line between host and device that carries so many bytes per second in each direction and loses some.
// Two doors lead through equal lines, one to the device, one to a sink, so that the raw pipe is measured on the same.
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { seededUniform } from '../../test/support/seeded-random.ts';
import { FrameWatch, type ChunkSpan } from './frame-watch.ts';
import { LimitedLane, type LaneOptions } from './limited-lane.ts';
import { configOf, serveParent, sharedNow_ms, tellParent } from './processes.ts';

export interface LimiterConfig {
  rate_Bps: number;
  /** Probability per byte, both directions. */
  loss: number;
  seed: number;
  devicePort: number;
  sinkPort: number;
}
export interface LimiterReady {
  devicePort: number;
  sinkPort: number;
}
export interface LimiterStop {
  stop: { at_ms: number; requestId: number };
}
/** What left through the door of the sink since the last look; null: nothing. */
export interface RawSpan {
  first_ms: number;
  last_ms: number;
  /** After the first piece. */
  bytes: number;
}
export interface LimiterTake {
  chunks: ChunkSpan | null;
  raw: RawSpan | null;
}

/** How often bytes leave while more than this wait: the quantum is rate times this. */
const TICK_MS = 1;
/**
 * More than this much line time is not read from the host. Far above the windows: what waits in here has its time of
 * arrival, so that a pause of this process does not make the line idle, as one of a real line's driver would not.
 */
const MOST_WAITING_MS = 200;
const LEAST_WAITING_BYTES = 4096;

const config = configOf<LimiterConfig>();
const mostWaiting_bytes = Math.max(LEAST_WAITING_BYTES, (config.rate_Bps * MOST_WAITING_MS) / 1000);
const watch = new FrameWatch((at_ms, requestId) =>
  tellParent({ stop: { at_ms, requestId } } satisfies LimiterStop),
);
let raw: RawSpan | null = null;
let lanes = 0;

/** Moves bytes from one socket to another through a lane. */
function join(from: Socket, to: Socket, onLeave?: LaneOptions['onLeave']): void {
  const lane = new LimitedLane({
    rate_Bps: config.rate_Bps,
    loss: config.loss,
    uniform: seededUniform(config.seed * 16 + (lanes += 1)),
    onLeave,
    deliver: (piece) => void to.write(piece),
  });
  let isArmed = false;
  let isOver = false;
  const arm = (): void => {
    if (isArmed || isOver || lane.waiting_bytes === 0) return;
    isArmed = true;
    // Timers are too coarse for the end of a short frame, which is what a round trip waits for.
    if (lane.waiting_bytes > (config.rate_Bps * TICK_MS) / 1000) setTimeout(tick, TICK_MS);
    else setImmediate(tick);
  };
  const tick = (): void => {
    isArmed = false;
    if (isOver) return;
    lane.advance(sharedNow_ms());
    if (lane.waiting_bytes < mostWaiting_bytes) from.resume();
    arm();
  };
  from.on('data', (bytes: Buffer) => {
    lane.push(bytes, sharedNow_ms());
    if (lane.waiting_bytes >= mostWaiting_bytes) from.pause();
    arm();
  });
  from.on('close', () => {
    isOver = true;
    to.destroy();
  });
  from.on('error', () => undefined); // a connection that was cut; `close` follows
}

function takeRaw(piece: Uint8Array, start_ms: number, byte_ms: number): void {
  const last_ms = start_ms + piece.length * byte_ms;
  if (raw === null) raw = { first_ms: last_ms, last_ms, bytes: 0 };
  else raw = { ...raw, last_ms, bytes: raw.bytes + piece.length };
}

/** One connection at a time: a new one ends the one before, whose bytes may still fill the buffers of the system. */
function openDoor(target: number, onLeave: LaneOptions['onLeave']): Promise<Server> {
  let current: Socket | null = null;
  const server = createServer({ noDelay: true }, (near) => {
    current?.destroy();
    current = near;
    const far = connect({ port: target, host: '127.0.0.1', noDelay: true });
    join(near, far, onLeave);
    join(far, near);
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;
const doors = await Promise.all([
  openDoor(config.devicePort, (...leave) => watch.take(...leave)),
  openDoor(config.sinkPort, takeRaw),
]);
serveParent({ devicePort: portOf(doors[0]), sinkPort: portOf(doors[1]) } satisfies LimiterReady, {
  take: (): LimiterTake => {
    const taken = { chunks: watch.takeChunks(), raw };
    raw = null;
    return taken;
  },
});
