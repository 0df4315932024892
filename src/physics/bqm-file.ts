// Binary quadratic models as JSON, in two forms: the plain one (vartype, linear, quadratic, offset) and what dimod's
// to_serializable() writes (bqm_schema 3.0.0). Reads both into one list of variables; spin-model.ts makes units of them.
import { PhysicsError } from './errors.ts';

/** E(v) = offset + sum linear_i v_i + sum over pairs value v_i v_j, with v = -1, 1 (SPIN) or 0, 1 (BINARY). */
export interface Bqm {
  vartype: 'SPIN' | 'BINARY';
  /** Labels, in the order of the units. */
  variables: (string | number)[];
  linear: Float64Array;
  /** Each pair once, i != j. */
  pairs: { i: number; j: number; value: number }[];
  offset: number;
}

type Body = Record<string, unknown>;
/** A pair as it is read: labels or indices, and its place. */
type Entry = readonly [u: unknown, v: unknown, value: unknown, pointer: string];

const PLAIN = ['vartype', 'linear', 'quadratic', 'offset'];
const SERIALISED = [
  'type',
  'version',
  'use_bytes',
  'index_type',
  'bias_type',
  'num_variables',
  'num_interactions',
  'variable_labels',
  'variable_type',
  'offset',
  'info',
  'linear_biases',
  'quadratic_biases',
  'quadratic_head',
  'quadratic_tail',
];

/**
 * Reads either form; the serialised one has a member `linear_biases`.
 * Plain: `linear` is an object of numbers by label and names every variable; `quadratic` lists [u, v, value], or is an
 * object of objects, {u: {v: value}}. The order of the units is that of `linear` as JavaScript keeps it: whole numbers
 * first, ascending, then the others as written.
 * @throws {PhysicsError} bad-bqm, not-finite, nonzero-diagonal, wrong-shape
 */
export function readBqm(body: Body, unitsMax: number): Bqm {
  const serialised = 'linear_biases' in body;
  const known = serialised ? SERIALISED : PLAIN;
  const unknown = Object.keys(body).find((key) => !known.includes(key));
  if (unknown !== undefined)
    throw bad(`unknown member ${quote(unknown)}`, `/${escape(unknown)}`, known.join(', '));
  return serialised ? readSerialised(body, unitsMax) : readPlain(body, unitsMax);
}

function readPlain(body: Body, unitsMax: number): Bqm {
  const { linear, quadratic = [] } = body;
  if (!isObject(linear)) throw bad('linear is not an object', '/linear', '{"a": -1, "b": 0.5}');
  const variables = Object.keys(linear);
  checkCount(variables.length, unitsMax, '/linear');
  const places = new Map(variables.map((label, i) => [label, i]));
  const index = (label: unknown, pointer: string): number => {
    const isLabel = typeof label === 'string' || typeof label === 'number';
    const place = isLabel ? places.get(String(label)) : undefined;
    if (place !== undefined) return place;
    throw bad(
      `unknown variable ${quote(label)}`,
      pointer,
      'a variable that linear names (0 if it has no bias)',
    );
  };
  return {
    vartype: readVartype(body['vartype'], '/vartype'),
    variables,
    linear: Float64Array.from(variables, (label) => readNumber(linear[label], `/linear/${escape(label)}`)),
    pairs: readPairs(plainEntries(quadratic), variables.length, index),
    offset: readNumber(body['offset'] ?? 0, '/offset'),
  };
}

function* plainEntries(quadratic: unknown): Generator<Entry> {
  if (Array.isArray(quadratic)) {
    for (const [k, entry] of quadratic.entries()) {
      if (!Array.isArray(entry) || entry.length !== 3)
        throw bad('an interaction is not a list of three', `/quadratic/${k}`, '["a", "b", 0.5]');
      yield [entry[0], entry[1], entry[2], `/quadratic/${k}`];
    }
    return;
  }
  if (!isObject(quadratic))
    throw bad('quadratic is no list', '/quadratic', '[["a", "b", 0.5]], or {"a": {"b": 0.5}}');
  for (const [u, row] of Object.entries(quadratic)) {
    const at = `/quadratic/${escape(u)}`;
    if (!isObject(row)) throw bad(`the interactions of ${quote(u)} are not an object`, at, '{"b": 0.5}');
    for (const [v, value] of Object.entries(row)) yield [u, v, value, `${at}/${escape(v)}`];
  }
}

function readSerialised(body: Body, unitsMax: number): Bqm {
  if (body['use_bytes'] === true)
    throw bad('use_bytes is true', '/use_bytes', 'numbers: to_serializable(use_bytes=False)');
  const linear = readList(body, 'linear_biases');
  const units = linear.length;
  checkCount(units, unitsMax, '/linear_biases');
  const lists = ['quadratic_head', 'quadratic_tail', 'quadratic_biases'].map((name) => readList(body, name));
  const [heads, tails, biases] = lists;
  if (heads.length !== biases.length || tails.length !== biases.length)
    throw bad('head, tail and biases differ in length', '/quadratic_biases', 'three lists of one length');
  checkStated(body, 'num_variables', units);
  checkStated(body, 'num_interactions', biases.length);
  const index = (value: unknown, pointer: string): number => {
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < units) return value;
    throw bad(`unknown variable ${quote(value)}`, pointer, `the index of a variable, 0 to ${units - 1}`);
  };
  const entries = biases.map((value, k): Entry => [heads[k], tails[k], value, `/quadratic_biases/${k}`]);
  return {
    vartype: readVartype(body['variable_type'], '/variable_type'),
    variables: readLabels(body['variable_labels'], units),
    linear: Float64Array.from(linear, (value, i) => readNumber(value, `/linear_biases/${i}`)),
    pairs: readPairs(entries, units, index),
    offset: readNumber(body['offset'] ?? 0, '/offset'),
  };
}

function readPairs(
  entries: Iterable<Entry>,
  units: number,
  index: (label: unknown, pointer: string) => number,
): Bqm['pairs'] {
  const seen = new Set<number>();
  const pairs: Bqm['pairs'] = [];
  for (const [u, v, bias, pointer] of entries) {
    const [i, j] = [index(u, pointer), index(v, pointer)];
    if (i === j)
      throw new PhysicsError('nonzero-diagonal', `${quote(u)} interacts with itself`, {
        pointer,
        allowed: 'two different variables; v v is 1 for SPIN (offset) and v for BINARY (linear)',
      });
    const key = Math.min(i, j) * units + Math.max(i, j);
    if (seen.has(key))
      throw bad(`${quote(u)} and ${quote(v)} interact twice`, pointer, 'each pair once, in either order');
    seen.add(key);
    pairs.push({ i, j, value: readNumber(bias, pointer) });
  }
  return pairs;
}

function readVartype(value: unknown, pointer: string): Bqm['vartype'] {
  if (value === 'SPIN' || value === 'BINARY') return value;
  throw bad(`the type of the variables is ${quote(value)}`, pointer, 'SPIN or BINARY');
}

function readLabels(value: unknown, units: number): (string | number)[] {
  if (value === undefined) return Array.from({ length: units }, (_, i) => i);
  const isLabel = (label: unknown): boolean => typeof label === 'string' || typeof label === 'number';
  if (!Array.isArray(value) || value.length !== units || !value.every(isLabel))
    throw bad('variable_labels do not fit', '/variable_labels', `${units} texts or numbers`);
  if (new Set(value).size !== units) throw bad('a label stands twice', '/variable_labels', 'each label once');
  return value as (string | number)[];
}

function readList(body: Body, name: string): unknown[] {
  const value = body[name];
  if (Array.isArray(value)) return value;
  throw bad(`${name} is not a list`, `/${name}`, 'a list of numbers');
}

function checkStated(body: Body, name: string, count: number): void {
  const stated = body[name];
  if (stated === undefined || stated === count) return;
  throw bad(`${name} is ${quote(stated)}, but ${count} are there`, `/${name}`, `${count}`);
}

function checkCount(count: number, unitsMax: number, pointer: string): void {
  if (count >= 1 && count <= unitsMax) return;
  throw new PhysicsError('wrong-shape', `a model of ${count} variables is not supported`, {
    pointer,
    allowed: { min: 1, max: unitsMax },
  });
}

// JSON has no NaN; null and 1e999 stand for what is not finite.
function readNumber(value: unknown, pointer: string): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (value === null || typeof value === 'number')
    throw new PhysicsError('not-finite', `${pointer} is ${value}`, { pointer, allowed: 'finite numbers' });
  throw bad(`${pointer} is ${quote(value)}, not a number`, pointer, 'a finite number');
}

function isObject(value: unknown): value is Body {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function escape(name: string): string {
  return name.slice(0, 60).replaceAll('~', '~0').replaceAll('/', '~1');
}

function quote(value: unknown): string {
  return String(JSON.stringify(value)).slice(0, 60);
}

function bad(message: string, pointer: string, allowed: string): PhysicsError {
  return new PhysicsError('bad-bqm', `cannot read the binary quadratic model: ${message}`, {
    pointer,
    allowed,
  });
}
