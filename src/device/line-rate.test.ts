// The rate of a line by its address, wrapped or not.
import { expect, it } from 'vitest';
import { lineRate_Bps } from './line-rate.ts';

it.each([
  ['serial:///dev/ttyACM0?baud=921600', 92_160],
  ['serial:///dev/ttyACM0', 11_520],
  ['record+chaos+serial:///dev/ttyACM0?baud=1000000&faults=drop:1e-5&capture=a.mcap', 100_000],
  ['tcp://127.0.0.1:7700', null],
  ['replay:run.mcap', null],
  ['memory:', null],
])('of %s is %j bytes per second', (url, rate) => {
  expect(lineRate_Bps(url)).toBe(rate);
});
