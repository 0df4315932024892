/* The twin's step as native code would do it: the same integers (firmware-sim/chip/kernel/coefficients.ts) and therefore the
 * same bits, AVX2, one thread. Reads a plan from IN, relaxes its replicas by STEPS coupled steps, block after block as the
 * kernel does, writes the final states [replica][unit] to OUT and prints the CPU seconds of the steps.
 * With -DUNWIDENED row sums stay in 32 bits: wrong where they overflow, and what a 32-bit kernel would cost.
 * Never used by the product; bench/twin/native.ts compiles it. */
#include <immintrin.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* BLOCK: replicas advanced together, so that their codes stay in the first-level cache. */
enum { LANES = 16, BLOCK = 32, LOW = 12, RAIL = 1 << 28 };

typedef struct {
  int32_t units, replicas, exact_pairs, drop, grow;
  uint32_t seed_low, seed_high;
  int32_t reserved;
} Header;

static Header h;
static int32_t *j2, *j4, *coupling, *noise_multiplier;
static int64_t *constant;
static int16_t *table, *couplings;

static void *take(size_t bytes) {
  void *p = aligned_alloc(64, (bytes + 127) / 64 * 64);
  if (!p) exit(3);
  memset(p, 0, bytes);
  return p;
}

static void fill(FILE *in, void *to, size_t bytes) {
  if (fread(to, 1, bytes, in) != bytes) exit(4);
}

/* Philox4x32-10, 8 counters at once. */
static inline void philox(__m256i c[4]) {
  const __m256i m0 = _mm256_set1_epi32((int)0xd2511f53), m1 = _mm256_set1_epi32((int)0xcd9e8d57);
  uint32_t k0 = h.seed_low, k1 = h.seed_high;
  for (int round = 0; round < 10; round++) {
    __m256i ae = _mm256_mul_epu32(c[0], m0), ao = _mm256_mul_epu32(_mm256_srli_epi64(c[0], 32), m0);
    __m256i ce = _mm256_mul_epu32(c[2], m1), co = _mm256_mul_epu32(_mm256_srli_epi64(c[2], 32), m1);
    __m256i a_high = _mm256_blend_epi32(_mm256_srli_epi64(ae, 32), ao, 0xaa);
    __m256i a_low = _mm256_blend_epi32(ae, _mm256_slli_epi64(ao, 32), 0xaa);
    __m256i c_high = _mm256_blend_epi32(_mm256_srli_epi64(ce, 32), co, 0xaa);
    __m256i c_low = _mm256_blend_epi32(ce, _mm256_slli_epi64(co, 32), 0xaa);
    c[0] = _mm256_xor_si256(_mm256_xor_si256(c_high, c[1]), _mm256_set1_epi32((int)k0));
    c[1] = c_low;
    c[2] = _mm256_xor_si256(_mm256_xor_si256(a_high, c[3]), _mm256_set1_epi32((int)k1));
    c[3] = a_low;
    k0 += 0x9e3779b9u;
    k1 += 0xbb67ae85u;
  }
}

static inline __m256i look_up(__m256i index) {
  int32_t k[8] __attribute__((aligned(32)));
  _mm256_store_si256((__m256i *)k, index);
  return _mm256_setr_epi32(table[k[0]], table[k[1]], table[k[2]], table[k[3]], table[k[4]], table[k[5]], table[k[6]], table[k[7]]);
}

/* Noise of 8 units x 8 replicas. */
static void draw(uint32_t sample, int octet, uint32_t step, __m256i out[8]) {
  __m256i c[4] = {_mm256_add_epi32(_mm256_set1_epi32((int)sample), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)),
                  _mm256_set1_epi32(octet), _mm256_set1_epi32((int)step), _mm256_setzero_si256()};
  philox(c);
  for (int q = 0; q < 4; q++) {
    out[2 * q] = look_up(_mm256_and_si256(c[q], _mm256_set1_epi32(0xffff)));
    out[2 * q + 1] = look_up(_mm256_srli_epi32(c[q], 16));
  }
}

typedef struct { __m256i even, odd; } Wide;
static inline Wide times(__m256i a, __m256i m) {
  return (Wide){_mm256_mul_epi32(a, m), _mm256_mul_epi32(_mm256_srli_epi64(a, 32), m)};
}
static inline Wide plus(Wide a, Wide b) {
  return (Wide){_mm256_add_epi64(a.even, b.even), _mm256_add_epi64(a.odd, b.odd)};
}
static inline __m256i high(Wide a) { return _mm256_blend_epi32(_mm256_srli_epi64(a.even, 32), a.odd, 0xaa); }
static inline __m256i high_product(__m256i a, __m256i b) {
  Wide w = {_mm256_mul_epi32(a, b), _mm256_mul_epi32(_mm256_srli_epi64(a, 32), _mm256_srli_epi64(b, 32))};
  return high(w);
}
static inline __m256i clamp(__m256i x, int limit) {
  return _mm256_max_epi32(_mm256_min_epi32(x, _mm256_set1_epi32(limit)), _mm256_set1_epi32(-limit));
}

static inline __m256i step_unit(int i, __m256i x, __m256i s, __m256i g) {
  __m256i xs = _mm256_slli_epi32(x, 2);
  __m256i x2 = high_product(xs, xs);
  __m256i x3 = _mm256_slli_epi32(high_product(_mm256_slli_epi32(x2, 2), xs), 2);
  Wide sum = {_mm256_set1_epi64x(constant[i]), _mm256_set1_epi64x(constant[i])};
  sum = plus(sum, times(xs, _mm256_set1_epi32(j2[i])));
  sum = plus(sum, times(x3, _mm256_set1_epi32(j4[i])));
  sum = plus(sum, times(_mm256_slli_epi32(g, 15), _mm256_set1_epi32(noise_multiplier[i])));
  sum = plus(sum, times(s, _mm256_set1_epi32(coupling[i])));
  return clamp(_mm256_add_epi32(x, high(sum)), RAIL);
}

/* Row sums of 4 rows x 16 replicas, exact (a low and a high word per sum) or in 32 bits. */
typedef struct { __m256i low[8], top[8]; } Sums;

static inline void add_block(Sums *s, const __m256i p[8]) {
  for (int k = 0; k < 8; k++) {
#ifdef UNWIDENED
    s->low[k] = p[k];
#else
    s->low[k] = _mm256_add_epi32(s->low[k], _mm256_and_si256(p[k], _mm256_set1_epi32((1 << LOW) - 1)));
    s->top[k] = _mm256_add_epi32(s->top[k], _mm256_srai_epi32(p[k], LOW));
#endif
  }
}

/* Scaled to the multiplier's input: shifted left, or right and rounded. */
static inline __m256i input_of(const Sums *s, int k) {
  __m256i half = _mm256_set1_epi32((1 << h.drop) >> 1);
  __m256i low = _mm256_sra_epi32(_mm256_add_epi32(s->low[k], half), _mm_cvtsi32_si128(h.drop));
  low = _mm256_sll_epi32(low, _mm_cvtsi32_si128(h.grow));
#ifdef UNWIDENED
  return low;
#else
  return _mm256_add_epi32(low, _mm256_sll_epi32(s->top[k], _mm_cvtsi32_si128(LOW - h.drop + h.grow)));
#endif
}

static void row_sums(const int16_t *j, const int16_t *codes, int pairs, Sums *sums) {
#ifdef UNWIDENED
  const int exact_pairs = pairs;
#else
  const int exact_pairs = h.exact_pairs;
#endif
  for (int k = 0; k < 8; k++) sums->low[k] = sums->top[k] = _mm256_setzero_si256();
  while (pairs > 0) {
    int now = pairs < exact_pairs ? pairs : exact_pairs;
    pairs -= now;
    __m256i p0 = _mm256_setzero_si256(), p1 = p0, p2 = p0, p3 = p0, p4 = p0, p5 = p0, p6 = p0, p7 = p0;
    for (; now > 0; now--, j += 8, codes += 2 * LANES) {
      __m256i a = _mm256_load_si256((const __m256i *)codes), b = _mm256_load_si256((const __m256i *)codes + 1), w;
      const int32_t *row = (const int32_t *)j;
      w = _mm256_set1_epi32(row[0]);
      p0 = _mm256_add_epi32(p0, _mm256_madd_epi16(w, a));
      p1 = _mm256_add_epi32(p1, _mm256_madd_epi16(w, b));
      w = _mm256_set1_epi32(row[1]);
      p2 = _mm256_add_epi32(p2, _mm256_madd_epi16(w, a));
      p3 = _mm256_add_epi32(p3, _mm256_madd_epi16(w, b));
      w = _mm256_set1_epi32(row[2]);
      p4 = _mm256_add_epi32(p4, _mm256_madd_epi16(w, a));
      p5 = _mm256_add_epi32(p5, _mm256_madd_epi16(w, b));
      w = _mm256_set1_epi32(row[3]);
      p6 = _mm256_add_epi32(p6, _mm256_madd_epi16(w, a));
      p7 = _mm256_add_epi32(p7, _mm256_madd_epi16(w, b));
    }
    const __m256i p[8] = {p0, p1, p2, p3, p4, p5, p6, p7};
    add_block(sums, p);
  }
}

static inline __m256i code_of(__m256i x) {
  return clamp(_mm256_srai_epi32(_mm256_add_epi32(x, _mm256_set1_epi32(1 << 14)), 15), 8191);
}

/* One step of BLOCK replicas from `sample` on. state: [group][unit][16]; codes: [group][pair][16][2]. */
static void step(uint32_t sample, int32_t *state, const int16_t *codes, int16_t *next, uint32_t index) {
  int units = h.units;
  for (int octet = 0; octet * 8 < units; octet++) {
    for (int group = 0; group < BLOCK / LANES; group++) {
      Sums sums;
      __m256i noise[2][8], x[8];
      draw(sample + group * LANES, octet, index, noise[0]);
      draw(sample + group * LANES + 8, octet, index, noise[1]);
      const int16_t *mine = codes + (size_t)group * units * LANES;
      for (int tile = octet * 8; tile < units && tile < octet * 8 + 8; tile += 4) {
        row_sums(couplings + (size_t)tile * units, mine, units / 2, &sums);
        for (int row = 0; row < 4; row++) {
          int32_t *at = state + ((size_t)group * units + tile + row) * LANES;
          for (int side = 0; side < 2; side++) {
            __m256i old = _mm256_load_si256((__m256i *)at + side);
            x[2 * row + side] = step_unit(tile + row, old, input_of(&sums, 2 * row + side), noise[side][(tile & 7) + row]);
            _mm256_store_si256((__m256i *)at + side, x[2 * row + side]);
          }
        }
        for (int pair = 0; pair < 2; pair++) {
          __m256i *to = (__m256i *)(next + (size_t)group * units * LANES + (size_t)(tile / 2 + pair) * 2 * LANES);
          for (int side = 0; side < 2; side++) {
            __m256i even = _mm256_and_si256(code_of(x[4 * pair + side]), _mm256_set1_epi32(0xffff));
            _mm256_store_si256(to + side, _mm256_or_si256(even, _mm256_slli_epi32(code_of(x[4 * pair + 2 + side]), 16)));
          }
        }
      }
    }
  }
}

static double cpu_seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  FILE *in = fopen(argv[1], "rb");
  if (!in) return 2;
  fill(in, &h, sizeof h);
  size_t n = h.units, r = h.replicas;
  if (n % 4 != 0 || r % BLOCK != 0) return 2;
  constant = take(n * 8), j2 = take(n * 4), j4 = take(n * 4), coupling = take(n * 4), noise_multiplier = take(n * 4);
  table = take(65536 * 2 + 2), couplings = take(n * n * 2);
  fill(in, constant, n * 8), fill(in, j2, n * 4), fill(in, j4, n * 4), fill(in, coupling, n * 4);
  fill(in, noise_multiplier, n * 4), fill(in, table, 65536 * 2), fill(in, couplings, n * n * 2);
  fclose(in);
  int32_t *final = take(n * r * 4), *state = take(n * BLOCK * 4);
  int16_t *codes = take(n * BLOCK * 2), *next = take(n * BLOCK * 2);
  int steps = atoi(argv[3]);
  double start = cpu_seconds();
  for (size_t first = 0; first < r; first += BLOCK) {
    memset(state, 0, n * BLOCK * 4), memset(codes, 0, n * BLOCK * 2);
    for (int k = 0; k < steps; k++) {
      step((uint32_t)first, state, codes, next, (uint32_t)k);
      int16_t *swap = codes;
      codes = next;
      next = swap;
    }
    for (size_t k = 0; k < BLOCK; k++)
      for (size_t i = 0; i < n; i++) final[(first + k) * n + i] = state[(k / LANES * n + i) * LANES + k % LANES];
  }
  printf("%.9f\n", cpu_seconds() - start);
  FILE *out = fopen(argv[2], "wb");
  if (!out || fwrite(final, 4, n * r, out) != n * r) return 5;
  return fclose(out);
}
