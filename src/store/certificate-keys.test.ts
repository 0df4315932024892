import { createPublicKey, verify } from 'node:crypto';
import {
  chmodSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keyIdOf } from '../certificate/index.ts';
import { openCertificateKeys } from './certificate-keys.ts';

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'thermoloop-keys-'));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

const open = (wall_ms = 0) => openCertificateKeys({ dataDir, wall_ms, idOf: keyIdOf });
const privateFile = () => join(dataDir, 'certificate-key.pem');
const publicFile = () => join(dataDir, 'certificate-keys.json');

describe('the keys of certificates', () => {
  it('are made at the first start, for this user alone, and are the same at the next', async () => {
    const first = await open();
    expect(statSync(privateFile()).mode & 0o777).toBe(0o600);
    expect(readFileSync(publicFile(), 'utf8')).not.toContain('PRIVATE');
    chmodSync(privateFile(), 0o644);
    const again = await open(5000);
    expect(statSync(privateFile()).mode & 0o777).toBe(0o600);
    expect([again.current, again.published]).toEqual([first.current, first.published]);
    const bytes = Buffer.from('facts');
    expect(again.sign(bytes)).toEqual(first.sign(bytes));
    const [{ id, publicKey }] = first.published;
    expect(keyIdOf(createPublicKey(publicKey))).toBe(id);
    expect(verify(null, bytes, publicKey, first.sign(bytes))).toBe(true);
    expect(readdirSync(dataDir).sort()).toEqual(['certificate-key.pem', 'certificate-keys.json']);
  });

  it('rotate when the private key is moved away: the old public key stays published', async () => {
    const old = await open();
    renameSync(privateFile(), join(dataDir, 'away.pem'));
    const renewed = await open(1000);
    expect(renewed.current).not.toBe(old.current);
    expect(renewed.published.map(({ id }) => id)).toEqual([old.current, renewed.current]);
    expect((await open()).published).toEqual(renewed.published);
  });

  it('are listed at the next start when a crash came between the two files', async () => {
    const { current } = await open();
    rmSync(publicFile());
    writeFileSync(`${publicFile()}.new`, '[{"id":');
    expect((await open()).published.map(({ id }) => id)).toEqual([current]);
  });

  it('are refused with a remedy when a file is damaged, and nothing is written over', async () => {
    await open();
    writeFileSync(publicFile(), '[{"id"');
    const refused = { code: 'storage-failed', remedy: expect.stringMatching(/backup/) as string };
    await expect(open()).rejects.toMatchObject(refused);
    expect(readFileSync(publicFile(), 'utf8')).toBe('[{"id"');
    writeFileSync(privateFile(), 'not a key');
    await expect(open()).rejects.toMatchObject(refused);
    expect(readFileSync(privateFile(), 'utf8')).toBe('not a key');
  });
});
