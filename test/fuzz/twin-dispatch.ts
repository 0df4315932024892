// Random and damaged messages against the firmware of the twin: whatever arrives, it does not throw, sends whole frames of
// the schema only, never answers INTERNAL, and takes the next HELLO. One episode is one boot and some hundred inputs.
import {
  bootBoard,
  buildImage,
  settle,
  sha256,
  startRun,
  TestHost,
  type Board,
} from '../../firmware-sim/firmware/board.test-support.ts';
import { FrameKind } from '../../src/link/frame/index.ts';
import {
  Code,
  encodeBulk,
  encodeEnvelope,
  encodeHostHello,
  ImageKind,
  type Envelope,
  type HostHello,
  type ReadReference,
  type StartRun,
} from '../../src/link/messages/index.ts';
import { encodePatch } from '../../src/link/transfers/patch.ts';
import type { Draw } from './draw.ts';
import { mutated, randomMessage } from './random-message.ts';

const INPUTS = 200;
const IMAGE = buildImage();
const OTHER_IMAGE = buildImage({ bias: [1, 2, 3, 4, 5] });
const FIELD = buildImage({ kind: 2 });
const ACTIVE_ID = Uint8Array.from(sha256(IMAGE));
const OTHER_ID = Uint8Array.from(sha256(OTHER_IMAGE));
const PATCH = encodePatch(IMAGE, OTHER_IMAGE, IMAGE.length) ?? new Uint8Array(0);

export interface EpisodeCount {
  inputs: number;
  /** Frames that the device sent. */
  frames: number;
  /** Replies by status code. */
  codes: Record<number, number>;
}

interface Episode {
  board: Board;
  host: TestHost;
  draw: Draw;
  count: EpisodeCount;
}

/** Throws, with what was sent last, when the firmware does anything that it must not. */
export async function twinEpisode(draw: Draw): Promise<EpisodeCount> {
  const board = bootBoard();
  const host = new TestHost(board.controller);
  const episode: Episode = { board, host, draw, count: { inputs: 0, frames: 0, codes: {} } };
  host.hello();
  for (let k = 0; k < INPUTS; k += 1) {
    const name = INPUT_NAMES[draw.below(INPUT_NAMES.length)];
    try {
      INPUTS_BY_NAME[name](episode);
      await settle();
      look(episode);
    } catch (error) {
      throw new Error(`input ${k}, ${name}: ${String(error)}`, { cause: error });
    }
    episode.count.inputs += 1;
  }
  await mustStillAnswer(episode);
  board.controller.close();
  await settle();
  return episode.count;
}

/** Reads what the device sent: every message must be one of the schema. */
function look({ host, count }: Episode): void {
  const envelopes = host.envelopes();
  host.events();
  host.samples();
  count.frames += host.frames.length;
  for (const { status } of envelopes) {
    if (status === undefined) continue;
    count.codes[status.code] = (count.codes[status.code] ?? 0) + 1;
    if (status.code === Code.INTERNAL) throw new Error(`the device answers INTERNAL: ${status.message}`);
  }
  host.frames.length = 0;
}

async function mustStillAnswer(episode: Episode): Promise<void> {
  const { board } = episode;
  board.clock.advance(6_000);
  await settle();
  const host = new TestHost(board.controller);
  host.clientId = 0x7fff_ffff;
  const hello = host.hello({ fence: 2n ** 64n - 1n, hostNonce: 0x5eed });
  if (hello === null || hello.refused !== undefined) throw new Error('the device takes no HELLO any more');
  const status = host.request({ type: 'getStatus', value: {} }, 1);
  if (status?.body?.type !== 'deviceStatus') throw new Error('the device answers no GetStatus any more');
}

type Input = (episode: Episode) => void;
const INPUTS_BY_NAME: Record<string, Input> = {
  'random request': ({ host, draw }) => {
    host.sendFrame(FrameKind.rpc, encodeEnvelope(anyEnvelope(draw)));
  },
  'request like the last ones': ({ host, draw }) => {
    const envelope = {
      ...anyEnvelope(draw),
      requestId: host.lastRequestId + draw.below(5),
      status: undefined,
    };
    host.sendFrame(FrameKind.rpc, encodeEnvelope(envelope));
  },
  'damaged request': ({ host, draw }) => {
    host.sendFrame(FrameKind.rpc, mutated(encodeEnvelope(anyEnvelope(draw)), draw).subarray(0, MAX_PAYLOAD));
  },
  'damaged run': ({ host, draw }) => {
    const requestId = host.lastRequestId + 1;
    const bytes = encodeEnvelope({ requestId, body: { type: 'startRun', value: anyRun(draw) } });
    host.sendFrame(FrameKind.rpc, mutated(bytes, draw).subarray(0, MAX_PAYLOAD));
  },
  run: ({ host, draw }) => {
    host.request({ type: 'startRun', value: anyRun(draw) });
  },
  reference: ({ host, draw }) => {
    host.request({ type: 'readReference', value: anyReference(draw) });
  },
  load: ({ host, draw }) => {
    const image = [IMAGE, OTHER_IMAGE, FIELD][draw.below(3)];
    host.load(image, { bank: draw.below(3), chunkBytes: [12, 48, 48, 24][draw.below(4)] });
  },
  patch: ({ host, draw }) => {
    const stream = draw.below(2) === 0 ? PATCH : mutated(PATCH, draw);
    const ids = { programId: OTHER_ID, baseProgramId: draw.below(8) === 0 ? OTHER_ID : ACTIVE_ID };
    host.load(stream, { ...ids, kind: ImageKind.PROGRAM, bank: draw.below(2), chunkBytes: 12 });
  },
  activate: ({ host, draw }) => {
    host.activate(draw.below(2) === 0 ? IMAGE : OTHER_IMAGE);
  },
  credit: ({ host, draw }) => {
    const value = {
      run: draw.below(4),
      ackedTo: BigInt(draw.below(300)),
      windowEnd: BigInt(draw.below(9000)),
      missing: [],
    };
    const missing = [{ from: BigInt(draw.below(90)), to: BigInt(draw.below(90)) }];
    host.oneWay({ type: 'streamCredit', value: draw.below(2) === 0 ? value : { ...value, missing } });
  },
  chunk: ({ host, draw }) => {
    const bulk = {
      id: draw.below(6),
      offset: 12 * draw.below(30) + draw.below(2),
      data: draw.bytes(draw.below(60)),
    };
    host.chunk(bulk, draw.below(8));
  },
  'bulk of any shape': ({ host, draw }) => {
    const bulk = encodeBulk({ id: draw.below(0x10000), offset: draw.next32() * 0x8000, data: draw.bytes(4) });
    host.sendFrame(FrameKind.chunk, bulk.subarray(0, draw.below(bulk.length + 1)));
  },
  hello: ({ host, draw }) => {
    host.hello({
      hostNonce: draw.below(20),
      fence: BigInt(draw.below(3)),
      maxPayload: 632 + draw.below(4000),
    });
  },
  'random hello': ({ host, draw }) => {
    const hello = encodeHostHello(randomMessage('HostHello', draw) as unknown as HostHello);
    host.sendFrame(
      FrameKind.hello,
      draw.below(2) === 0 ? hello : mutated(hello, draw).subarray(0, MAX_PAYLOAD),
    );
  },
  'random bytes': ({ host, draw }) => {
    host.sendFrame(
      [FrameKind.rpc, FrameKind.hello, FrameKind.chunk][draw.below(3)],
      draw.bytes(draw.below(80)),
    );
  },
  'another cable': (episode) => {
    const { board, draw } = episode;
    if (draw.below(4) > 0) return;
    if (draw.below(2) === 0) episode.host.attachment.detach();
    episode.host = new TestHost(board.controller);
    episode.host.session = 1; // until it has one of its own
    episode.host.clientId = draw.below(3);
    episode.host.hello({ hostNonce: 100 + draw.below(20), fence: 2n });
  },
  'line full or free': ({ host, draw }) => {
    host.takes = draw.below(2) === 0;
    if (host.takes) host.attachment.drained();
  },
  time: ({ board, draw }) => {
    board.clock.advance(draw.below(draw.below(8) === 0 ? 7_000 : 60));
  },
};
const INPUT_NAMES = Object.keys(INPUTS_BY_NAME);
/** Of the device: larger frames are refused before any message is looked at. */
const MAX_PAYLOAD = 632;

function anyEnvelope(draw: Draw): Envelope {
  return randomMessage('Envelope', draw) as unknown as Envelope;
}

/** Levels that the device may well read, with one field of any value. */
function anyReference(draw: Draw): ReadReference {
  const any = randomMessage('ReadReference', draw) as unknown as ReadReference;
  const plausible = { runToken: BigInt(draw.below(5)), units: 5, samples: 1 + draw.below(40), level: [0, 9] };
  const keys = Object.keys(any) as (keyof ReadReference)[];
  const changed = keys[draw.below(keys.length)];
  return { ...plausible, seed: 1n, [changed]: any[changed] };
}

/** A run that the device may well take, with one field of any value. */
function anyRun(draw: Draw): StartRun {
  const any = randomMessage('StartRun', draw) as unknown as StartRun;
  const plausible = startRun(new Uint8Array(32), {
    runToken: BigInt(draw.below(5)),
    samples: 1 + draw.below(40),
  });
  const keys = Object.keys(any) as (keyof StartRun)[];
  const changed = keys[draw.below(keys.length)];
  return {
    ...plausible,
    programId: draw.below(4) === 0 ? any.programId : ACTIVE_ID,
    [changed]: any[changed],
  };
}
