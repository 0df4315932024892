// Random and damaged messages against the host's link while it loads, runs and asks: whatever a device answers, every
// operation ends with a value or a LinkError, and the link closes once. One episode is one connection.
import { createHash } from 'node:crypto';
import { twinLimits } from '../../firmware-sim/firmware/index.ts';
import { encodeFrame, FrameKind, StreamDecoder, type FrameKindValue } from '../../src/link/frame/index.ts';
import { connect, LinkError, type Link } from '../../src/link/index.ts';
import {
  Code,
  decodeEnvelope,
  decodeHostHello,
  Detail,
  encodeBulk,
  encodeDeviceHello,
  encodeEnvelope,
  encodeEvent,
  encodeLogLine,
  LoadState,
  RunPhase,
  SCHEMA_HASH,
  type Envelope,
  type Event,
  type LogLine,
} from '../../src/link/messages/index.ts';
import type { Port } from '../../src/transports/port.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

import type { Draw } from './draw.ts';
import { mutated, randomMessage } from './random-message.ts';

const MESSAGES_PER_EPISODE = 150;
const SESSION = 0x1234;
const BOOT_ID = 77n;
/** Virtual time in which a link with a silent device must have ended everything. */
const PATIENCE_MS = 120_000;
const RECORD_BYTES = 9; // 5 units, one read
const SAMPLES = 20;
const IMAGE = Uint8Array.from({ length: 1_000 }, (_, k) => k & 255);
const IMAGE_ID = createHash('sha256').update(IMAGE).digest();

/** How operations ended, by name: `ok` or the code of the LinkError. */
export type Endings = Record<string, number>;

/** Throws when the host does anything that it must not. */
export async function hostEpisode(draw: Draw): Promise<Endings> {
  const clock = new VirtualClock();
  const device = new LyingDevice(draw);
  const options = { port: device.port, clock, random32: () => draw.next32(), hostVersion: 'fuzz' };
  const link = await clock.settle(connect({ ...options, clientId: draw.next32() }));
  let closed = 0;
  link.onClosed(() => (closed += 1));
  link.onEvent(() => undefined);

  device.isLying = true;
  const endings: Endings = {};
  const wrong: unknown[] = [];
  const pending: Promise<void>[] = [];
  for (let k = 0; k < MESSAGES_PER_EPISODE; k += 1) {
    if (draw.below(20) === 0) pending.push(ended(anyOperation(link, draw), endings, wrong));
    device.speak();
    if (draw.below(3) === 0) await clock.pass(draw.below(40));
  }
  device.isSilent = true;
  const all = Promise.all(pending);
  const limit = new Promise<never>((_resolve, reject) =>
    clock.after(PATIENCE_MS, () =>
      reject(new Error(`an operation hangs; so far ${JSON.stringify(endings)}`)),
    ),
  );
  await clock.settle(Promise.race([all, limit]));
  await clock.settle(link.close());
  await clock.pass(1);
  if (wrong.length > 0) throw wrong[0];
  if (closed !== 1) throw new Error(`the link said ${closed} times that it is closed`);
  return endings;
}

/** Never rejects: what is no LinkError goes to `wrong`. */
async function ended(operation: Promise<unknown>, endings: Endings, wrong: unknown[]): Promise<void> {
  let how = 'ok';
  try {
    await operation;
  } catch (error) {
    if (error instanceof LinkError) how = error.code;
    else wrong.push(error);
  }
  endings[how] = (endings[how] ?? 0) + 1;
}

function anyOperation(link: Link, draw: Draw): Promise<unknown> {
  const programId = IMAGE_ID.toString('hex');
  const phases = [{ duration_ns: 100, coupled: true, readAt_ns: [100] }];
  switch (draw.below(9)) {
    case 0:
    case 1:
      return link.load(IMAGE, { kind: 'program', units: 5 });
    case 2:
    case 3:
      return link.run({ programId, samples: SAMPLES, initial: 'zero', phases });
    case 4:
      return link.status();
    case 5:
      return link.capabilities();
    case 6:
      return link.readReference({ units: 5, samples: SAMPLES, levels_ratio: [0.5] });
    case 7:
      return draw.below(2) === 0 ? link.activate(programId) : link.stop();
    default:
      return draw.below(2) === 0 ? link.ping() : link.clearFault(501);
  }
}

/** Shakes hands as it should and then says anything: plausible, wrong, damaged, or nothing. */
class LyingDevice {
  readonly port: Port;
  isLying = false;
  isSilent = false;
  readonly #draw: Draw;
  /** Requests that were heard and not answered yet. */
  #asked: Envelope[] = [];
  #deliver: (bytes: Uint8Array) => void = () => undefined;
  #closed: ((why: { code: 'asked'; message: string }) => void) | null = null;
  #seq = 0;

  constructor(draw: Draw) {
    this.#draw = draw;
    const decoder = new StreamDecoder({
      role: 'device',
      maxPayload: 4076,
      onResult: (result) => {
        if (result.kind !== 'frame') throw new Error(`the host sent a frame that is ${result.reason}`);
        this.#hear(result.frame.kind, result.frame.payload);
      },
    });
    this.port = {
      label: 'lying device',
      queuedBytes: 0,
      open: () => Promise.resolve(),
      write: (bytes) => {
        decoder.push(bytes);
        return true;
      },
      onData: (callback) => void (this.#deliver = callback),
      onDrain: () => undefined,
      onClosed: (callback) => void (this.#closed = callback),
      close: () => {
        this.#closed?.({ code: 'asked', message: 'closed' });
        this.#closed = null;
        return Promise.resolve();
      },
    };
  }

  /** Says one thing. */
  speak(): void {
    const draw = this.#draw;
    switch (draw.below(10)) {
      case 0:
        return this.#send(FrameKind.rpc, encodeEnvelope(anyOf<Envelope>('Envelope', draw)));
      case 1:
        return this.#send(FrameKind.event, encodeEvent(this.#event()));
      case 2:
        return this.#send(FrameKind.event, damagedEvent(this.#event(), draw));
      case 3:
        return this.#send(FrameKind.log, mutated(encodeLogLine(anyOf<LogLine>('LogLine', draw)), draw));
      case 4:
        return this.#send(FrameKind.samples, this.#samples());
      case 5:
        return this.#send(anyKind(draw), draw.bytes(draw.below(60)));
      default:
        return this.#answer();
    }
  }

  #hear(kind: FrameKindValue, payload: Uint8Array): void {
    if (this.isSilent) return;
    if (kind === FrameKind.hello) return this.#hello(payload);
    const decoded = decodeEnvelope(payload);
    if (kind !== FrameKind.rpc || !decoded.ok || decoded.value.requestId === 0) return;
    if (this.isLying) this.#asked.push(decoded.value);
    else this.#reply(decoded.value, { body: plausible(decoded.value, this.#draw) });
    if (this.#asked.length > 50) this.#asked.shift();
  }

  #hello(payload: Uint8Array): void {
    const hello = decodeHostHello(payload);
    if (!hello.ok) throw new Error(hello.detail);
    const answer = encodeDeviceHello({
      hostNonce: hello.value.hostNonce,
      session: SESSION,
      bootId: BOOT_ID,
      proto: 1,
      schemaHash: SCHEMA_HASH,
      deviceUid: Uint8Array.of(1),
      fwVersion: '1',
      fwGit: new Uint8Array(0),
      simulated: true,
      resetReason: 1,
      limits: { ...twinLimits(5), chunkBytes: 48 },
      features: 0,
    });
    // Not before the host has finished its own write.
    queueMicrotask(() =>
      this.#deliver(encodeFrame({ kind: FrameKind.hello, flags: 0, session: 0, seq: 0, payload: answer })),
    );
  }

  /** One of the requests that wait, in one of many ways. */
  #answer(): void {
    const draw = this.#draw;
    const request = this.#asked[draw.below(Math.max(1, this.#asked.length))];
    if (request === undefined) return;
    if (draw.below(4) > 0) this.#asked.splice(this.#asked.indexOf(request), 1);
    const random = anyOf<Envelope>('Envelope', draw);
    switch (draw.below(8)) {
      case 0:
        return this.#reply(request, { body: random.body });
      case 1:
        return this.#reply(request, { code: random.status?.code ?? Code.INTERNAL });
      case 2: {
        const bytes = encodeEnvelope({ ...random, requestId: request.requestId, status: OK });
        return this.#send(FrameKind.rpc, mutated(bytes, draw));
      }
      case 3:
        return this.#reply(request, { body: sameType(request, draw) });
      case 4:
      case 5:
        return this.#reply(request, { body: almost(request, draw) });
      default:
        return this.#reply(request, { body: plausible(request, draw) });
    }
  }

  #reply({ requestId }: Envelope, reply: { body?: Envelope['body']; code?: Code }): void {
    const bytes = encodeEnvelope({
      requestId,
      status: { ...OK, code: reply.code ?? Code.OK },
      ...(reply.body && { body: reply.body }),
    });
    queueMicrotask(() => this.#send(FrameKind.rpc, bytes));
  }

  #samples(): Uint8Array {
    const draw = this.#draw;
    const offset = draw.below(4) === 0 ? draw.next32() * 0x8000 : 4 * draw.below(70);
    const bulk = encodeBulk({ id: 1 + draw.below(2), offset, data: draw.bytes(draw.below(60)) });
    return draw.below(8) === 0 ? bulk.subarray(0, draw.below(10)) : bulk;
  }

  #send(kind: FrameKindValue, payload: Uint8Array): void {
    const session = kind === FrameKind.hello ? 0 : SESSION;
    this.#seq = (this.#seq + 1) & 0xffff;
    this.#deliver(encodeFrame({ kind, flags: this.#draw.below(8), session, seq: this.#seq, payload }));
  }

  /** Another boot and a lost session end the link, so they are rare. */
  #event(): Event {
    const draw = this.#draw;
    const event = anyOf<Event>('Event', draw);
    if (draw.below(60) === 0) return event;
    return event.body?.type === 'sessionLost'
      ? { ...event, bootId: BOOT_ID, body: undefined }
      : { ...event, bootId: BOOT_ID };
  }
}

const OK = { code: Code.OK, detail: Detail.UNSPECIFIED, message: '', retryAfterMs: 0 } as const;
const ANSWERS: Record<string, string> = {
  getStatus: 'deviceStatus',
  getCapabilities: 'capabilities',
  beginLoad: 'loadAccepted',
  finishLoad: 'loadResult',
  startRun: 'runAccepted',
  readReference: 'runAccepted',
  ping: 'ping',
};

function anyOf<T>(name: 'Envelope' | 'Event' | 'LogLine', draw: Draw): T {
  return randomMessage(name, draw) as T;
}

/** Damaged behind its boot id, which is field 1 and 9 bytes long. */
function damagedEvent(event: Event, draw: Draw): Uint8Array {
  const bytes = encodeEvent(event);
  return Buffer.concat([bytes.subarray(0, 9), mutated(bytes.subarray(9), draw)]);
}

/** No events: almost any bytes are an Event of another boot, which ends the link. */
function anyKind(draw: Draw): FrameKindValue {
  return [FrameKind.rpc, FrameKind.log, FrameKind.samples, FrameKind.hello][draw.below(4)];
}

/** The right kind of answer with random contents. */
function sameType(request: Envelope, draw: Draw): Envelope['body'] {
  const type = ANSWERS[request.body?.type ?? ''];
  return type === undefined ? undefined : (randomMessage('Envelope', draw, type)['body'] as Envelope['body']);
}

/** A plausible answer with one field of any value, or sizes that agree with each other and with nothing else. */
function almost(request: Envelope, draw: Draw): Envelope['body'] {
  const [honest, random] = [plausible(request, draw), sameType(request, draw)];
  if (honest === undefined || random === undefined) return honest;
  if (honest.type === 'runAccepted' && draw.below(2) === 0) {
    const recordBytes = 2 ** draw.below(32);
    return { ...honest, value: { ...honest.value, recordBytes, totalBytes: BigInt(recordBytes * SAMPLES) } };
  }
  const keys = Object.keys(random.value);
  const changed = keys[draw.below(keys.length)] as never;
  const value = { ...honest.value, ...(changed !== undefined && { [changed]: random.value[changed] }) };
  return { type: honest.type, value } as Envelope['body'];
}

/** What an honest device might say, so that operations get on. */
function plausible(request: Envelope, draw: Draw): Envelope['body'] {
  switch (request.body?.type) {
    case 'ping':
      return request.body;
    case 'getStatus': {
      const run = { run: 1, phase: RunPhase.SAMPLING, totalBytes: 240n, digest: new Uint8Array(32), gaps: 0 };
      const value = { state: 1, bootId: BOOT_ID, uptimeUs: 1n, bank: [], fault: [] } as const;
      return {
        type: 'deviceStatus',
        value: { ...value, bank: [], fault: [], ...(draw.below(2) === 0 && { run }) },
      };
    }
    case 'beginLoad': {
      const state = draw.below(4) === 0 ? LoadState.STAGED : LoadState.LOADING;
      const value = {
        transfer: 1,
        state,
        missing: [{ from: 0n, to: 1000n }],
        moreMissing: false,
        windowBytes: 4096,
      };
      return { type: 'loadAccepted', value };
    }
    case 'finishLoad':
      return { type: 'loadResult', value: { state: LoadState.STAGED, computedId: IMAGE_ID, badPages: [] } };
    case 'startRun':
    case 'readReference':
      return {
        type: 'runAccepted',
        value: { run: 1, recordBytes: RECORD_BYTES, totalBytes: BigInt(RECORD_BYTES * SAMPLES), estMs: 1 },
      };
    default:
      return sameType(request, draw);
  }
}
