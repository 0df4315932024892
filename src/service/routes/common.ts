// What several routes share: long polls, cursors, entity tags, who may see what.
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Identity, ServiceContext } from '../context.ts';
import type { RequestsUnderWay } from '../plugins/idempotency.ts';
import { ProblemError } from '../problems/problem.ts';
import { PAGE_LIMIT_MAX } from '../schemas/common.ts';

export type RouteContext = ServiceContext & { underWay: RequestsUnderWay };

/** The longest a request may wait for a change. */
export const WAIT_MAX_S = 60;

/** N of `Prefer: wait=N` (RFC 7240), at most WAIT_MAX_S; null without it. Other preferences are ignored, as the RFC says. */
export function preferredWait_s(request: FastifyRequest): number | null {
  const value = request.headers['prefer'];
  const match = /(?:^|[,;]\s*)wait=(\d{1,4})\s*(?:$|[,;])/.exec(typeof value === 'string' ? value : '');
  return match === null ? null : Math.min(Number(match[1]), WAIT_MAX_S);
}

/**
 * The long poll of a resource with a revision: with `Prefer: wait=N` the row at its next change, at once when it has
 * changed since If-None-Match. Then sets the tag; `isKnown` means that the client has this version already.
 */
export async function atNextChange<Row extends { id: string; revision: number }>(
  request: FastifyRequest,
  reply: FastifyReply,
  context: ServiceContext,
  row: Row,
  waitFor: (id: string, revision: number, wait_ms: number, signal: AbortSignal) => Promise<Row>,
): Promise<{ row: Row; isKnown: boolean }> {
  const tagOf = ({ id, revision }: Row): string => `${id}.${revision}`;
  const wait_s = preferredWait_s(request);
  const tags = tagsOf(request);
  const changed = tags.length > 0 && !tags.includes(tagOf(row));
  if (wait_s !== null) void reply.header('preference-applied', `wait=${wait_s}`);
  const latest =
    wait_s === null || changed
      ? row
      : await waitFor(row.id, row.revision, wait_s * 1000, untilGone(reply, context));
  return { row: latest, isKnown: isKnown(request, reply, tagOf(latest)) };
}

/** Aborts when the client goes away or the service closes. */
export function untilGone(reply: FastifyReply, context: ServiceContext): AbortSignal {
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort(new Error('the client went away')));
  return AbortSignal.any([gone.signal, context.closing]);
}

/** Sets the tag; true when the client has this version already. */
export function isKnown(request: FastifyRequest, reply: FastifyReply, tag: string): boolean {
  void reply.header('etag', `"${tag}"`);
  return tagsOf(request).includes(tag);
}

/**
 * For edits in which two people can collide: the request must say which version it means (If-Match).
 * @throws {ProblemError} precondition-required, precondition-failed
 */
export function requireMatch(request: FastifyRequest, tag: string): void {
  const header = request.headers['if-match'];
  if (header === undefined)
    throw new ProblemError('precondition-required', 'There is no If-Match header.', {
      currentEtag: `"${tag}"`,
    });
  // Strong comparison (RFC 9110, 13.1.1): a weak tag never matches.
  const tags = [...header.matchAll(/(W\/)?"([^"]*)"/g)].filter((match) => match[1] === undefined);
  if (header.trim() === '*' || tags.some((match) => match[2] === tag)) return;
  throw new ProblemError('precondition-failed', 'It was changed since the version that If-Match names.', {
    currentEtag: `"${tag}"`,
  });
}

/** The tags of If-None-Match, without quotes and weakness. */
export function tagsOf(request: FastifyRequest): string[] {
  const header = request.headers['if-none-match'] ?? '';
  return [...header.matchAll(/"([^"]*)"/g)].map((match) => match[1]);
}

export function encodeCursor(id: string): string {
  return Buffer.from(id).toString('base64url');
}

export function decodeCursor(cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined;
  const id = Buffer.from(cursor, 'base64url').toString('utf8');
  if (/^[\w:-]{1,100}$/.test(id) && encodeCursor(id) === cursor) return id;
  throw new ProblemError('validation-failed', 'The cursor is not one of this service.', {
    errors: [{ parameter: 'cursor', detail: 'not a cursor', allowed: 'nextCursor of the page before' }],
  });
}

/** How many rows to ask the store for: one more than `limit` tells whether there is another page. */
export function rowsFor(limit: number): number {
  return Math.min(limit + 1, PAGE_LIMIT_MAX);
}

/** A page of `rows`, which were asked for with rowsFor(limit). Sets Link: rel="next". */
export function pageFrom<Row, View>(
  request: FastifyRequest,
  reply: FastifyReply,
  rows: Row[],
  limit: number,
  of: { id(row: Row): string; view(row: Row): View },
): { items: View[]; nextCursor: string | null } {
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  const nextCursor = rows.length === rowsFor(limit) && last !== undefined ? encodeCursor(of.id(last)) : null;
  if (nextCursor !== null) {
    const [path, query = ''] = request.url.split('?');
    const next = new URLSearchParams(query);
    next.set('cursor', nextCursor);
    void reply.header('link', `<${path}?${next.toString()}>; rel="next"`);
  }
  return { items: page.map((row) => of.view(row)), nextCursor };
}

/** Own rows, or all with the scope. */
export function maySee(identity: Identity, row: { keyId: string | null }, scopeForAll: string): boolean {
  return row.keyId === identity.keyId || identity.scopes.has(scopeForAll);
}
