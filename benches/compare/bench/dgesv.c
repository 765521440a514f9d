/* LAPACK's dgesv on a random system, timed and checked as `picollect bench solve` does it:
 *   dgesv ORDER SECONDS
 * solves again until SECONDS have passed and prints the rate of the whole time and that of the solving
 * alone, in GFLOPS. Operations: 2/3 n^3 + 3/2 n^2. The threads are the library's own business
 * (OPENBLAS_NUM_THREADS). Exit code 1 if a solution is wrong. */
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

extern void dgesv_(const int *n, const int *nrhs, double *a, const int *lda, int *pivots, double *b,
                   const int *ldb, int *info);

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Numerical Recipes' 64-bit linear congruential generator; the upper bits, between -0.5 and 0.5. */
static void fill(double *values, size_t count) {
    uint64_t state = 42;
    for (size_t i = 0; i < count; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        values[i] = (double)(state >> 11) * 0x1p-53 - 0.5;
    }
}

/* HPL's scaled residual. `a` and `b` are made again: dgesv has overwritten them. */
static double residual(size_t n, double *a, const double *x, double *sums, double *rows) {
    fill(a, n * n + n);
    const double *b = a + n * n;
    double error = 0, norm_a = 0, norm_x = 0, norm_b = 0;
    for (size_t i = 0; i < n; i++) sums[i] = -b[i], rows[i] = 0;
    for (size_t j = 0; j < n; j++)
        for (size_t i = 0; i < n; i++) sums[i] += a[j * n + i] * x[j], rows[i] += fabs(a[j * n + i]);
    for (size_t i = 0; i < n; i++) {
        error = fmax(error, fabs(sums[i])), norm_a = fmax(norm_a, rows[i]);
        norm_x = fmax(norm_x, fabs(x[i])), norm_b = fmax(norm_b, fabs(b[i]));
    }
    return error / (DBL_EPSILON / 2 * (norm_a * norm_x + norm_b) * (double)n);
}

int main(int count, char **arguments) {
    int n = count == 3 ? atoi(arguments[1]) : 0, one = 1, info;
    if (n < 1) return fprintf(stderr, "usage: dgesv ORDER SECONDS\n"), 2;
    double seconds = atof(arguments[2]), order = n, solving = 0, end = 0, worst = 0;
    size_t size = (size_t)n;
    double *a = malloc((size * size + size) * sizeof *a), *x = malloc(3 * size * sizeof *x);
    int *pivots = malloc(size * sizeof *pivots), times = 0;
    if (!a || !x || !pivots) return fprintf(stderr, "out of memory\n"), 3;
    fill(a, size * size + size);
    double start = now();
    do {
        if (times > 0) fill(a, size * size + size);
        for (size_t i = 0; i < size; i++) x[i] = a[size * size + i];
        double began = now();
        dgesv_(&n, &one, a, &n, pivots, x, &n, &info);
        end = now();
        solving += end - began, times++;
        double scaled = residual(size, a, x, x + size, x + 2 * size);
        if (info != 0 || !(scaled < 16)) return printf("FAILED: residual %g\n", scaled), 1;
        worst = fmax(worst, scaled);
    } while (end - start < seconds);
    double flop = times * (2.0 / 3 * order * order * order + 1.5 * order * order);
    printf("dgesv N=%d solves=%d gflops=%.4f solving_gflops=%.4f residual=%.3e\n", n, times,
           flop / (end - start) / 1e9, flop / solving / 1e9, worst);
    return 0;
}
