// For the test of threads: doubles numbers; negative ones are a defect, and 13 ends the thread.
import { serveThread } from '../../src/threads/index.ts';

serveThread((task: Float64Array) => {
  if (task[0] === 13) process.exit(0);
  if (task[0] < 0) throw new Error('a negative number');
  const value = task.map((x) => 2 * x);
  return { value, transfer: [value.buffer] };
});
