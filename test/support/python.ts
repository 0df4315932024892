// A Python with NumPy, for the examples in Python. Debian's NumPy belongs to Debian's Python, which need not be the first one.
import { spawnSync } from 'node:child_process';

/** The interpreter; null where there is none, and tests that need it say so. */
export const pythonWithNumpy: string | null =
  ['python3', '/usr/bin/python3'].find((python) => spawnSync(python, ['-c', 'import numpy']).status === 0) ??
  null;

export const PYTHON_MISSING = 'python3 with NumPy is missing (apt-get install python3-numpy)';
