// The drift demonstration, as a user runs it: a twin and a service as processes, a coupling that moves through the control channel
// while jobs run, and what the service makes of it. What it takes is printed, and not judged: that is the bench's business.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import type { DriftStory } from '../../src/cli/demo/drift-story.ts';

const exec = promisify(execFile);
/** About 90 s on a machine without other work. */
const LIMIT = { timeout: 600_000 };
const report: string[] = [];
afterAll(() => void process.stdout.write(`${report.join('\n')}\n`));

describe('thermoloop demo drift', () => {
  it(
    'names the coupling that moved, calibrates, goes on, and says on which side each job lies',
    LIMIT,
    async () => {
      const words = ['bin/thermoloop.js', 'demo', 'drift', '--json', '--share', '0.25'];
      const { stdout } = await exec(process.execPath, words);
      const story = JSON.parse(stdout) as DriftStory;
      report.push(
        `coupling 3-7 named ${story.named_within_s.toFixed(1)} s after it moved, z = ${story.z.toFixed(1)}, with ` +
          `${(100 * story.sentinel_share).toFixed(1)} % of the device's time; ${JSON.stringify(story.sides)}`,
      );
      expect(story.element).toBe('3-7');
      expect(Math.abs(story.value_ratio - 0.05)).toBeLessThan(4 * story.stderr_ratio);
      expect(Math.abs(story.z)).toBeGreaterThan(5);
      expect(Date.parse(story.lastGood)).toBeLessThan(Date.parse(story.alarm));
      expect(story.calibration).not.toBeNull();
      expect(story.held).toBeGreaterThan(0);
      const { before, uncertain, after, none } = story.sides;
      expect(before).toBeGreaterThan(0);
      expect(uncertain).toBeGreaterThan(0);
      expect(none).toBeGreaterThan(0);
      expect(before + uncertain + after + none).toBe(story.jobs);
      expect(story.sentinel_share).toBeLessThan(0.26);
    },
  );
});
