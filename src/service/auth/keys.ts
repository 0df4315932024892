// Keys: `tlk_<id>_<secret>`. Only SHA-256 of the 256-bit secret is kept, and compared in constant time.
import { createHash, timingSafeEqual } from 'node:crypto';

const PREFIX = 'tlk';
const TICKET_PATTERN = /^tlt_([0-9A-Za-z_-]{43})$/;
const SECRET_BYTES = 32;
const PATTERN = /^tlk_([0-9A-Za-z-]{1,64})_([0-9A-Za-z_-]{43})$/;

export interface MintedKey {
  /** What the client sends; shown once. */
  token: string;
  secretSha256: string;
}

/** @param randomBytes a source of unpredictable bytes */
export function mintKey(id: string, randomBytes: (count: number) => Uint8Array): MintedKey {
  const secret = Buffer.from(randomBytes(SECRET_BYTES)).toString('base64url');
  return { token: `${PREFIX}_${id}_${secret}`, secretSha256: sha256(secret) };
}

/** A ticket for one socket: `tlt_<secret>`. */
export function mintTicket(randomBytes: (count: number) => Uint8Array): MintedKey {
  const secret = Buffer.from(randomBytes(SECRET_BYTES)).toString('base64url');
  return { token: `tlt_${secret}`, secretSha256: sha256(secret) };
}

/** What the store knows a ticket by; null when the text is no ticket. */
export function ticketSha256(text: unknown): string | null {
  const secret = typeof text === 'string' ? TICKET_PATTERN.exec(text)?.[1] : undefined;
  return secret === undefined ? null : sha256(secret);
}

/** Text without the secrets of keys and tickets, for logs. */
export function withoutSecrets(text: string): string {
  return text.replace(/(tlk_[0-9A-Za-z-]{1,64}_|tlt_)[\w-]+/g, '$1[redacted]');
}

/** The parts of an Authorization header, or null when it is not `Bearer tlk_...`. */
export function parseAuthorization(header: string | undefined): { id: string; secret: string } | null {
  const token = /^Bearer +(\S+)$/i.exec(header ?? '')?.[1] ?? '';
  const match = PATTERN.exec(token);
  return match === null ? null : { id: match[1], secret: match[2] };
}

export function secretMatches(secret: string, secretSha256: string): boolean {
  const given = Buffer.from(sha256(secret), 'hex');
  const kept = Buffer.from(secretSha256, 'hex');
  return given.length === kept.length && timingSafeEqual(given, kept);
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
