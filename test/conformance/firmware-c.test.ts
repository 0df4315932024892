// The third decoder: examples/firmware-c, written in C from docs/protocol.md and sharing nothing with the others, against the golden vectors, and against
// the decoder of host and twin on 100,000 damaged streams.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Draw } from '../fuzz/draw.ts';
import { FrameFuzz } from '../fuzz/frame-fuzz.ts';
import { mutated } from '../fuzz/random-message.ts';
import { applyPatch } from '../../firmware-sim/firmware/images/patch.ts';
import { patchVectors } from '../support/patch-vectors.ts';
import { C_COMPILER, compile, dialogue, must } from '../support/c-program.ts';
import { allStreams, bytesOf, decodedLines, frameVectors, hexOf } from './vectors.ts';

const DAMAGED_STREAMS = 100_000;
const SEED = 20261124;
const PATCHES_ROUNDS = 100;
const SOURCES = ['thermoloop_frame.c', 'thermoloop_image.c', 'thermoloop_patch.c', 'check.c'];
const source = (name: string): string =>
  fileURLToPath(new URL(`../../examples/firmware-c/${name}`, import.meta.url));
const orDash = (hex: string): string => (hex === '' ? '-' : hex);

if (C_COMPILER === null) {
  it.skip('the decoder in C against the golden vectors (skipped: no C compiler is installed)', () =>
    undefined);
} else {
  describe(`the decoder in C, compiled by ${C_COMPILER} with address and undefined behaviour checks`, () => {
    const folder = mkdtempSync(join(tmpdir(), 'thermoloop-c-'));
    const program = join(folder, 'check');
    beforeAll(() => compile(program, SOURCES.map(source)));
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    /** Sends streams and returns the lines of each. */
    async function decode(
      streams: readonly { role: string; maxPayload: number; wire: string }[],
    ): Promise<string[][]> {
      const lines = await dialogue(
        program,
        streams.map(({ role, maxPayload, wire }) => `decode ${role} ${maxPayload} ${orDash(wire)}`),
      );
      const answers: string[][] = [[]];
      for (const line of lines) {
        if (line === '.') answers.push([]);
        else answers.at(-1)?.push(line);
      }
      expect(answers.pop()).toEqual([]);
      return answers;
    }

    it('needs neither heap nor libc', () => {
      for (const name of SOURCES.slice(0, 3)) {
        const flags = [
          '-std=c99',
          '-Os',
          '-ffreestanding',
          '-c',
          source(name),
          '-o',
          join(folder, `${name}.o`),
        ];
        must(C_COMPILER ?? '', flags);
      }
    });

    it('gives the check values of the CRC', async () => {
      const lines = await dialogue(
        program,
        frameVectors.crc32c.map(({ bytes }) => `crc ${orDash(bytes)}`),
      );
      expect(lines).toEqual(frameVectors.crc32c.map(({ crc }) => `crc ${crc.slice(2)}`));
    });

    it('reports for every golden vector what the vector says', async () => {
      const answers = await decode(allStreams);
      expect(answers.length).toBe(allStreams.length);
      for (const [k, { name, lines }] of allStreams.entries()) expect(answers[k], name).toEqual(lines);
    });

    it('encodes every canonical vector to its bytes, and refuses what is no frame', async () => {
      const canonical = frameVectors.accepts.filter((vector) => vector.canonical);
      const lines = await dialogue(program, [
        ...canonical.map(({ frame }) => {
          const { kind, flags, session, seq, payload } = frame;
          return `encode ${kind} ${flags} ${session} ${seq} ${orDash(payload)}`;
        }),
        'encode 0 0 1 0 -',
        'encode 7 0 1 0 -',
        'encode 2 16 1 0 -',
        'encode 2 0 0 0 -',
        'encode 1 0 1 0 -',
      ]);
      expect(lines).toEqual([
        ...canonical.map(({ wire }) => `wire ${wire}`),
        ...Array.from({ length: 5 }, () => 'refused'),
      ]);
    });

    it('applies and refuses the golden patches, each for the reason of the vector', async () => {
      const { accepts, rejects } = patchVectors;
      const asked = [...accepts, ...rejects].flatMap(({ base, stream }) => [
        `base ${orDash(hexOf(base))}`,
        `patch ${orDash(hexOf(stream))}`,
      ]);
      expect(await dialogue(program, asked)).toEqual([
        ...accepts.map(({ image }) => `image ${hexOf(image)}`),
        ...rejects.map(({ reason }) => `refused ${reason}`),
      ]);
    });

    it('agrees with the twin on damaged patches', async () => {
      const draw = new Draw(SEED, 2 ** 50);
      const small = patchVectors.accepts.filter(({ base, stream }) => base.length + stream.length < 400);
      const asked = Array.from({ length: small.length * PATCHES_ROUNDS }, (_, k) => {
        const { base, stream } = small[k % small.length];
        return { base, stream: mutated(stream, draw) };
      });
      const lines = asked.flatMap(({ base, stream }) => [
        `base ${hexOf(base)}`,
        `patch ${orDash(hexOf(stream))}`,
      ]);
      const answers = await dialogue(program, lines);
      let applied = 0;
      for (const [k, { base, stream }] of asked.entries()) {
        const image = base.slice();
        const defect = applyPatch(image, stream);
        applied += defect === null ? 1 : 0;
        const expected = defect === null ? `image ${hexOf(image)}` : `refused ${defect}`;
        expect(answers[k], `base ${hexOf(base)}, stream ${hexOf(stream)}`).toBe(expected);
      }
      expect(applied).toBeGreaterThan(asked.length / 20);
      expect(applied).toBeLessThan(asked.length);
    });

    it(`agrees with the decoder in TypeScript on ${DAMAGED_STREAMS} damaged streams`, async () => {
      const fuzz = new FrameFuzz(SEED);
      const draw = new Draw(SEED, 2 ** 51);
      const streams = Array.from({ length: DAMAGED_STREAMS }, (_, index) => {
        const { damaged, intact } = fuzz.play(index);
        return {
          role: draw.below(2) === 0 ? 'host' : 'device',
          maxPayload: draw.below(4) === 0 ? 4076 : 632,
          wire: hexOf(Buffer.concat([damaged, intact, damaged.subarray(draw.below(damaged.length))])),
        } as const;
      });
      const answers = await decode(streams);
      const seen = new Map<string, number>();
      for (const [k, { role, maxPayload, wire }] of streams.entries()) {
        const ours = decodedLines(role, maxPayload, [bytesOf(wire)]);
        if (ours.join('\n') !== answers[k].join('\n')) {
          expect(answers[k], `seed ${SEED}, stream ${k}: ${role} ${maxPayload} ${wire}`).toEqual(ours);
        }
        for (const line of ours) {
          const outcome = line.startsWith('frame') ? 'frame' : line;
          seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
        }
      }
      process.stdout.write(
        `C and TypeScript agree on ${DAMAGED_STREAMS} damaged streams: ${JSON.stringify([...seen])}\n`,
      );
      for (const outcome of ['frame', 'corrupt crc', 'corrupt cobs', 'corrupt length', 'corrupt oversize']) {
        expect(seen.get(outcome) ?? 0, outcome).toBeGreaterThan(100);
      }
    });
  });
}
