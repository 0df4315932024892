// Memory map of the kernel, read by AssemblyScript and by TypeScript alike: untyped integer constants, nothing else.
// Page 0 is AssemblyScript's own; nothing of ours lies below TABLE, so its static data can never meet ours.

/** Gaussian table: 65536 int16. */
export const TABLE = 65536;
/** Couplings of the active program: int16 [row tile of 4][column pair][row in tile][column in pair]. */
export const COUPLINGS = 196608;

/** Columns whose product sum is exact in i32: 128 * 2047 * 8191 < 2^31. */
export const EXACT_COLUMNS = 128;
/** Replicas per group (two vectors of four lanes). */
export const GROUP = 8;
/** Q27 state at the rails, |x| = 2. */
export const RAIL = 268435456;

// Words of a worker's parameter block, byte offsets.
export const P_UNITS_PADDED = 0;
export const P_GROUPS = 4;
export const P_FIRST_SAMPLE = 8;
export const P_STEP = 12;
export const P_PHASE_STEP = 16;
export const P_PHASE_STEPS = 20;
export const P_COUPLED = 24;
export const P_KEY_LOW = 28;
export const P_KEY_HIGH = 32;
export const P_COUPLING_MULTIPLIER = 36;
/** Right shift and left shift that bring a row sum to the multiplier's input; one of them is 0. */
export const P_COUPLING_DROP = 40;
export const P_COUPLING_GROW = 44;
export const P_BIAS_MULTIPLIER = 48;
export const P_FIELD_MULTIPLIER = 52;
export const P_FIELD_FROM = 56;
export const P_FIELD_TO = 60;
export const P_NOISE_MULTIPLIER = 64;
// Addresses.
export const P_J2 = 68;
export const P_J4 = 72;
export const P_BIAS = 76;
export const P_FIELD = 80;
export const P_STATE = 84;
export const P_CODES = 88;
export const P_CODES_NEXT = 92;
export const P_BYTES = 128;

// Scratch of a worker, behind its parameter block.
/** Philox words: 4 vectors. */
export const S_WORDS = 128;
/** Noise of 8 units x 8 replicas, i32. */
export const S_NOISE = 192;
/** Row sums of 4 units x 8 replicas: low 6 bits, then the rest, i32. */
export const S_LOW = 448;
export const S_HIGH = 576;
export const S_BYTES = 704;
