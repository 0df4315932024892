// Who may drive, in which session.
import { describe, expect, it } from 'vitest';
import { Code, Detail, SCHEMA_HASH } from '../../../src/link/messages/index.ts';
import type { HostHello } from '../../../src/link/messages/index.ts';
import { dropSession, judgeHello, SILENT } from './handshake.ts';
import type { HandshakeState } from './handshake.ts';

const HELLO: HostHello = {
  hostNonce: 1,
  clientId: 10,
  protoMin: 1,
  protoMax: 1,
  maxPayload: 4076,
  rxWindowBytes: 1000,
  schemaHash: SCHEMA_HASH,
  hostVersion: '',
  fence: 0n,
};
const always = (value: number) => () => value;

function accepted(state: HandshakeState, hello: HostHello, random = 0) {
  const verdict = judgeHello(state, hello, always(random));
  if (verdict.kind !== 'accepted') throw new Error(verdict.kind);
  return verdict;
}

describe('judgeHello', () => {
  it('gives a session and keeps what the host stated', () => {
    const verdict = accepted(SILENT, HELLO, 41);
    expect(verdict.session).toEqual({
      number: 42,
      clientId: 10,
      hostNonce: 1,
      hostMaxPayload: 4076,
      hostWindowBytes: 1000,
    });
    expect(verdict).toMatchObject({ lost: null, newClient: true });
  });

  it('never gives session 0, nor the previous number, whatever is drawn', () => {
    for (const random of [0, 65_534, 65_535, 0xffff_ffff]) {
      const first = accepted(SILENT, HELLO, random);
      const second = accepted(first.state, { ...HELLO, hostNonce: 2 }, random);
      for (const { session } of [first, second]) {
        expect(session.number).toBeGreaterThanOrEqual(1);
        expect(session.number).toBeLessThanOrEqual(65_535);
      }
      expect(second.session.number).not.toBe(first.session.number);
    }
  });

  it('answers the same hello in the same way', () => {
    const first = accepted(SILENT, HELLO, 7);
    expect(judgeHello(first.state, HELLO, always(8))).toEqual({ kind: 'repeated', session: first.session });
  });

  it('begins a new session for the same nonce when the old one was dropped', () => {
    const first = accepted(SILENT, HELLO, 7);
    const second = accepted(dropSession(first.state), HELLO, 7);
    expect(second.session.number).not.toBe(first.session.number);
    expect(second.newClient).toBe(false);
  });

  it('tells a takeover by another client from a new hello of the same one', () => {
    const first = accepted(SILENT, HELLO, 7);
    expect(accepted(first.state, { ...HELLO, hostNonce: 2 }, 9)).toMatchObject({
      lost: null,
      newClient: false,
    });
    const other = { ...HELLO, clientId: 11 };
    expect(accepted(first.state, other, 9)).toMatchObject({ lost: 8, newClient: true });
  });

  it('refuses a fence below the highest accepted one, also after the session was dropped', () => {
    const { state } = accepted(SILENT, { ...HELLO, fence: 5n });
    const stale = { ...HELLO, clientId: 11, fence: 4n };
    for (const now of [state, dropSession(state)]) {
      const verdict = judgeHello(now, stale, always(0));
      expect(verdict).toMatchObject({
        kind: 'refused',
        status: { code: Code.FAILED_PRECONDITION, detail: Detail.FENCE_STALE },
      });
    }
    expect(accepted(state, { ...stale, fence: 5n }).state.highestFence).toBe(5n);
  });

  it('does not take the fence of a hello that it refuses', () => {
    const refused = judgeHello(SILENT, { ...HELLO, fence: 9n, schemaHash: 1 }, always(0));
    expect(refused.kind).toBe('refused');
    expect(accepted(SILENT, { ...HELLO, fence: 1n }).state.highestFence).toBe(1n);
  });

  it.each([
    ['only newer versions', { protoMin: 2, protoMax: 3 }, Detail.UNSUPPORTED_VERSION],
    ['only older versions', { protoMin: 0, protoMax: 0 }, Detail.UNSUPPORTED_VERSION],
    ['another schema', { schemaHash: SCHEMA_HASH ^ 1 }, Detail.SCHEMA_MISMATCH],
    ['payloads too small for messages', { maxPayload: 631 }, Detail.UNSPECIFIED],
  ])('refuses %s', (_, changes, detail) => {
    const verdict = judgeHello(SILENT, { ...HELLO, ...changes }, always(0));
    expect(verdict).toMatchObject({ kind: 'refused', status: { detail } });
  });
});
