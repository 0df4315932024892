// The golden images of test/vectors through the host's encoder and decoder, the twin's decoder, and the one in C.
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { twinCapabilities } from '../../firmware-sim/firmware/index.ts';
import { decodeField, decodeProgram } from '../../firmware-sim/firmware/images/image.ts';
import { Code, Detail } from '../../src/link/messages/index.ts';
import {
  decodeFieldImage,
  decodeProgramImage,
  encodeFieldImage,
  encodeProgramImage,
} from '../../src/physics/image.ts';
import { C_COMPILER, compile, dialogue } from '../support/c-program.ts';
import { bytesOf, hexOf } from './vectors.ts';

type Scale = 'coupling' | 'bias' | 'field' | 'j2' | 'j4' | 'noiseTemperature';
const SCALES: readonly Scale[] = ['coupling', 'bias', 'field', 'j2', 'j4', 'noiseTemperature'];
interface Accept {
  name: string;
  kind: 'program' | 'field';
  units: number;
  noiseTemperatureCode?: number;
  scale_E0: Record<Scale, number>;
  codes: { j2: number[]; j4: number[]; bias: number[]; coupling: number[]; field: number[] };
  image: string;
  id: string;
}
interface Vectors {
  capabilities: { unitsMax: number; stateScale: number; fullScale_E0: Record<Scale, [number, number]> };
  accepts: Accept[];
  rejects: { name: string; kind: 'program' | 'field'; image: string }[];
}
const { capabilities, accepts, rejects } = JSON.parse(
  readFileSync(new URL('../vectors/images.json', import.meta.url), 'utf8'),
) as Vectors;
const programs = accepts.filter(({ kind }) => kind === 'program');
const fields = accepts.filter(({ kind }) => kind === 'field');

function quantised({ units, noiseTemperatureCode = 0, scale_E0, codes }: Accept) {
  return {
    units,
    noiseTemperatureCode,
    couplingCode: Int16Array.from(codes.coupling),
    biasCode: Int16Array.from(codes.bias),
    j2Code: Int16Array.from(codes.j2),
    j4Code: Int16Array.from(codes.j4),
    scale: {
      coupling_E0: scale_E0.coupling,
      bias_E0: scale_E0.bias,
      field_E0: scale_E0.field,
      j2_E0: scale_E0.j2,
      j4_E0: scale_E0.j4,
      noiseTemperature_E0: scale_E0.noiseTemperature,
      state: capabilities.stateScale,
    },
  };
}

describe('the host', () => {
  it.each(programs)('writes and reads: $name', (vector) => {
    expect(hexOf(encodeProgramImage(quantised(vector)))).toBe(vector.image);
    expect(decodeProgramImage(bytesOf(vector.image))).toEqual(quantised(vector));
    expect(createHash('sha256').update(bytesOf(vector.image)).digest('hex')).toBe(vector.id);
  });

  it.each(fields)('writes and reads: $name', ({ codes, scale_E0, image }) => {
    const code = Int16Array.from(codes.field);
    const { stateScale } = capabilities;
    expect(hexOf(encodeFieldImage(code, scale_E0.field, stateScale))).toBe(image);
    expect(decodeFieldImage(bytesOf(image))).toEqual({ code, scale_E0: scale_E0.field, stateScale });
  });
});

describe('the twin', () => {
  const board = twinCapabilities(capabilities.unitsMax);

  it('has the capabilities of the vectors', () => {
    expect(board.stateScale).toBe(capabilities.stateScale);
    for (const name of SCALES) {
      const { fullScaleMin, fullScaleMax } = board[name] ?? {};
      expect([fullScaleMin, fullScaleMax], name).toEqual(capabilities.fullScale_E0[name]);
    }
  });

  it.each(programs)('reads: $name', (vector) => {
    expect(decodeProgram(bytesOf(vector.image), board)).toEqual({ ok: true, value: quantised(vector) });
  });

  it.each(fields)('reads: $name', ({ image, units, codes, scale_E0 }) => {
    const value = { units, code: Int16Array.from(codes.field), scale_E0: scale_E0.field };
    expect(decodeField(bytesOf(image), board)).toEqual({ ok: true, value });
  });

  it.each(rejects)('refuses: $name', ({ kind, image }) => {
    const read = kind === 'program' ? decodeProgram : decodeField;
    const status = { code: Code.INVALID_ARGUMENT, detail: Detail.BAD_LAYOUT };
    expect(read(bytesOf(image), board)).toMatchObject({ ok: false, status });
  });
});

if (C_COMPILER === null) {
  it.skip('the decoder of images in C (skipped: no C compiler is installed)', () => undefined);
} else {
  describe('the decoder in C', () => {
    const folder = mkdtempSync(join(tmpdir(), 'thermoloop-c-image-'));
    const program = join(folder, 'check');
    const names = ['thermoloop_frame.c', 'thermoloop_image.c', 'thermoloop_patch.c', 'check.c'];
    const source = (name: string): string =>
      fileURLToPath(new URL(`../../examples/firmware-c/${name}`, import.meta.url));
    beforeAll(() => compile(program, names.map(source)));
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    const { unitsMax, stateScale, fullScale_E0 } = capabilities;
    const limits = `limits ${unitsMax} ${stateScale} ${SCALES.flatMap((name) => fullScale_E0[name]).join(' ')}`;

    it('reads and refuses what the vectors say', async () => {
      const asked = [...accepts, ...rejects].map(
        ({ kind, image }) => `${kind} ${image === '' ? '-' : image}`,
      );
      const answers = await dialogue(program, [limits, ...asked]);
      for (const [k, { name, units, noiseTemperatureCode = 0, scale_E0, codes }] of accepts.entries()) {
        const scales = SCALES.map((scale) => scale_E0[scale] ?? 0);
        const { j2 = [], j4 = [], bias = [], coupling = [], field = [] } = codes;
        const numbers = [
          units,
          noiseTemperatureCode,
          ...scales,
          ...j2,
          ...j4,
          ...bias,
          ...coupling,
          ...field,
        ];
        expect(answers[k].split(' ').map(Number), name).toEqual(numbers);
      }
      for (const [k, { name }] of rejects.entries())
        expect(answers[accepts.length + k], name).toBe('refused');
    });
  });
}
