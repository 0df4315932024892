// The handshake (link-protocol section 4): HELLO until somebody answers who is what the caller expects. The judgement
// is a pure function; the exchange around it only repeats and waits.
import type { Clock, Timer } from '../../clock/clock.ts';
import {
  Code,
  decodeDeviceHello,
  encodeHostHello,
  SCHEMA_HASH,
  type DeviceHello,
  type Limits,
} from '../messages/index.ts';
import { HOST_MAX_PAYLOAD } from './frame-channel.ts';
import { LinkError } from './link-error.ts';
import { refusal } from './refusal.ts';

export const HELLO_RETRY_MS = 250;
export const HELLO_TOTAL_MS = 5000;
/** Minor versions inside wire version 1 that this host speaks. */
const PROTO_MIN = 1;
const PROTO_MAX = 1;
/** Sample bytes the host takes before its first StreamCredit: section 11, the load window of a fast link. */
export const RX_WINDOW_BYTES = 512 * 1024;
const SESSION_MAX = 0xffff;
const UID_MAX_BYTES = 16;

export interface HelloFacts {
  /** Fresh per attempt to connect; repeats within one attempt carry the same. */
  nonce: number;
  clientId: number;
  hostVersion: string;
  fence: bigint;
  /** Hexadecimal; absent: any device will do. */
  expectUid?: string;
}

/** A hello that was found acceptable, limits included. */
export type AcceptedHello = DeviceHello & { limits: Limits };

export type HelloVerdict =
  | { kind: 'accepted'; hello: AcceptedHello }
  /** Not an answer to us: another nonce, an echo of our own hello, or no DeviceHello at all. */
  | { kind: 'ignored'; reason: 'hello-malformed' | 'hello-nonce' }
  | { kind: 'refused'; error: LinkError };

/** The payload of our HELLO. Throws MessageError when a fact does not fit its field. */
export function helloPayload(facts: HelloFacts): Uint8Array {
  return encodeHostHello({
    hostNonce: facts.nonce,
    clientId: facts.clientId,
    protoMin: PROTO_MIN,
    protoMax: PROTO_MAX,
    maxPayload: HOST_MAX_PAYLOAD,
    rxWindowBytes: RX_WINDOW_BYTES,
    schemaHash: SCHEMA_HASH,
    hostVersion: facts.hostVersion,
    fence: facts.fence,
  });
}

/** Judges the payload of a HELLO that arrived. */
export function judgeHello(payload: Uint8Array, facts: HelloFacts): HelloVerdict {
  const decoded = decodeDeviceHello(payload);
  if (!decoded.ok) return { kind: 'ignored', reason: 'hello-malformed' };
  const hello = decoded.value;
  if (hello.hostNonce !== facts.nonce) return { kind: 'ignored', reason: 'hello-nonce' };
  if (hello.refused !== undefined && hello.refused.code !== Code.OK) {
    return { kind: 'refused', error: refusal('the handshake', hello.refused) };
  }
  // A tty that still echoes returns our own hello with our own nonce; it states no limits and no uid.
  if (!isWholeHello(hello)) return { kind: 'ignored', reason: 'hello-malformed' };
  const error = mismatch(hello, facts);
  return error === null ? { kind: 'accepted', hello } : { kind: 'refused', error };
}

function isWholeHello(hello: DeviceHello): hello is AcceptedHello {
  const { session, deviceUid, limits } = hello;
  if (limits === undefined || deviceUid.length === 0 || deviceUid.length > UID_MAX_BYTES) return false;
  return session > 0 && session <= SESSION_MAX && limits.maxPayload > 0 && limits.chunkBytes > 0;
}

function mismatch(hello: AcceptedHello, facts: HelloFacts): LinkError | null {
  const uid = Buffer.from(hello.deviceUid).toString('hex');
  if (facts.expectUid !== undefined && uid !== facts.expectUid.toLowerCase()) {
    return new LinkError('wrong-device', `device ${uid} answers where ${facts.expectUid} was expected`);
  }
  if (hello.proto < PROTO_MIN || hello.proto > PROTO_MAX) {
    const message = `device ${uid} speaks protocol 1.${hello.proto}, this host 1.${PROTO_MIN} to 1.${PROTO_MAX}`;
    return new LinkError('unsupported-version', message);
  }
  if (hello.schemaHash !== SCHEMA_HASH) {
    const [theirs, ours] = [hello.schemaHash, SCHEMA_HASH].map((hash) => hash.toString(16).padStart(8, '0'));
    return new LinkError('schema-mismatch', `device ${uid} has wire schema ${theirs}, this host ${ours}`);
  }
  return null;
}

/** What the error of a silent or babbling port is told from. */
export interface HelloWitness {
  readonly label: string;
  /** All bytes that arrived so far. */
  rxBytes(): number;
}

/** Repeats the hello every 250 ms for at most 5 s. */
export class HelloExchange {
  readonly answered: Promise<{ hello: AcceptedHello; rtt_ms: number | null }>;
  readonly #clock: Clock;
  readonly #facts: HelloFacts;
  readonly #send: () => void;
  readonly #witness: HelloWitness;
  readonly #started_ms: number;
  #resolve: (answer: { hello: AcceptedHello; rtt_ms: number | null }) => void = () => undefined;
  #reject: (error: LinkError) => void = () => undefined;
  #timer: Timer | null = null;
  #sent = 0;

  constructor(clock: Clock, facts: HelloFacts, send: () => void, witness: HelloWitness) {
    this.#clock = clock;
    this.#facts = facts;
    this.#send = send;
    this.#witness = witness;
    this.#started_ms = clock.now_ms();
    this.answered = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // The exchange may fail before anybody waits for it.
    this.answered.catch(() => undefined);
  }

  start(): void {
    if (this.#clock.now_ms() - this.#started_ms >= HELLO_TOTAL_MS) {
      this.fail(nobodyThere(this.#witness));
      return;
    }
    this.#sent += 1;
    this.#timer = this.#clock.after(HELLO_RETRY_MS, () => this.start());
    this.#send();
  }

  /** Takes a HELLO; returns why it was ignored, or null. */
  take(payload: Uint8Array): 'hello-malformed' | 'hello-nonce' | null {
    const verdict = judgeHello(payload, this.#facts);
    if (verdict.kind === 'ignored') return verdict.reason;
    this.#timer?.cancel();
    // Karn's rule: the answer to a repeated hello says nothing about the round trip.
    const rtt_ms = this.#sent === 1 ? this.#clock.now_ms() - this.#started_ms : null;
    if (verdict.kind === 'accepted') this.#resolve({ hello: verdict.hello, rtt_ms });
    else this.#reject(verdict.error);
    return null;
  }

  fail(error: LinkError): void {
    this.#timer?.cancel();
    this.#reject(error);
  }
}

function nobodyThere(witness: HelloWitness): LinkError {
  const bytes = witness.rxBytes();
  const what = `no thermoloop device answered on ${witness.label} within ${HELLO_TOTAL_MS / 1000} s`;
  if (bytes === 0) return new LinkError('not-a-device', `${what}: the port stayed silent`);
  return new LinkError('not-a-device', `${what}: ${bytes} bytes arrived, none of them an answer`, {
    remedy: 'Something else speaks on this port: correct the address.',
  });
}
