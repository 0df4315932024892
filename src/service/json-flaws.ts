// What can be wrong with JSON beside its grammar: nesting beyond reason (what is deep overflows the stack of whoever walks it
// later), and text that a database cannot hold.

/** Deeper than anything the API reads; free metadata may use it. */
export const JSON_DEPTH_MAX = 64;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const U = 0x75;

/** What is wrong with JSON before it is parsed; null when nothing is. It need not be JSON. */
export function flawOfJson(bytes: Uint8Array): 'too-deep' | 'nul' | 'lone-surrogate' | null {
  let depth = 0;
  let inText = false;
  for (let k = 0; k < bytes.length; k++) {
    const byte = bytes[k];
    if (inText) {
      if (byte === QUOTE) inText = false;
      else if (byte === BACKSLASH) {
        if (bytes[k + 1] !== U) k += 1;
        else {
          const unit = hex4(bytes, k + 2);
          if (unit === 0) return 'nul';
          if (unit >= 0xdc00 && unit <= 0xdfff) return 'lone-surrogate';
          if (unit >= 0xd800 && unit <= 0xdbff) {
            if (!isLowSurrogate(bytes, k + 6)) return 'lone-surrogate';
            k += 6;
          }
          k += 5;
        }
      }
    } else if (byte === QUOTE) inText = true;
    else if (byte === 0x5b || byte === 0x7b) {
      depth += 1;
      if (depth > JSON_DEPTH_MAX) return 'too-deep';
    } else if (byte === 0x5d || byte === 0x7d) depth -= 1;
  }
  return null;
}

/** Whether a parsed value is nested deeper than JSON_DEPTH_MAX; walks without recursion. */
export function isTooDeep(value: unknown): boolean {
  let level = [value];
  for (let depth = 0; depth <= JSON_DEPTH_MAX; depth++) {
    level = level.flatMap((item) =>
      typeof item === 'object' && item !== null ? (Object.values(item) as unknown[]) : [],
    );
    if (level.length === 0) return false;
  }
  return true;
}

/** Text without U+0000 and without halves of surrogate pairs. */
export function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}

function hex4(bytes: Uint8Array, at: number): number {
  const text = String.fromCharCode(...bytes.subarray(at, at + 4));
  return /^[0-9a-fA-F]{4}$/.test(text) ? Number.parseInt(text, 16) : -1;
}

function isLowSurrogate(bytes: Uint8Array, at: number): boolean {
  if (bytes[at] !== BACKSLASH || bytes[at + 1] !== U) return false;
  const unit = hex4(bytes, at + 2);
  return unit >= 0xdc00 && unit <= 0xdfff;
}
