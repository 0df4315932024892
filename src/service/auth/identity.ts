// Whose request it is: from an Authorization header, or a ticket where one is taken, to the identity of a key that may be
// used now and from there.
import { isStoreError, type KeyRow } from '../../store/index.ts';
import type { Identity, ServiceContext } from '../context.ts';
import { ProblemError } from '../problems/problem.ts';
import { parseAuthorization, secretMatches, ticketSha256 } from './keys.ts';
import { isInside } from './networks.ts';

/** Compared with when the id is unknown, so that an unknown id takes as long as a wrong secret. */
const NO_SECRET = '0'.repeat(64);

export interface Credentials {
  authorization: string | undefined;
  /** In place of a header that is missing, where the route takes one. */
  ticket?: unknown;
  /** Of the other side, as the socket has it. */
  address: string;
}

/** @throws {ProblemError} unauthenticated */
export async function identityOf(
  { authorization, ticket, address }: Credentials,
  context: Pick<ServiceContext, 'store' | 'clock'>,
): Promise<Identity> {
  const row =
    authorization === undefined && ticket !== undefined
      ? await keyOfTicket(ticket, context)
      : await keyOfHeader(authorization, context);
  const { id, role, limits, expiresAt_ms } = row;
  if (row.revokedAt_ms !== null) throw refuse('The key was revoked.');
  if (expiresAt_ms !== null && expiresAt_ms <= context.clock.wall_ms()) throw refuse('The key has expired.');
  if (limits.cidr.length > 0 && !isInside(address, limits.cidr))
    throw refuse('The key may not be used from this address.');
  // A full disk must not keep anybody from reading.
  await context.store.keys.touch(id).catch((error: unknown) => {
    if (!isStoreError(error, 'storage-full')) throw error;
  });
  return { keyId: id, role, scopes: new Set(row.scopes), limits, expiresAt_ms };
}

async function keyOfHeader(
  authorization: string | undefined,
  { store }: Pick<ServiceContext, 'store'>,
): Promise<KeyRow> {
  if (authorization === undefined) throw refuse('There is no Authorization header.');
  const given = parseAuthorization(authorization);
  if (given === null) throw refuse('The Authorization header is not Bearer tlk_<id>_<secret>.');
  const row = await store.keys.find(given.id);
  if (!secretMatches(given.secret, row?.secretSha256 ?? NO_SECRET) || row === null)
    throw refuse('The key is not known.');
  return row;
}

async function keyOfTicket(ticket: unknown, { store }: Pick<ServiceContext, 'store'>): Promise<KeyRow> {
  const digest = ticketSha256(ticket);
  const keyId = digest === null ? null : await store.tickets.take(digest);
  const row = keyId === null ? null : await store.keys.find(keyId);
  if (row === null) throw refuse('The ticket is not known, was used before, or is older than 30 s.');
  return row;
}

const refuse = (detail: string): ProblemError => new ProblemError('unauthenticated', detail);
