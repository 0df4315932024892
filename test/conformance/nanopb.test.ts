// The schema as firmware in C gets it: compiled by nanopb with the sizes of link.options into static structs, the largest
// message printed, and every message through C and back to the host without a change.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  largestMessage,
  MESSAGE_MAX_BYTES,
  PAYLOAD_MESSAGES,
  worstCaseBytes,
} from '../../src/link/messages/bounds.ts';
import * as messages from '../../src/link/messages/index.ts';
import { Draw } from '../fuzz/draw.ts';
import { randomMessage } from '../fuzz/random-message.ts';
import { C_COMPILER, compile, dialogue, must } from '../support/c-program.ts';
import { bytesOf, hexOf } from './vectors.ts';

const { MESSAGES } = messages;
const MESSAGES_PER_KIND = 2_000;
const SEED = 20261124;
const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const GENERATOR = ['nanopb_generator.py', 'nanopb_generator'].find(
  (name) => spawnSync(name, ['--version']).status === 0,
);
const missing = C_COMPILER === null ? 'no C compiler' : GENERATOR === undefined ? 'no nanopb' : null;
const FLAGS = [
  '-std=c99',
  '-Wall',
  '-Wextra',
  '-Werror',
  '-O1',
  '-g',
  '-fsanitize=address,undefined',
  '-lprotobuf-nanopb',
];

type Payload = (typeof PAYLOAD_MESSAGES)[number];
const CODECS = {
  HostHello: [messages.encodeHostHello, messages.decodeHostHello],
  DeviceHello: [messages.encodeDeviceHello, messages.decodeDeviceHello],
  Envelope: [messages.encodeEnvelope, messages.decodeEnvelope],
  Event: [messages.encodeEvent, messages.decodeEvent],
  LogLine: [messages.encodeLogLine, messages.decodeLogLine],
} as unknown as Record<
  Payload,
  [(message: unknown) => Uint8Array, (bytes: Uint8Array) => messages.Decoded<unknown>]
>;

if (missing !== null) {
  it.skip(`the schema compiled by nanopb (skipped: ${missing} is installed)`, () => undefined);
} else {
  describe('the schema compiled by nanopb', () => {
    const folder = mkdtempSync(join(tmpdir(), 'thermoloop-nanopb-'));
    const program = join(folder, 'roundtrip');
    const generated = join(folder, 'thermoloop/v1/link.pb');
    beforeAll(() => {
      mkdirSync(join(folder, 'thermoloop/v1'), { recursive: true });
      const words = ['-I', '.', '-D', folder, 'thermoloop/v1/link.proto'];
      must(GENERATOR ?? '', words, path('../../proto'));
      compile(program, [path('nanopb/roundtrip.c'), `${generated}.c`], [...FLAGS, `-I${folder}`]);
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    const roundTrip = (asked: { name: Payload; bytes: Uint8Array }[]): Promise<string[]> =>
      dialogue(
        program,
        asked.map(({ name, bytes }) => `${name} ${bytes.length === 0 ? '-' : hexOf(bytes)}`),
      );

    it('has static structs only, and its largest message fits one UART frame', () => {
      const header = readFileSync(`${generated}.h`, 'utf8');
      expect(header).not.toMatch(/pb_callback_t|pb_bytes_array_t \*|char \*/);
      const sizes = Object.fromEntries(
        [...header.matchAll(/#define thermoloop_v1_(\w+)_size\s+(\d+)\n/g)].map(([, name, size]) => [
          name,
          Number(size),
        ]),
      );
      for (const name of PAYLOAD_MESSAGES) {
        // nanopb knows the largest number of an enum; our own bound takes any.
        expect(sizes[name], name).toBeLessThanOrEqual(worstCaseBytes(MESSAGES, name));
        expect(sizes[name], name).toBeGreaterThan(worstCaseBytes(MESSAGES, name) * 0.75);
        expect(sizes[name], name).toBeLessThanOrEqual(MESSAGE_MAX_BYTES);
      }
      const ours = largestMessage(MESSAGES);
      const theirs = PAYLOAD_MESSAGES.reduce((a, b) => (sizes[b] > sizes[a] ? b : a));
      process.stdout.write(
        `nanopb: largest message ${theirs}, ${sizes[theirs]} bytes; our bound ${ours.name}, ${ours.bytes}; limit ${MESSAGE_MAX_BYTES}\n`,
      );
    });

    it.each(PAYLOAD_MESSAGES)(`takes and gives back ${MESSAGES_PER_KIND} random %s`, async (name) => {
      const [encode, decode] = CODECS[name];
      const draw = new Draw(SEED, PAYLOAD_MESSAGES.indexOf(name));
      const sent = Array.from({ length: MESSAGES_PER_KIND }, () => randomMessage(name, draw));
      const answers = await roundTrip(sent.map((message) => ({ name, bytes: encode(message) })));
      expect(answers.length).toBe(MESSAGES_PER_KIND);
      for (const [k, message] of sent.entries()) {
        expect(decode(bytesOf(answers[k].replace('-', ''))), `message ${k}: ${answers[k]}`).toEqual({
          ok: true,
          value: message,
        });
      }
    });

    it('gives the bytes of the host where no field has its default value', async () => {
      const range = { from: 3n, to: 2n ** 40n };
      const status = {
        code: messages.Code.DATA_LOSS,
        detail: messages.Detail.HASH_MISMATCH,
        message: 'µ',
        retryAfterMs: 9,
      };
      const asked: { name: Payload; bytes: Uint8Array }[] = [
        { name: 'Envelope', bytes: bytesOf('0d07000000e203050d04030201') }, // the worked example of docs/protocol.md
        {
          name: 'Envelope',
          bytes: messages.encodeEnvelope({
            requestId: 2 ** 32 - 1,
            status,
            body: {
              type: 'loadResult',
              value: {
                state: messages.LoadState.LOADING,
                computedId: new Uint8Array(32).fill(7),
                badPages: [1, 300, 70_000],
              },
            },
          }),
        },
        {
          name: 'Envelope',
          bytes: messages.encodeEnvelope({
            requestId: 1,
            body: {
              type: 'streamCredit',
              value: { run: 65_535, ackedTo: 2n ** 63n, windowEnd: 2n ** 64n - 1n, missing: [range, range] },
            },
          }),
        },
        {
          name: 'HostHello',
          bytes: messages.encodeHostHello({
            hostNonce: 1,
            clientId: 2,
            protoMin: 1,
            protoMax: 1,
            maxPayload: 4076,
            rxWindowBytes: 2 ** 19,
            schemaHash: messages.SCHEMA_HASH,
            hostVersion: 'x'.repeat(31),
            fence: 2n ** 64n - 1n,
          }),
        },
      ];
      expect(await roundTrip(asked)).toEqual(asked.map(({ bytes }) => hexOf(bytes)));
    });

    it('refuses what the host refuses: a byte or an element more than link.options, half a message', async () => {
      const longId = bytesOf('5a25' + '2223' + '1a21' + '00'.repeat(33)); // DeviceStatus, Bank, program_id
      const threeBanks = bytesOf('5a06' + '220022002200');
      const cut = bytesOf('0d0700');
      const wrong = [longId, threeBanks, cut];
      const answers = await roundTrip(wrong.map((bytes) => ({ name: 'Envelope' as const, bytes })));
      for (const [k, bytes] of wrong.entries()) {
        expect(answers[k]).toMatch(/^refused /);
        expect(messages.decodeEnvelope(bytes).ok).toBe(false);
      }
    });
  });
}
