// The device's half of the handshake (link-protocol section 4) as a pure function: who may drive, in which session.
import { UART_MAX_PAYLOAD } from '../../../src/link/frame/index.ts';
import { Code, Detail, SCHEMA_HASH } from '../../../src/link/messages/index.ts';
import type { HostHello, Status } from '../../../src/link/messages/index.ts';
import { statusOf } from '../status.ts';

/** Minor version inside wire version 1. */
export const PROTOCOL_MINOR = 1;
const SESSION_MAX = 0xffff;

export interface Session {
  number: number;
  clientId: number;
  hostNonce: number;
  /** Largest payload the host takes. */
  hostMaxPayload: number;
  /** Sample bytes the host takes before its first StreamCredit. */
  hostWindowBytes: number;
}

export interface HandshakeState {
  session: Session | null;
  /** The previous number is never given again at once, so that a late frame is seen as stale. */
  lastSession: number;
  lastClientId: number | null;
  /** Highest fence accepted since boot (decisions.md 11). */
  highestFence: bigint;
}

export const SILENT: HandshakeState = Object.freeze({
  session: null,
  lastSession: 0,
  lastClientId: null,
  highestFence: 0n,
});

export type HelloVerdict =
  /** No host's hello: a DeviceHello of our own, echoed by a tty. An answer would be echoed too, for ever. */
  | { kind: 'ignored' }
  /** The same hello again: the same answer, nothing changes. */
  | { kind: 'repeated'; session: Session }
  | {
      kind: 'accepted';
      state: HandshakeState;
      session: Session;
      /** Session that another client loses, if there is one. */
      lost: number | null;
      /** Request ids of another client mean other requests: the reply cache is void. */
      newClient: boolean;
    }
  | { kind: 'refused'; status: Status };

/** Judges a HELLO. `random32` gives 32 random bits. */
export function judgeHello(state: HandshakeState, hello: HostHello, random32: () => number): HelloVerdict {
  const { session } = state;
  if (hello.maxPayload === 0) return { kind: 'ignored' };
  if (session !== null && session.clientId === hello.clientId && session.hostNonce === hello.hostNonce) {
    return { kind: 'repeated', session };
  }
  const status = objection(state, hello);
  if (status !== null) return { kind: 'refused', status };

  const next: Session = {
    number: drawSession(state.lastSession, random32),
    clientId: hello.clientId,
    hostNonce: hello.hostNonce,
    hostMaxPayload: hello.maxPayload,
    hostWindowBytes: hello.rxWindowBytes,
  };
  return {
    kind: 'accepted',
    state: {
      session: next,
      lastSession: next.number,
      lastClientId: next.clientId,
      highestFence: hello.fence,
    },
    session: next,
    lost: session !== null && session.clientId !== hello.clientId ? session.number : null,
    newClient: state.lastClientId !== hello.clientId,
  };
}

/** The byte stream of the session is gone; the device is silent again. */
export function dropSession(state: HandshakeState): HandshakeState {
  return { ...state, session: null };
}

function objection(state: HandshakeState, hello: HostHello): Status | null {
  const { protoMin, protoMax, schemaHash, fence, maxPayload } = hello;
  if (protoMin > PROTOCOL_MINOR || protoMax < PROTOCOL_MINOR) {
    const message = `this device speaks protocol 1.${PROTOCOL_MINOR}, not 1.${protoMin} to 1.${protoMax}`;
    return statusOf(Code.UNIMPLEMENTED, Detail.UNSUPPORTED_VERSION, message);
  }
  if (schemaHash !== SCHEMA_HASH) {
    const [theirs, ours] = [schemaHash, SCHEMA_HASH].map((hash) => hash.toString(16).padStart(8, '0'));
    const message = `wire schema ${theirs}, this device has ${ours}`;
    return statusOf(Code.FAILED_PRECONDITION, Detail.SCHEMA_MISMATCH, message);
  }
  if (fence < state.highestFence) {
    const message = `fence ${fence} is below ${state.highestFence}, the highest seen since boot`;
    return statusOf(Code.FAILED_PRECONDITION, Detail.FENCE_STALE, message);
  }
  if (maxPayload < UART_MAX_PAYLOAD) {
    const message = `max_payload ${maxPayload} is below ${UART_MAX_PAYLOAD}, which messages may need`;
    return statusOf(Code.INVALID_ARGUMENT, Detail.UNSPECIFIED, message);
  }
  return null;
}

function drawSession(previous: number, random32: () => number): number {
  const drawn = 1 + (random32() % SESSION_MAX);
  if (drawn !== previous) return drawn;
  return drawn === SESSION_MAX ? 1 : drawn + 1;
}
