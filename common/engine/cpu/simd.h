// Function multi-versioning for the backend's own loops.
#ifndef GRAFT_COMMON_ENGINE_CPU_SIMD_H_
#define GRAFT_COMMON_ENGINE_CPU_SIMD_H_

// Compiles a function for the baseline and for AVX2; the loader picks. Both give the same bits:
// these files are built without contraction into fused multiply-adds, and the compiler does not
// reorder floating-point sums. Sanitizers instrument the picking code before they have started: not
// for them.
#if defined(__x86_64__) && !defined(GRAFT_SANITIZED) && !defined(__clang__)
#define GRAFT_SIMD __attribute__((target_clones("avx2", "default")))
#else
#define GRAFT_SIMD
#endif

// For what such functions share: inlined into each of their versions.
#define GRAFT_INLINE inline __attribute__((always_inline))

#endif  // GRAFT_COMMON_ENGINE_CPU_SIMD_H_
