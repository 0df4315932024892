// Random messages of the schema, within the limits of link.options and with a taste for edges; and damage to their bytes
// that leaves them nearly protobuf.
import { usableBytes } from '../../src/link/messages/bounds.ts';
import { ENUM_VALUES, fitText, MESSAGES, type MessageName } from '../../src/link/messages/index.ts';
import type { FieldShape } from '../../src/link/messages/shape.ts';
import type { Draw } from './draw.ts';

type Plain = Record<string, unknown>;
const U32 = 2 ** 32;

/** Any value of a message that its encoder takes. `body`: which member of the union, or any. */
export function randomMessage(name: MessageName, draw: Draw, body?: string): Plain {
  const value: Plain = {};
  const bodies = MESSAGES[name].filter((field) => field.inBody);
  for (const field of MESSAGES[name]) {
    if (field.inBody) continue;
    if (field.repeated) {
      value[field.name] = Array.from({ length: draw.below((field.maxCount ?? 0) + 1) }, () =>
        one(field, draw),
      );
    } else if (!(field.optional || field.kind === 'message') || draw.below(2) === 0) {
      value[field.name] = one(field, draw);
    }
  }
  const chosen = body === undefined ? bodies[draw.below(bodies.length)] : bodies.find((f) => f.name === body);
  if (chosen !== undefined) value['body'] = { type: chosen.name, value: one(chosen, draw) };
  return value;
}

function one(field: FieldShape, draw: Draw): unknown {
  switch (field.kind) {
    case 'message':
      return randomMessage(field.of as MessageName, draw);
    case 'enum': {
      const values = ENUM_VALUES[field.of ?? ''];
      return values[draw.below(values.length)];
    }
    case 'bool':
      return draw.below(2) === 1;
    case 'uint32':
    case 'fixed32':
      return number(draw);
    case 'sint32':
      return number(draw) - U32 / 2;
    case 'uint64':
    case 'fixed64':
      return (BigInt(draw.below(2) === 0 ? 0 : number(draw)) << 32n) | BigInt(number(draw));
    case 'float':
      return Math.fround((draw.next32() - U32 / 2) * 2 ** (draw.below(60) - 60));
    case 'double':
      return (draw.next32() - U32 / 2) * 2 ** (draw.below(200) - 100);
    case 'bytes':
      return draw.bytes(size(usableBytes(field), draw));
    case 'string':
      return text(usableBytes(field), draw);
  }
}

/** 32 bits: often 0, 1, the largest, a power of two or its neighbour, or small. */
function number(draw: Draw): number {
  switch (draw.below(6)) {
    case 0:
      return 0;
    case 1:
      return U32 - 1;
    case 2:
      return draw.below(16);
    case 3:
      return 2 ** draw.below(32);
    case 4:
      return 2 ** draw.below(32) - 1;
    default:
      return draw.next32();
  }
}

function size(max: number, draw: Draw): number {
  return draw.below(3) === 0 ? max : draw.below(max + 1);
}

function text(max: number, draw: Draw): string {
  const letters = ['a', 'Z', ' ', '\u00b5', '\u20ac', '\u{1f525}', '\u007f'];
  const drawn = Array.from({ length: size(max, draw) }, () => letters[draw.below(letters.length)]).join('');
  // fitText knows the limits of fields; this only needs a cut at a character.
  let fitted = fitText('LogLine', 'text', drawn);
  while (Buffer.byteLength(fitted) > max) fitted = [...fitted].slice(0, -1).join('');
  return fitted;
}

/** Bytes of a message after a little damage: flips, cuts, doubled and foreign pieces, lengths and tags changed. */
export function mutated(bytes: Uint8Array, draw: Draw): Uint8Array {
  let out: Uint8Array = bytes.slice();
  for (let times = 1 + draw.below(3); times > 0; times -= 1) {
    const at = draw.below(out.length + 1);
    switch (draw.below(6)) {
      case 0:
        if (at < out.length) out[at] ^= 1 << draw.below(8);
        break;
      case 1:
        if (at < out.length) out[at] = draw.below(256);
        break;
      case 2:
        out = out.slice(0, at);
        break;
      case 3:
        out = joined(out.subarray(0, at), draw.bytes(1 + draw.below(12)), out.subarray(at));
        break;
      case 4:
        out = joined(out, out.subarray(at));
        break;
      default:
        out = joined(out.subarray(0, at), out.subarray(Math.min(out.length, at + 1 + draw.below(8))));
    }
  }
  return out.subarray(0, 4000);
}

function joined(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}
