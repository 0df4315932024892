// One request from a seed: an operation of the document, mostly as it should be and then damaged in one place or in none,
// with the key of a role, another key, a broken one or none.
import type { Contract, Operation, Parameter } from './contract.ts';
import type { Dice } from './dice.ts';
import { fileBody } from './files.ts';
import { Fitting, hostileText, hostileValue, mutated, toJsonText } from './values.ts';

export interface Wire {
  method: string;
  /** With the query. */
  path: string;
  headers: Record<string, string>;
  body: Buffer | null;
  /** Null where no operation of the document is meant. */
  operation: Operation | null;
  /** Name of the key in the header, for people. */
  as: string;
}

export interface FuzzKey {
  name: string;
  token: string;
}

/** Ids that the service gave, by the path of their collection. */
export class Pools {
  readonly #ids = new Map<string, string[]>();
  add(collection: string, id: string): void {
    const list = this.#ids.get(collection) ?? [];
    this.#ids.set(collection, list);
    if (list.length < 500) list.push(id);
    else list[id.length % 500] = id;
  }
  of(collection: string): readonly string[] {
    return this.#ids.get(collection) ?? [];
  }
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND'];
const CONTENT_TYPES = [
  'text/plain',
  'application/xml',
  'multipart/form-data',
  'multipart/form-data; boundary=x',
  'application/x-www-form-urlencoded',
  'application/json; charset=utf-16',
  'application/json; charset=',
  'application/json;;;',
  'application/',
  'APPLICATION/JSON',
  'application/x-npz',
  'application/x-safetensors',
  'application/x-bqm+json',
  'application/x-linear-system+npz',
  'x'.repeat(3000),
];
const PREFERENCES = ['wait=0', 'wait=1', 'wait=-1', 'wait=1e9', 'wait=0, wait=0', 'respond-async', ''];
const RANGES = ['bytes=0-0', 'bytes=-1', 'bytes=5-2', 'bytes=0-1,3-4', 'bytes=99999999999-', 'bytes=', 'x=1'];
const ACCEPTS = [
  'application/json',
  'text/html',
  'application/x-npy',
  'application/x-npz',
  'text/csv',
  'nonsense',
  '*/*;q=0',
];

export class RequestMaker {
  readonly #contract: Contract;
  readonly #pools: Pools;
  readonly #fitting: Fitting;

  constructor(contract: Contract, pools: Pools) {
    this.#contract = contract;
    this.#pools = pools;
    this.#fitting = new Fitting(contract, (name, dice, at) => this.#meaning(name, dice, at));
  }

  make(dice: Dice, keys: readonly FuzzKey[]): Wire {
    const operation = this.#operation(dice);
    const damage = dice.chance(0.35)
      ? 'none'
      : dice.pick(['body', 'body', 'bytes', 'type', 'query', 'path', 'header', 'method', 'key']);
    const { token, name } = this.#key(dice, keys, damage === 'key');
    const headers: Record<string, string> = {
      ...(token !== null && { authorization: token }),
      ...this.#headers(operation, dice, damage === 'header'),
    };
    const body = this.#body(operation, dice, damage, headers);
    const path = this.#path(operation, dice, damage);
    const method = damage === 'method' ? dice.pick(METHODS) : operation.method;
    const isMeant = method === operation.method && damage !== 'path';
    return { method, path, headers, body, operation: isMeant ? operation : null, as: name };
  }

  /** Any; what takes the device away from all others, or takes it long, comes less often, or nothing else would be seen. */
  #operation(dice: Dice): Operation {
    const operation = dice.pick(this.#contract.operations);
    const isRare =
      operation.method !== 'GET' && /\/(safe-stop|state|leases|calibrations)$/.test(operation.path);
    return isRare && dice.chance(0.8) ? dice.pick(this.#contract.operations) : operation;
  }

  /** An operation as it should be. */
  whole(operation: Operation, dice: Dice, { token, name }: FuzzKey): Wire {
    const headers: Record<string, string> = { authorization: `Bearer ${token}` };
    const body = this.#body(operation, dice, 'none', headers);
    return {
      method: operation.method,
      path: this.#path(operation, dice, 'none'),
      headers,
      body,
      operation,
      as: name,
    };
  }

  #key(dice: Dice, keys: readonly FuzzKey[], broken: boolean): { token: string | null; name: string } {
    if (!broken) {
      // The administrator gets furthest; the others show what is refused.
      const { token, name } = dice.chance(0.6) ? keys[0] : dice.pick(keys);
      return { token: `Bearer ${token}`, name };
    }
    const { token, name } = dice.pick(keys);
    const tokens = [
      null,
      null,
      '',
      'Bearer',
      'Bearer tlk_',
      `Basic ${Buffer.from('a:b').toString('base64')}`,
      `Bearer ${token.slice(0, -1)}`,
      `Bearer ${token}x`,
      `Bearer ${token.slice(0, -2)}!!`,
      token,
      `Bearer tlk_${'A'.repeat(26)}_${'A'.repeat(43)}`,
      `Bearer ${'x'.repeat(5000)}`,
    ];
    return { token: dice.pick(tokens), name: `not quite ${name}` };
  }

  #headers(operation: Operation, dice: Dice, damaged: boolean): Record<string, string> {
    const headers: Record<string, string> = {};
    const named = operation.parameters.filter((parameter) => parameter.in === 'header');
    for (const { name, required } of named)
      if (required === true || dice.chance(name.toLowerCase() === 'if-match' ? 0.85 : 0.4))
        headers[name.toLowerCase()] = this.#header(name.toLowerCase(), dice, damaged);
    if (named.every(({ name }) => name.toLowerCase() !== 'if-match') && dice.chance(0.05))
      headers['if-match'] = '*';
    if (dice.chance(0.15)) headers['accept'] = dice.pick(ACCEPTS);
    if (dice.chance(0.05)) headers['range'] = dice.pick(RANGES);
    if (dice.chance(0.05)) headers['if-none-match'] = dice.pick(['*', '""', 'W/"a"', '"a", "b"', '"', 'x']);
    if (!damaged) return headers;
    const extra = dice.pick([
      'x-correlation-id',
      'content-encoding',
      'expect',
      'origin',
      'x-forwarded-for',
      'te',
      'cookie',
      'x-many',
    ]);
    headers[extra] = printable(
      extra === 'content-encoding' ? dice.pick(['gzip', 'br', 'identity', 'x']) : hostileText(dice),
    );
    if (extra === 'expect') headers[extra] = '200-maybe';
    return headers;
  }

  #header(name: string, dice: Dice, damaged: boolean): string {
    if (damaged && dice.chance(0.5)) return printable(hostileText(dice));
    if (name === 'prefer') return dice.pick(PREFERENCES);
    if (name === 'if-match') return dice.pick(['*', '*', '"stale"', 'W/"x"', '']);
    if (name === 'range') return dice.pick(RANGES);
    if (name === 'idempotency-key') return `fuzz-${dice.below(2000)}`;
    return printable(hostileText(dice));
  }

  #body(operation: Operation, dice: Dice, damage: string, headers: Record<string, string>): Buffer | null {
    if (operation.body === null) {
      if (damage !== 'body' && damage !== 'type') return null;
      headers['content-type'] = damage === 'type' ? dice.pick(CONTENT_TYPES) : 'application/json';
      return Buffer.from(toJsonText(hostileValue(dice)));
    }
    const type = dice.chance(0.6) ? 'application/json' : dice.pick(Object.keys(operation.body));
    const file = fileBody(type, damage === 'body' || damage === 'bytes', dice);
    const { schema } = operation.body[type] ?? Object.values(operation.body)[0];
    headers['content-type'] = damage === 'type' ? dice.pick(CONTENT_TYPES) : type;
    if (file !== null) return file;
    let value = this.#fitting.value(schema ?? {}, dice);
    const calibrations = this.#pools.of('/v1/calibrations');
    if (operation.path.endsWith('/calibration') && calibrations.length > 0 && dice.chance(0.7))
      value = { ...(value as object), id: dice.pick(calibrations) };
    if (damage === 'body') for (let k = 1 + dice.below(2); k > 0; k--) value = mutated(value, dice);
    const bytes = Buffer.from(toJsonText(value));
    return damage === 'bytes' ? damagedBytes(bytes, dice) : bytes;
  }

  #path(operation: Operation, dice: Dice, damage: string): string {
    const place = (parameter: Parameter): string => {
      const collection = operation.path.slice(0, operation.path.indexOf(`/{${parameter.name}}`));
      const own = this.#pools.of(collection);
      // A second id of the same kind, as in a comparison.
      const ids = own.length > 0 ? own : this.#pools.of(collection.replace(/\/\{.*$/, ''));
      if (ids.length > 0 && dice.chance(damage === 'path' ? 0.2 : 0.95)) return dice.pick(ids);
      return dice.pick([
        'nothing',
        '0',
        '01ARZ3NDEKTSV4RRFFQ69G5FAV',
        encode(hostileText(dice).slice(0, 300)),
      ]);
    };
    let path = operation.path.replace(/\{(\w+)\}/g, (_whole, name: string) =>
      place(operation.parameters.find((p) => p.name === name) ?? { name, in: 'path' }),
    );
    if (damage === 'path') path = damagedPath(path, dice);
    const query = operation.parameters
      .filter((parameter) => parameter.in === 'query')
      .flatMap((parameter) => this.#query(parameter, dice, damage === 'query'));
    if (damage === 'query')
      query.push(
        dice.pick([
          'x=1',
          '__proto__=1',
          'a[b]=1',
          '&&&',
          '=',
          '%',
          'limit=1&limit=2',
          '%00=1',
          '\ud83d\ude00',
        ]),
      );
    return query.length === 0 ? path : `${path}?${query.map(ascii).join('&')}`;
  }

  #query({ name, required, schema }: Parameter, dice: Dice, damaged: boolean): string[] {
    if (required !== true && !dice.chance(damaged ? 0.7 : 0.25)) return [];
    const value =
      damaged && dice.chance(0.6)
        ? hostileText(dice).slice(0, 2000)
        : this.#fitting.value(schema ?? {}, dice, { name, parent: '', depth: 0 });
    const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
    const one = `${encodeURIComponent(name)}=${encode(text)}`;
    return damaged && dice.chance(0.1) ? [one, one] : [one];
  }

  /** What reaches the handlers: things that exist, and work that takes no time. */
  #meaning(name: string, dice: Dice, at: { parent: string; type: string | undefined }): unknown {
    switch (name) {
      case 'model':
        return this.#pools.of('/v1/models').length > 0 ? dice.pick(this.#pools.of('/v1/models')) : undefined;
      case 'device':
        return at.type === 'string' ? 'chip-0' : undefined;
      case 'id':
        return at.parent === 'device' ? 'chip-0' : undefined;
      case 'backend':
        return 'twin';
      case 'ttl_s':
        return 1;
      case 'label':
        return 'a=b';
      case 'count':
        return 1 + dice.below(3);
      case 'duration_s':
      case 'prepare_s':
        return 2.5e-6;
      case 'readAt_s':
        return [2.5e-6];
      case 'step_s':
        return 1e-9;
      case 'noiseTemperature':
        return dice.pick([1, 1, 0.5]);
      case 'kind':
        return dice.chance(0.7) ? 'noise-temperature' : undefined;
      case 'couplings':
        return [
          [0, dice.below(1000) / 4096],
          [0, 0],
        ].map((row, k, all) => (k === 1 ? [all[0][1], 0] : row));
      case 'biases':
        return [0, dice.below(100) / 1000];
      case 'j2':
      case 'j4':
        return 1;
      case 'units':
        return 2;
      case 'noiseTemperature_E0':
        return 0.1;
      case 'url':
        return `https://192.0.2.1/hook/${dice.below(100)}`;
      case 'cidr':
        return [];
      case 'requestsPerMinute':
        return dice.pick([0, 100, null]);
      default:
        return undefined;
    }
  }
}

/** Text that a header may hold; the rest is for the raw requests. */
function printable(text: string): string {
  return text.replace(/[^\t\x20-\x7e\x80-\xff]/g, '?').slice(0, 4000);
}
function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}
function ascii(text: string): string {
  return text.replace(/[^\x21-\x7e]/g, (character) => encode(character));
}

function damagedPath(path: string, dice: Dice): string {
  const at = dice.below(path.length);
  const damages = [
    `${path}/`,
    `/${path}`,
    path.toUpperCase(),
    `${path}%`,
    `${path}%zz`,
    `${path}%c3%28`,
    `${path}/..%2f..%2fetc`,
    path.slice(0, at + 1),
    `${path.slice(0, at + 1)}%00${path.slice(at + 1)}`,
    `${path};a=b`,
    `${path}/${'a'.repeat(3000)}`,
    path.replaceAll('/', '//'),
    '/v1/',
    '/docs/..%2f..%2fpackage.json',
    '/docs/static/..%2f..%2f..%2fpackage.json',
  ];
  return dice.pick(damages);
}

function damagedBytes(bytes: Buffer, dice: Dice): Buffer {
  const at = dice.below(Math.max(1, bytes.length));
  switch (dice.below(8)) {
    case 0:
      return bytes.subarray(0, at);
    case 1: {
      const flipped = Buffer.from(bytes);
      if (flipped.length > 0) flipped[at] ^= 1 << dice.below(8);
      return flipped;
    }
    case 2:
      return Buffer.concat([
        bytes.subarray(0, at),
        Buffer.from([0xff, 0xfe, 0x00, 0xc3]),
        bytes.subarray(at),
      ]);
    case 3:
      return Buffer.from(bytes.toString('utf8'), 'utf16le');
    case 4:
      return Buffer.concat([Buffer.from('\ufeff'), bytes]);
    case 5:
      return Buffer.concat([bytes, bytes]);
    case 6:
      return Buffer.concat([bytes, Buffer.alloc(dice.pick([10, 70_000, 1_100_000]), 0x20)]);
    default:
      return Buffer.from(Array.from({ length: 200 }, () => dice.below(256)));
  }
}
