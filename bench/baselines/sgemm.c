/* What a tuned float32 matrix product alone takes: (N x N) x (N x R), TIMES times. No noise, no update. Prints CPU seconds. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

extern void cblas_sgemm(int, int, int, int, int, int, float, const float *, int, const float *, int, float, float *, int);

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  int n = atoi(argv[1]), r = atoi(argv[2]), times = atoi(argv[3]);
  float *a = malloc(sizeof(float) * n * n), *b = malloc(sizeof(float) * n * r), *c = calloc((size_t)n * r, sizeof(float));
  if (!a || !b || !c) return 3;
  for (int k = 0; k < n * n; k++) a[k] = (float)(k % 17) * 0.01f;
  for (int k = 0; k < n * r; k++) b[k] = (float)(k % 13) * 0.01f;
  struct timespec t0, t1;
  cblas_sgemm(101, 111, 111, n, r, n, 1.0f, a, n, b, r, 0.0f, c, r);
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t0);
  for (int k = 0; k < times; k++) cblas_sgemm(101, 111, 111, n, r, n, 1.0f, a, n, b, r, 0.0f, c, r);
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t1);
  printf("%.9f\n", (double)(t1.tv_sec - t0.tv_sec) + 1e-9 * (double)(t1.tv_nsec - t0.tv_nsec));
  return 0;
}
