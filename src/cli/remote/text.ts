// How answers look on a terminal: columns, and times as people say them.

/** Columns with a head; as wide as they need. */
export function columns(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((name, k) => Math.max(name.length, ...rows.map((row) => row[k].length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, k) => cell.padEnd(widths[k]))
      .join('  ')
      .trimEnd();
  return [head, ...rows].map(line).join('\n');
}

/** Names and values below each other; what is null is left out. */
export function facts(pairs: readonly (readonly [name: string, value: string | null])[]): string {
  const shown = pairs.filter(([, value]) => value !== null);
  const width = Math.max(...shown.map(([name]) => name.length));
  return shown.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
}

/** 12 s, 3 min 5 s, 2 h 10 min. */
export function spoken(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** 2026-11-24 22:40:01 UTC */
export const clockTime = (time: string): string => `${time.slice(0, 19).replace('T', ' ')} UTC`;
