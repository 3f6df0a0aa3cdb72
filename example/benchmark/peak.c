/* How fast one thread multiplies and adds when nothing else is to be done: the ceiling of every kernel.

   `peak(rounds)` does rounds × ACCUMULATORS × 4 multiply-adds; `rounds` is a multiple of UNROLLED. Every accumulator is a
   chain of its own. There are enough of them to hide the latency of their operations (of one, or of a product and a sum),
   and few enough to stay in registers. Several rounds are one turn of the loop, because on some processors its counting
   takes a tenth of the units that multiply. */

typedef float f32x4 __attribute__((vector_size(16)));

#ifdef RELAXED_SIMD
#define ACCUMULATORS 10
#define UNROLLED 8
#else
#define ACCUMULATORS 12
#define UNROLLED 2
#endif

__attribute__((export_name("accumulators"))) int accumulators(void) { return ACCUMULATORS; }

/* Relaxed SIMD sums products, as a matrix product does. Without it the accumulator is the factor instead: a product of
   two constants would be computed once, before the loop. */
static inline f32x4 step(f32x4 sum, f32x4 a, f32x4 b) {
#ifdef RELAXED_SIMD
  return __builtin_wasm_relaxed_madd_f32x4(a, b, sum);
#else
  return sum * a + b;
#endif
}

__attribute__((export_name("peak"))) float peak(int rounds, float x, float y) {
  f32x4 a = {x, x, x, x}, b = {y, y, y, y};
  f32x4 sums[ACCUMULATORS];
  for (int i = 0; i < ACCUMULATORS; i++) sums[i] = (f32x4){i, i + 1, i + 2, i + 3};
#pragma clang loop unroll(disable)
  for (int round = 0; round < rounds; round += UNROLLED) {
#pragma clang loop unroll(full)
    for (int i = 0; i < UNROLLED * ACCUMULATORS; i++) sums[i % ACCUMULATORS] = step(sums[i % ACCUMULATORS], a, b);
  }
  f32x4 total = sums[0];
  for (int i = 1; i < ACCUMULATORS; i++) total += sums[i];
  return total[0] + total[1] + total[2] + total[3];
}
