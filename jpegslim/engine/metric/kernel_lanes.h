/* One vector of LANES floats and what can be done to it, for the instruction set at hand.
 *
 * Included once for each path with PATH_AVX512, PATH_AVX2 or PATH_PLAIN set to 1. Every pointer is
 * aligned to 64 bytes. vnext(cur, next) moves each lane's right neighbour in, the last from `next`;
 * vprev(prev, cur) moves the left neighbour in, the first from `prev`. vseed(x) approximates
 * x^(-1/3) within 3.5 %: the exponent field divided by -3, all as one floating-point number. */

#undef LANES
#undef vf
#undef vload
#undef vstore
#undef vset
#undef vadd
#undef vsub
#undef vmul
#undef vfma
#undef vfnma
#undef vdiv
#undef vmax
#undef vabs
#undef vseed
#undef vnext
#undef vprev

#define SEED_BITS 1419902976.0f

#if PATH_AVX512

#define LANES 16
#define vf __m512
#define vload(p) _mm512_load_ps(p)
#define vstore(p, a) _mm512_store_ps(p, a)
#define vset(a) _mm512_set1_ps(a)
#define vadd(a, b) _mm512_add_ps(a, b)
#define vsub(a, b) _mm512_sub_ps(a, b)
#define vmul(a, b) _mm512_mul_ps(a, b)
#define vfma(a, b, c) _mm512_fmadd_ps(a, b, c)
#define vfnma(a, b, c) _mm512_fnmadd_ps(a, b, c)
#define vdiv(a, b) _mm512_div_ps(a, b)
#define vmax(a, b) _mm512_max_ps(a, b)
#define vabs(a) _mm512_abs_ps(a)
#define vseed(a)                                                                                  \
    _mm512_castsi512_ps(_mm512_cvtps_epi32(                                                       \
        _mm512_fnmadd_ps(_mm512_cvtepi32_ps(_mm512_castps_si512(a)), _mm512_set1_ps(1.0f / 3.0f), \
                         _mm512_set1_ps(SEED_BITS))))
#define vnext(cur, next)                                                              \
    _mm512_castsi512_ps(                                                              \
        _mm512_alignr_epi32(_mm512_castps_si512(next), _mm512_castps_si512(cur), 1))
#define vprev(prev, cur)                                                              \
    _mm512_castsi512_ps(                                                              \
        _mm512_alignr_epi32(_mm512_castps_si512(cur), _mm512_castps_si512(prev), 15))

#elif PATH_AVX2

#define LANES 8
#define vf __m256
#define vload(p) _mm256_load_ps(p)
#define vstore(p, a) _mm256_store_ps(p, a)
#define vset(a) _mm256_set1_ps(a)
#define vadd(a, b) _mm256_add_ps(a, b)
#define vsub(a, b) _mm256_sub_ps(a, b)
#define vmul(a, b) _mm256_mul_ps(a, b)
#define vfma(a, b, c) _mm256_fmadd_ps(a, b, c)
#define vfnma(a, b, c) _mm256_fnmadd_ps(a, b, c)
#define vdiv(a, b) _mm256_div_ps(a, b)
#define vmax(a, b) _mm256_max_ps(a, b)
#define vabs(a) _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a)
#define vseed(a)                                                                                  \
    _mm256_castsi256_ps(_mm256_cvtps_epi32(                                                       \
        _mm256_fnmadd_ps(_mm256_cvtepi32_ps(_mm256_castps_si256(a)), _mm256_set1_ps(1.0f / 3.0f), \
                         _mm256_set1_ps(SEED_BITS))))
/* The middle operand joins the halves across the 128-bit seam that alignr cannot cross. */
#define AVX2_SEAM(low, high)                                                           \
    _mm256_permute2x128_si256(_mm256_castps_si256(low), _mm256_castps_si256(high), 0x21)
#define vnext(cur, next)                                                               \
    _mm256_castsi256_ps(                                                               \
        _mm256_alignr_epi8(AVX2_SEAM(cur, next), _mm256_castps_si256(cur), 4))
#define vprev(prev, cur)                                                               \
    _mm256_castsi256_ps(                                                               \
        _mm256_alignr_epi8(_mm256_castps_si256(cur), AVX2_SEAM(prev, cur), 12))

#elif defined(__GNUC__) && !defined(NO_VECTOR_TYPES)

/* Four lanes is what SSE2 and NEON have; the compiler lowers these to whatever there is. */
#define LANES 4
typedef float plain_vf __attribute__((vector_size(16), may_alias));
typedef int32_t plain_vi __attribute__((vector_size(16), may_alias));
#define vf plain_vf
#define vload(p) (*(const plain_vf *)(p))
#define vstore(p, a) (*(plain_vf *)(p) = (a))
#define vset(a) ((plain_vf){(a), (a), (a), (a)})
#define vadd(a, b) ((a) + (b))
#define vsub(a, b) ((a) - (b))
#define vmul(a, b) ((a) * (b))
#define vfma(a, b, c) ((a) * (b) + (c))
#define vfnma(a, b, c) ((c) - (a) * (b))
#define vdiv(a, b) ((a) / (b))
#define vmax(a, b) plain_max(a, b)
#define vabs(a) ((plain_vf)((plain_vi)(a) & 0x7fffffff))
#define vseed(a)                                                                          \
    ((plain_vf)__builtin_convertvector(                                                   \
        vset(SEED_BITS) - __builtin_convertvector((plain_vi)(a), plain_vf) * (1.0f / 3.0f), \
        plain_vi))
#define vnext(cur, next) ((plain_vf){(cur)[1], (cur)[2], (cur)[3], (next)[0]})
#define vprev(prev, cur) ((plain_vf){(prev)[3], (cur)[0], (cur)[1], (cur)[2]})

static inline plain_vf plain_max(plain_vf a, plain_vf b)
{
    plain_vi larger = (plain_vi)(a > b);
    return (plain_vf)(((plain_vi)a & larger) | ((plain_vi)b & ~larger));
}

#else

/* A compiler without vector types (tests ask others for it too): four floats and loops that it
 * may unroll. */
#define LANES 4
typedef struct {
    float lane[4];
} plain_vf;
#define vf plain_vf
#define vload(p) (*(const plain_vf *)(p))
#define vstore(p, a) (*(plain_vf *)(p) = (a))
#define vset(a) plain_set(a)
#define vadd(a, b) plain_add(a, b)
#define vsub(a, b) plain_sub(a, b)
#define vmul(a, b) plain_mul(a, b)
#define vfma(a, b, c) plain_add(plain_mul(a, b), c)
#define vfnma(a, b, c) plain_sub(c, plain_mul(a, b))
#define vdiv(a, b) plain_div(a, b)
#define vmax(a, b) plain_max(a, b)
#define vabs(a) plain_abs(a)
#define vseed(a) plain_seed(a)
#define vnext(cur, next) plain_next(cur, next)
#define vprev(prev, cur) plain_prev(prev, cur)

#define PLAIN_BINARY(name, expression)                       \
    static inline plain_vf plain_##name(plain_vf a, plain_vf b) \
    {                                                        \
        for (int k = 0; k < 4; k++) {                        \
            float x = a.lane[k], y = b.lane[k];              \
            a.lane[k] = (expression);                        \
        }                                                    \
        return a;                                            \
    }
PLAIN_BINARY(add, x + y)
PLAIN_BINARY(sub, x - y)
PLAIN_BINARY(mul, x *y)
PLAIN_BINARY(div, x / y)
PLAIN_BINARY(max, x > y ? x : y)

static inline plain_vf plain_set(float x)
{
    plain_vf a = {{x, x, x, x}};
    return a;
}

static inline plain_vf plain_abs(plain_vf a)
{
    return plain_max(a, plain_sub(plain_set(0.0f), a));
}

static inline plain_vf plain_seed(plain_vf a)
{
    for (int k = 0; k < 4; k++) {
        int32_t bits;
        memcpy(&bits, &a.lane[k], 4);
        bits = (int32_t)(SEED_BITS - (float)bits * (1.0f / 3.0f));
        memcpy(&a.lane[k], &bits, 4);
    }
    return a;
}

static inline plain_vf plain_next(plain_vf cur, plain_vf next)
{
    plain_vf a = {{cur.lane[1], cur.lane[2], cur.lane[3], next.lane[0]}};
    return a;
}

static inline plain_vf plain_prev(plain_vf prev, plain_vf cur)
{
    plain_vf a = {{prev.lane[3], cur.lane[0], cur.lane[1], cur.lane[2]}};
    return a;
}

#endif
