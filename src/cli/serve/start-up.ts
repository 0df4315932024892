// What a service needs before it can start: its log, its certificate, the first key, and words for a port that is taken.
import { randomBytes } from 'node:crypto';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { pino, type Logger } from 'pino';
import { systemClock } from '../../clock/clock.ts';
import { ensureBootstrapKey } from '../../service/index.ts';
import type { Store } from '../../store/index.ts';
import type { ServeConfig } from './config.ts';

/** A log that never shows a secret; standard error unless told. */
export function makeLog({ logLevel }: ServeConfig, logTo?: { write(line: string): void }): Logger {
  const paths = ['authorization', 'cookie', 'key', 'token', 'secret'].flatMap((name) => [
    name,
    `*.${name}`,
    `req.headers.${name}`,
    `headers.${name}`,
  ]);
  return pino(
    { level: logLevel, redact: { paths, censor: '[redacted]' }, base: { service: 'thermoloop' } },
    logTo ?? pino.destination({ dest: 2, sync: true }),
  );
}

export function readTls({ tlsCert, tlsKey }: ServeConfig): { cert: Buffer; key: Buffer } | undefined {
  if (tlsCert === null || tlsKey === null) return undefined;
  return { cert: readFileSync(tlsCert), key: readFileSync(tlsKey) };
}

/** Makes the first key where there is none. Returns it to be shown, or null when it went to the file or is not needed. */
export async function bootstrap(store: Store, { bootstrapKeyFile }: ServeConfig): Promise<string | null> {
  const token = await ensureBootstrapKey(store, systemClock.wall_ms(), (count) => randomBytes(count));
  if (token === null || bootstrapKeyFile === null) return token;
  writeFileSync(bootstrapKeyFile, `${token}\n`, { mode: 0o600 });
  chmodSync(bootstrapKeyFile, 0o600); // the mode above counts only for a file that was not there
  return null;
}

export function hostInUrl(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

/** The error itself, or one that says what to do about a port that is taken. */
export function addressInUse(error: unknown, config: ServeConfig): unknown {
  const { code, port } = error as { code?: string; port?: number };
  if (code !== 'EADDRINUSE') return error;
  const flag = port === config.metricsPort ? '--metrics-port' : '--port';
  return Object.assign(new Error(`port ${port} is taken`, { cause: error }), {
    code,
    remedy: `Stop the program that uses it, or choose another one with ${flag} (0 takes a free one).`,
  });
}
