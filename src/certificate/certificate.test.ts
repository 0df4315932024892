import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { encodeNpy, encodeNpz } from '../physics/index.ts';
import { canonicalJson } from './canonical.ts';
import { CERTIFICATE_BYTES_MAX, signCertificate, verifyCertificate } from './certificate.ts';
import { keyIdOf, readPublicKeys } from './keys.ts';
import { samplesBytesMax, verifySamples } from './samples.ts';
import type { CertificateFacts } from './schema.ts';

const sha256 = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
const pair = generateKeyPairSync('ed25519');
const keyId = keyIdOf(pair.publicKey);
const signer = { keyId, sign: (bytes: Uint8Array) => sign(null, bytes, pair.privateKey) };
const keys = new Map([[keyId, pair.publicKey]]);

const stateScale = 1 / 1000;
const codes = Int16Array.from([1, -2, 32767, -32768, 5, 6, 7, 8]);
const heat_kT = Float64Array.from([0.1, -3.5]);
const time = '2026-01-01T00:00:00.000Z';
const model = `sha256:${'a'.repeat(64)}`;
const facts: CertificateFacts = {
  job: {
    id: 'job-1',
    submittedBy: 'key-1',
    request: { labels: { name: 'Ünïcode \u2028 "x"' }, tiny: 5e-324, 10: 1, 9: 2 },
    attempts: [{ startedAt: time, finishedAt: time, state: 'succeeded', cause: null }],
    createdAt: time,
    startedAt: time,
    finishedAt: time,
  },
  device: {
    id: 'chip-0',
    uid: 'cafe',
    backend: 'twin',
    faultsActive: false,
    firmware: '0.1',
    schemaHash: '1cc9d8e7',
    bootId: '1',
    clock: { kind: 'system' },
  },
  program: {
    model,
    programDigest: 'sha256:1',
    seed: '7',
    step_s: 1e-9,
    fastMode: false,
    noiseTemperature_ratio: 1,
    noiseTemperature_E0: 0.1,
  },
  samples: {
    shape: [2, 2, 2],
    dtype: 'int16',
    reads: [
      { time_s: 0, label: 'switch-on' },
      { time_s: 2.5e-6, label: 'read' },
    ],
    stateScale,
    digest: sha256(new Uint8Array(codes.buffer)),
    bytes: 16,
    wireDigest: 'sha256:2',
  },
  heat: {
    mean_kT: -1.7,
    sd_kT: 2,
    stderr_kT: 1.4,
    n: 2,
    until_s: 2.5e-6,
    digest: sha256(new Uint8Array(heat_kT.buffer)),
  },
  heatReason: null,
  calibration: null,
  timing: { total_s: 0.25 },
  issued: { at: time, serviceVersion: '1.2.3' },
};
const document = signCertificate(facts, signer);
const bytes = Buffer.from(document);
/** The code of what a call throws. */
function refusal(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    expect((error as { remedy: string }).remedy).toMatch(/\w{3}/);
    return (error as { code?: unknown }).code ?? error;
  }
  return 'accepted';
}
const verified = (text: string | Uint8Array): unknown =>
  refusal(() => verifyCertificate(typeof text === 'string' ? Buffer.from(text) : text, keys));
/** The certificate with another content, signed again by the same key. */
function resigned(change: (value: Record<string, unknown>) => void): string {
  const value = JSON.parse(document) as Record<string, unknown>;
  change(value);
  const { value: _old, ...signature } = value['signature'] as Record<string, unknown>;
  const unsigned = Buffer.from(canonicalJson({ ...value, signature }));
  const made = Buffer.from(signer.sign(unsigned)).toString('base64url');
  return canonicalJson({ ...value, signature: { ...signature, value: made } });
}

const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

describe('canonical JSON', () => {
  // The sample of RFC 8785, section 3.2.2 and 3.2.3.
  it('is that of RFC 8785', () => {
    const sample = {
      numbers: [333333333.33333329, 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
      string: '\u20ac$\u000F\u000aA\'\u0042\u0022\u005c\\"\/',
      literals: [null, true, false],
    };
    expect(canonicalJson(sample)).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],' +
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    );
    const names = { '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\u{1f600}': 5, '\u0080': 6, '\u00f6': 7 };
    expect(canonicalJson(names)).toBe('{"\\r":2,"1":4,"\u0080":6,"ö":7,"€":1,"\u{1f600}":5,"\ufb33":3}');
  });

  it('refuses what is no JSON', () => {
    let deep: unknown = 1;
    for (let k = 0; k < 40; k++) deep = [deep];
    for (const value of [NaN, Infinity, '\ud800', { '\udc00': 1 }, 1n, () => 1, deep])
      expect(refusal(() => canonicalJson(value))).toBe('malformed-certificate');
  });
});

describe('a certificate', () => {
  it('verifies, is the same text again, and comes back whole', () => {
    expect(verified(bytes)).toBe('accepted');
    expect(verified(document.trimEnd())).toBe('accepted');
    expect(signCertificate(structuredClone(facts), signer)).toBe(document);
    expect(verifyCertificate(bytes, keys)).toMatchObject(facts);
  });

  it('is refused with any one byte changed, left out or added', () => {
    const believed: string[] = [];
    for (let k = 0; k < bytes.length - 1; k++) {
      const flipped = Uint8Array.from(bytes);
      flipped[k] ^= 1 << (k % 8);
      if (verified(flipped) === 'accepted') believed.push(`flip ${k}`);
      const without = Buffer.concat([bytes.subarray(0, k), bytes.subarray(k + 1)]);
      if (verified(without) === 'accepted') believed.push(`without ${k}`);
      const spaced = Buffer.concat([bytes.subarray(0, k), Buffer.from(' '), bytes.subarray(k)]);
      if (verified(spaced) === 'accepted') believed.push(`space ${k}`);
    }
    expect(believed).toEqual([]);
  });

  it('is refused cut off at any length', () => {
    for (let k = 0; k < bytes.length - 1; k++) expect(verified(bytes.subarray(0, k))).not.toBe('accepted');
    expect(verified(bytes.subarray(0, 100))).toBe('malformed-certificate');
  });

  it.each([
    ['an empty object', '{}', 'malformed-certificate'],
    ['null', 'null', 'malformed-certificate'],
    ['a list', '[]', 'malformed-certificate'],
    ['nothing', '', 'malformed-certificate'],
    ['brackets without end', '['.repeat(1e6), 'malformed-certificate'],
    ['deep nesting', document.replace('"tiny"', `"deep":${nested(400_000)},"tiny"`), 'malformed-certificate'],
    ['another type', document.replace('"thermoloop-certificate"', '"other"'), 'malformed-certificate'],
    ['a later version', document.replace('"version":1}', '"version":2}'), 'unknown-version'],
    ['no algorithm', document.replace('"Ed25519"', '"none"'), 'foreign-algorithm'],
    ['another algorithm', document.replace('"Ed25519"', '"HS256"'), 'foreign-algorithm'],
    ['another seed', document.replace('"seed":"7"', '"seed":"8"'), 'bad-signature'],
    ['a second seed', document.replace('"seed":"7"', '"seed":"8","seed":"7"'), 'not-canonical'],
    ['a byte order mark', `\ufeff${document}`, 'malformed-certificate'],
    ['a second line end', `${document}\n`, 'not-canonical'],
    ['indentation', JSON.stringify(JSON.parse(document), null, 2), 'not-canonical'],
    ['a huge file', document + ' '.repeat(CERTIFICATE_BYTES_MAX), 'malformed-certificate'],
  ])('is refused with %s', (_what, text, code) => {
    expect(verified(text)).toBe(code);
  });

  it('refuses one that lacks a fact although it is signed, and takes one that knows more', () => {
    for (const name of ['job', 'device', 'samples', 'calibration', 'issued'])
      expect([name, verified(resigned((value) => delete value[name]))]).toEqual([
        name,
        'malformed-certificate',
      ]);
    expect(verified(resigned((value) => (value['driftBefore'] = 1)))).toBe('accepted');
  });

  it('refuses another key, also one that goes by the same name', () => {
    const other = generateKeyPairSync('ed25519').publicKey;
    const with_ = (map: Map<string, typeof other>) => refusal(() => verifyCertificate(bytes, map));
    expect(with_(new Map([[keyIdOf(other), other]]))).toBe('unknown-key');
    expect(with_(new Map())).toBe('unknown-key');
    expect(with_(new Map([[keyId, other]]))).toBe('bad-signature');
  });
});

describe('public keys', () => {
  const pem = pair.publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const list = (change: object = {}) =>
    JSON.stringify({
      current: keyId,
      keys: [{ id: keyId, algorithm: 'Ed25519', publicKey: pem, createdAt: time, ...change }],
    });

  it('are read from PEM and from the list of a service', () => {
    expect([...readPublicKeys(pem).keys()]).toEqual([keyId]);
    expect([...readPublicKeys(list()).keys()]).toEqual([keyId]);
  });

  it.each([
    ['nonsense', 'nothing'],
    ['a cut list', list().slice(0, -5)],
    ['a list of something else', '{"keys": 1}'],
    ['a foreign algorithm', list({ algorithm: 'RS256' })],
    ['a key under the name of another', list({ id: 'tck_0' })],
    ['a private key', pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()],
    [
      'another kind of key',
      generateKeyPairSync('ec', { namedCurve: 'P-256' })
        .publicKey.export({ type: 'spki', format: 'pem' })
        .toString(),
    ],
  ])('refuse %s', (_what, text) => {
    expect(refusal(() => readPublicKeys(text))).toBe('malformed-key');
  });
});

describe('samples', () => {
  const certificate = verifyCertificate(bytes, keys);
  const x = { shape: [2, 2, 2], data: Float32Array.from(codes, (code) => code * stateScale) };
  const time_s = { shape: [2], data: Float64Array.of(0, 2.5e-6) };
  const heat = { shape: [2], data: heat_kT };
  const json = {
    job: 'job-1',
    device: 'chip-0',
    backend: 'twin',
    model,
    shape: [2, 2, 2],
    time_s: [0, 2.5e-6],
    labels: ['switch-on', 'read'],
    x: [0, 4].map((s) => [0, 2].map((r) => [0, 1].map((u) => codes[s + r + u] * stateScale))),
    heat_kT: [...heat_kT],
  };
  const held = (file: Uint8Array | object) =>
    refusal(() =>
      verifySamples(certificate, file instanceof Uint8Array ? file : Buffer.from(JSON.stringify(file))),
    );

  it('are held to one digest in every format', () => {
    expect(verifySamples(certificate, encodeNpy(x))).toEqual(['x']);
    expect(verifySamples(certificate, encodeNpz({ x, time_s, heat_kT: heat }))).toEqual([
      'x',
      'time_s',
      'heat_kT',
    ]);
    expect(held(json)).toBe('accepted');
    expect(held(new Uint8Array(codes.buffer))).toBe('accepted');
  });

  it('are refused when anything in them differs', () => {
    const changed = (k: number, by: number) => {
      const data = x.data.slice();
      data[k] += by;
      return encodeNpy({ ...x, data });
    };
    for (let k = 0; k < 8; k++)
      for (const by of [stateScale, 1e-5, NaN, 40])
        expect([k, by, held(changed(k, by))]).toEqual([k, by, 'samples-differ']);
    for (const change of [
      { job: 'job-2' },
      { backend: 'chip' },
      { model: model.replace('a', 'b') },
      { time_s: [0, 3e-6] },
      { labels: ['read', 'read'] },
      { heat_kT: [0.1, -3.4] },
      { heat_kT: null },
      { x: [json.x[0]] },
      { noise: [1] },
    ])
      expect([change, held({ ...json, ...change })]).toEqual([change, 'samples-differ']);
    const wrongHeat = { shape: [2], data: Float64Array.of(0.1, 0.2) };
    expect(held(encodeNpz({ x, time_s, heat_kT: wrongHeat }))).toBe('samples-differ');
    expect(held(encodeNpy({ shape: [8], data: x.data }))).toBe('samples-differ');
    expect(held(new Uint8Array(samplesBytesMax(certificate) + 1))).toBe('samples-differ');
  });

  it.each([
    ['nothing', new Uint8Array()],
    ['text', Buffer.from('nothing')],
    ['a cut .npy', encodeNpy(x).subarray(0, 90)],
    ['a cut .npz', encodeNpz({ x }).subarray(0, 90)],
    ['an .npz without x', encodeNpz({ time_s })],
    ['a list', []],
    ['words for numbers', { ...json, x: [[['a']]] }],
    ['a number for a list', { ...json, x: 1 }],
  ])('are refused as malformed: %s', (_what, file) => {
    expect(held(file)).toBe('malformed-samples');
  });
});
