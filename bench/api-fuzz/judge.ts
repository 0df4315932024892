// What an answer must be: no 5xx but documented ones, a problem document for every error, the documented schema for every
// other answer, and never a word about the inside.
import type { Contract, Operation } from './contract.ts';

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

export type FindingKind = '5xx' | 'leak' | 'contract' | 'dead';
export interface Finding {
  kind: FindingKind;
  what: string;
}

/** Errors of any request, whatever the operation: what is not well-formed has no operation yet. */
const ANYWHERE = new Set([400, 404, 405, 408, 413, 415, 429, 431]);
/** What a request that became another operation by its damage may be told; their codes are still looked at. */
const UNAVAILABLE = new Set([502, 503, 504, 507]);
/** Names of the inside: places in files, engines, and what programs say when they fail. */
const INSIDE =
  /node_modules|node:internal|\bat .{1,80}\.[cm]?[jt]s:\d+|\.ts:\d+:\d+|SQLITE_|better-sqlite3|kysely|ENOENT|RangeError|TypeError|Cannot read prop|is not a function|Maximum call stack/;

export class Judge {
  readonly #contract: Contract;
  readonly #secrets: readonly string[];
  /** @param secrets text that must never come back: keys, folders */
  constructor(contract: Contract, secrets: readonly string[]) {
    this.#contract = contract;
    this.#secrets = secrets;
  }

  /** @param operation null where the request has none, as another method or a broken one */
  judge(operation: Operation | null, method: string, sent: string, answer: Answer): Finding[] {
    return [...this.#leaks(sent, answer), ...this.#form(operation, method, answer)];
  }

  #leaks(sent: string, { body, headers }: Answer): Finding[] {
    const text = `${JSON.stringify(headers)}\n${body.subarray(0, 200_000).toString('latin1')}`;
    const inside = INSIDE.exec(text)?.[0];
    const secret = this.#secrets.find((one) => text.includes(one));
    return [
      // What the client sent may come back, as the name of something.
      ...(inside !== undefined && !sent.includes(inside)
        ? [{ kind: 'leak' as const, what: `the answer says "${inside}"` }]
        : []),
      ...(secret !== undefined ? [{ kind: 'leak' as const, what: 'the answer holds a secret' }] : []),
    ];
  }

  #form(operation: Operation | null, method: string, { status, headers, body }: Answer): Finding[] {
    const contract = (what: string): Finding[] => [{ kind: 'contract', what: `${status}: ${what}` }];
    const documented = operation?.responses[String(status)];
    if (status >= 500 && documented === undefined && (operation !== null || !UNAVAILABLE.has(status)))
      return [{ kind: '5xx', what: `status ${status}` }];
    if (status < 400 && operation === null) return [];
    if (operation !== null && documented === undefined && !ANYWHERE.has(status))
      return contract('the status is not documented for this operation');
    const type = String(headers['content-type'] ?? '').split(';')[0];
    if (method === 'HEAD') return body.length === 0 ? [] : contract('an answer to HEAD has a body');
    const media = documented?.content?.[type];
    if (status >= 400 && type === 'application/problem+json') return this.#problem(status, headers, body);
    if (status >= 400 && media === undefined) return contract(`an error is ${type}, not a problem document`);
    if (body.length === 0) return [];
    if (media === undefined) return operation === null ? [] : contract(`${type} is not documented`);
    if (!type.endsWith('json') || status === 206) return [];
    const value = parsed(body);
    if (value === undefined) return contract('the body is not JSON');
    const mismatch = operation === null ? null : this.#contract.mismatch(operation, status, media, value);
    return mismatch === null ? [] : contract(`the body does not match: ${mismatch}`);
  }

  #problem(status: number, headers: Answer['headers'], body: Buffer): Finding[] {
    const contract = (what: string): Finding[] => [{ kind: 'contract', what: `${status}: ${what}` }];
    const value = parsed(body) as Record<string, unknown> | undefined;
    if (value === undefined) return contract('the problem is not JSON');
    const mismatch = this.#contract.problemMismatch(value);
    if (mismatch !== null) return contract(`the problem does not match its schema: ${mismatch}`);
    const code = String(value['code']);
    if (code === 'internal-error') return [{ kind: '5xx', what: 'internal-error' }];
    if (!this.#contract.problemCodes.has(code)) return contract(`the code ${code} is not known`);
    if (value['status'] !== status) return contract('the status in the problem is another one');
    if (String(value['detail']).length > 5000) return contract('the detail is longer than 5,000 characters');
    if (status === 429 && headers['retry-after'] === undefined) return contract('there is no Retry-After');
    return [];
  }
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}
