// One delivery over HTTP: to the address that was checked, no redirects, a signature, and little patience.
import { createHmac } from 'node:crypto';
import { request as overHttp } from 'node:http';
import { request as overHttps } from 'node:https';
import { isIP } from 'node:net';
import type { Target } from './targets.ts';

const TIMEOUT_MS = 10_000;
/** What a receiver says is not looked at; a little is read so that it is not cut off. */
const ANSWER_BYTES_MAX = 16 * 1024;

export interface Sent {
  id: string;
  topic: string;
  body: string;
  secret: string;
  /** Wall time. */
  at_ms: number;
}

/** `t=SECONDS,v1=HEX`: HMAC-SHA256 of `SECONDS.BODY`. */
export function signature({ secret, at_ms, body }: Pick<Sent, 'secret' | 'at_ms' | 'body'>): string {
  const t = Math.floor(at_ms / 1000);
  return `t=${t},v1=${createHmac('sha256', secret).update(`${t}.${body}`).digest('hex')}`;
}

/** @throws {Error} anything but an answer 2xx within 10 s */
export async function send({ url, host, address }: Target, sent: Sent, signal: AbortSignal): Promise<void> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  const isTls = url.protocol === 'https:';
  const body = Buffer.from(sent.body);
  const status = await new Promise<number>((resolve, reject) => {
    const asked = (isTls ? overHttps : overHttp)(
      {
        host: address,
        port: url.port === '' ? (isTls ? 443 : 80) : Number(url.port),
        path: `${url.pathname}${url.search}`,
        method: 'POST',
        agent: false,
        signal: limit,
        ...(isTls && isIP(host) === 0 && { servername: host }),
        headers: {
          host: url.host,
          'content-type': 'application/json',
          'content-length': body.length,
          'user-agent': 'thermoloop-webhook',
          'thermoloop-delivery': sent.id,
          'thermoloop-topic': sent.topic,
          'thermoloop-signature': signature(sent),
        },
      },
      (answer) => {
        let bytes = 0;
        const done = (): void => resolve(answer.statusCode ?? 0);
        answer.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes <= ANSWER_BYTES_MAX) return;
          done();
          answer.destroy();
        });
        answer.on('end', done);
        answer.on('error', reject);
      },
    );
    asked.on('error', (error) => reject(inWords(error)));
    asked.end(body);
  });
  if (status >= 200 && status < 300) return;
  throw new Error(
    status >= 300 && status < 400 ? `${status}: redirects are not followed` : `answered ${status}`,
  );
}

/** Of a certificate that nobody vouches for: there is a way to say who does. */
const UNTRUSTED = [
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
];

function inWords(error: Error & { code?: string }): Error {
  if (!UNTRUSTED.includes(error.code ?? '')) return error;
  const remedy = 'name the certificate of its authority in NODE_EXTRA_CA_CERTS and start the service again';
  return new Error(`${error.message}: ${remedy}`, { cause: error });
}
