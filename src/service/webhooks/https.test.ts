// Webhooks over https: the certificate counts, and its name, although the connection goes to an address that was looked up.
import { execFile, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { send } from './send.ts';
import { WebhookTargets } from './targets.ts';

const NAME = 'hooks.test';
const folder = mkdtempSync(join(tmpdir(), 'thermoloop-https-'));
const certificate = join(folder, 'cert.pem');
const hasOpenssl = madeCertificate();
if (!hasOpenssl) process.stderr.write('https of webhooks: skipped, openssl is missing\n');

/** For a day, signed by itself. */
function madeCertificate(): boolean {
  const asked = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const named = ['-days', '1', '-subj', `/CN=${NAME}`, '-addext', `subjectAltName=DNS:${NAME}`];
  const files = ['-keyout', join(folder, 'key.pem'), '-out', certificate];
  try {
    execFileSync('openssl', [...asked, ...named, ...files], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

let receiver: Server;
let port: number;
let got: string[] = [];
beforeAll(async () => {
  if (!hasOpenssl) return;
  const [key, cert] = [join(folder, 'key.pem'), certificate].map((file) => readFileSync(file));
  receiver = createServer({ key, cert }, (request, response) => {
    got.push(String(request.headers.host));
    request.resume();
    response.writeHead(204).end();
  });
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  port = (receiver.address() as AddressInfo).port;
});
afterAll(() => {
  if (hasOpenssl) receiver.close();
  rmSync(folder, { recursive: true });
});

const sent = { id: 'd1', topic: 'job.failed', body: '{}', secret: 's', at_ms: 0 };
const deliver = async (name: string): Promise<void> => {
  const targets = new WebhookTargets({ allow: [name], resolve: async () => ['127.0.0.1'] });
  await send(await targets.reach(`https://${name}:${port}/hook`), sent, new AbortController().signal);
};

/** The same in a process that trusts the certificate, as the operator would have it. */
function trusting(name: string): Promise<unknown> {
  const script = `
    import { send } from ${JSON.stringify(join(import.meta.dirname, 'send.ts'))};
    import { WebhookTargets } from ${JSON.stringify(join(import.meta.dirname, 'targets.ts'))};
    const targets = new WebhookTargets({ allow: ['${name}'], resolve: async () => ['127.0.0.1'] });
    const target = await targets.reach('https://${name}:${port}/hook');
    await send(target, ${JSON.stringify(sent)}, new AbortController().signal);`;
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: certificate, NODE_NO_WARNINGS: '1' };
  return promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { env });
}

describe.skipIf(!hasOpenssl)('a webhook over https', () => {
  it('is not told where the certificate is signed by nobody, and says what to do', async () => {
    got = [];
    await expect(deliver(NAME)).rejects.toThrow(/self-signed certificate.*NODE_EXTRA_CA_CERTS/);
    expect(got).toEqual([]);
  });

  it('is told where its authority is named to the process', async () => {
    got = [];
    await trusting(NAME);
    expect(got).toEqual([`${NAME}:${port}`]);
  });

  it('is not told where the certificate has another name, though its authority is trusted', async () => {
    got = [];
    await expect(trusting('other.test')).rejects.toThrow(/other\.test.*certificate/s);
    expect(got).toEqual([]);
  });
});
