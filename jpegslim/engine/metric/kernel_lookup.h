/* Linear light of a block's row by AVX-512 VBMI: 64 samples at a time where scalar code takes one.
 *
 * A curve of 256 floats is four tables of 256 bytes, each in four registers, and a float is put
 * together from its four bytes. First the samples are brought into the order of the block (see
 * kernel_scan.h): the 64 bytes of a step are columns j to j + 3 of the sixteen lanes, byte
 * 16 l + 4 m + i that of lane 4 l + i, column j + m, so that unpacking yields whole vectors. */

#if defined(__GNUC__)
#define VBMI __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi")))
#else
#define VBMI
#endif

#define BLOCK_SAMPLES (16 * 32)

/* The same 16 bytes of four neighbouring lanes, `step` bytes apart. */
VBMI static inline __m512i four_lanes(const uint8_t *p, size_t step)
{
    __m512i z = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)p));
    z = _mm512_inserti32x4(z, _mm_loadu_si128((const __m128i *)(p + step)), 1);
    z = _mm512_inserti32x4(z, _mm_loadu_si128((const __m128i *)(p + 2 * step)), 2);
    return _mm512_inserti32x4(z, _mm_loadu_si128((const __m128i *)(p + 3 * step)), 3);
}

/* Bring the samples of a block's row into order: 8 steps of 64 bytes for each channel. */
VBMI static void order_samples(const uint8_t *row, int channels, uint8_t *ordered)
{
    uint8_t pick[64];
    const size_t lane = 32 * (size_t)channels;
    /* In RGB a lane's 16 bytes hold 4 columns; in grey 16 columns, 4 steps' worth. */
    for (int part = 0; part < 4; part++)
        for (int m = 0; m < 4; m++)
            for (int i = 0; i < 4; i++)
                pick[16 * part + 4 * m + i] =
                    (uint8_t)(16 * i + (channels == 1 ? 4 * part + m : 3 * m + part % 3));
    const __m512i order = _mm512_loadu_si512(pick);
    for (int j = 0; j < 32; j += channels == 1 ? 16 : 4) {
        const uint8_t *p = row + (size_t)j * (size_t)channels;
        __m512i z[4];
        for (int l = 0; l < 4; l++)
            z[l] = _mm512_permutexvar_epi8(order, four_lanes(p + 4 * lane * (size_t)l, lane));
        /* Transpose: part c of the four registers becomes register c. */
        __m512i low_a = _mm512_shuffle_i32x4(z[0], z[1], 0x44);
        __m512i low_b = _mm512_shuffle_i32x4(z[2], z[3], 0x44);
        __m512i high_a = _mm512_shuffle_i32x4(z[0], z[1], 0xee);
        __m512i high_b = _mm512_shuffle_i32x4(z[2], z[3], 0xee);
        const size_t next = channels == 1 ? 64 : BLOCK_SAMPLES;
        uint8_t *out = ordered + 16 * j;
        _mm512_store_si512(out, _mm512_shuffle_i32x4(low_a, low_b, 0x88));
        _mm512_store_si512(out + next, _mm512_shuffle_i32x4(low_a, low_b, 0xdd));
        _mm512_store_si512(out + 2 * next, _mm512_shuffle_i32x4(high_a, high_b, 0x88));
        if (channels == 1)
            _mm512_store_si512(out + 3 * next, _mm512_shuffle_i32x4(high_a, high_b, 0xdd));
    }
}

/* Put the floats of ordered samples together from the curve's four byte tables. */
VBMI static void look_up_ordered(const uint8_t *ordered, const uint8_t *tables, float *out)
{
    __m512i t[16];
    UNROLL
    for (int i = 0; i < 16; i++)
        t[i] = _mm512_load_si512(tables + 64 * i);
    for (int step = 0; step < BLOCK_SAMPLES; step += 64, out += 64) {
        __m512i sample = _mm512_load_si512(ordered + step), byte[4];
        __mmask64 upper = _mm512_movepi8_mask(sample);
        UNROLL
        for (int i = 0; i < 4; i++)
            byte[i] = _mm512_mask_blend_epi8(
                upper, _mm512_permutex2var_epi8(t[4 * i], sample, t[4 * i + 1]),
                _mm512_permutex2var_epi8(t[4 * i + 2], sample, t[4 * i + 3]));
        __m512i low = _mm512_unpacklo_epi8(byte[0], byte[1]);
        __m512i low_upper = _mm512_unpacklo_epi8(byte[2], byte[3]);
        __m512i high = _mm512_unpackhi_epi8(byte[0], byte[1]);
        __m512i high_upper = _mm512_unpackhi_epi8(byte[2], byte[3]);
        _mm512_store_si512(out, _mm512_unpacklo_epi16(low, low_upper));
        _mm512_store_si512(out + 16, _mm512_unpackhi_epi16(low, low_upper));
        _mm512_store_si512(out + 32, _mm512_unpacklo_epi16(high, high_upper));
        _mm512_store_si512(out + 48, _mm512_unpackhi_epi16(high, high_upper));
    }
}

/* Cut the curves into byte tables: [channel][byte of the float][256]. */
static void cut_curves(const float *curves, int channels, uint8_t *tables)
{
    for (int c = 0; c < channels; c++)
        for (int v = 0; v < 256; v++) {
            uint8_t bytes[4];
            memcpy(bytes, &curves[256 * c + v], 4);
            for (int i = 0; i < 4; i++)
                tables[1024 * c + 256 * i + v] = bytes[i];
        }
}

/* Do what look_up_avx512 does. `readable` bytes may be read from `row` on. */
VBMI static void look_up_vbmi(const Scan *scan, const uint8_t *row, int pixels, size_t readable,
                              float *planes)
{
    const int channels = scan->channels;
    const size_t bytes = (size_t)pixels * (size_t)channels;
    uint8_t room[BLOCK_SAMPLES * 6 + 128];
    uint8_t *ordered = room + ((64 - ((uintptr_t)room & 63)) & 63);
    uint8_t *copy = ordered + BLOCK_SAMPLES * 3;
    /* The last of a lane's 16-byte loads ends four bytes after the lane. */
    if (pixels < BLOCK_SAMPLES || readable < bytes + 4) {
        memset(copy, 0, BLOCK_SAMPLES * 3 + 4);
        memcpy(copy, row, bytes);
        row = copy;
    }
    order_samples(row, channels, ordered);
    for (int c = 0; c < channels; c++)
        look_up_ordered(ordered + BLOCK_SAMPLES * c, scan->tables + 1024 * c,
                        planes + BLOCK_SAMPLES * c);
}
