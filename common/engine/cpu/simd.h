// Function multi-versioning for the backend's own loops.
#ifndef GRAFT_COMMON_ENGINE_CPU_SIMD_H_
#define GRAFT_COMMON_ENGINE_CPU_SIMD_H_

// GRAFT_SIMD compiles a function for the baseline, AVX2 and AVX-512; the loader picks. All give the
// same bits: these files are built without contraction into fused multiply-adds, and the compiler
// does not reorder floating-point sums. GRAFT_SIMD_SHORT is for loops over few elements, such as
// the channels of a pixel: without AVX-512, whose rest of a loop is up to 15 elements one by one.
// Sanitizers instrument the picking code before they have started: not for them.
#if defined(__x86_64__) && !defined(GRAFT_SANITIZED) && !defined(__clang__)
#define GRAFT_SIMD __attribute__((target_clones("avx512f", "avx2", "default")))
#define GRAFT_SIMD_SHORT __attribute__((target_clones("avx2", "default")))
#else
#define GRAFT_SIMD
#define GRAFT_SIMD_SHORT
#endif

// For what such functions share: inlined into each of their versions.
#define GRAFT_INLINE inline __attribute__((always_inline))

#endif  // GRAFT_COMMON_ENGINE_CPU_SIMD_H_
