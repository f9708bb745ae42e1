/* One pass over a pair of pictures, all six scales at once, for the vectors of kernel_lanes.h.
 *
 * Layout. A row is cut into blocks of LANES * 32 pixels. Lane k of a block's vector j holds pixel
 * 32 k + j of the block (at scale s: (32 >> s) k + j). So a neighbour is the next vector, not the
 * next lane: the horizontal filter, like the vertical one, needs no shuffles and no unaligned loads;
 * halving a scale adds two vectors and keeps the layout; and a lane never straddles a tile.
 *
 * Order. Rows arrive in groups of eight. A group is turned into XYB, block by block, halved into
 * the next scale's linear rows, blurred downwards, blurred across, and scored four rows late. A
 * scale keeps sixteen rows; the picture is never stored at any scale. */

static ALWAYS_INLINE vf FN(taps)(vf a0, vf a1, vf a2, vf a3, vf a4, vf a5, vf a6, vf a7, vf a8)
{
    vf sum = vmul(vadd(a0, a8), vset(TAP4));
    sum = vfma(vadd(a1, a7), vset(TAP3), sum);
    sum = vfma(vadd(a2, a6), vset(TAP2), sum);
    sum = vfma(vadd(a3, a5), vset(TAP1), sum);
    return vfma(a4, vset(TAP0), sum);
}

static ALWAYS_INLINE vf FN(across)(const float *p)
{
    return FN(taps)(vload(p - 4 * LANES), vload(p - 3 * LANES), vload(p - 2 * LANES),
                    vload(p - LANES), vload(p), vload(p + LANES), vload(p + 2 * LANES),
                    vload(p + 3 * LANES), vload(p + 4 * LANES));
}

/* Cube root of x >= 0 within 2e-7: t (1 - e)^(-2/3) with t = x y^2, e = 1 - x y^3, y the seed;
 * the polynomial is minimax over |e| <= 0.103, which the seed keeps. */
static ALWAYS_INLINE vf FN(cube_root)(vf x)
{
    vf y = vseed(x);
    vf t = vmul(vmul(x, y), y);
    vf e = vfnma(t, y, vset(1.0f));
    vf q = vfma(vset(4.292235817e-1f), e, vset(4.590915804e-1f));
    q = vfma(q, e, vset(4.937946247e-1f));
    q = vfma(q, e, vset(5.555299557e-1f));
    q = vfma(q, e, vset(6.666667027e-1f));
    return vfma(vmul(q, e), t, t);
}

/* Look up `pixels` of one picture's row from its byte `at` on into `planes` of 32 vectors each. */
static void FN(look_up)(const Scan *scan, int picture, size_t at, int pixels, float *planes)
{
    const int channels = scan->channels;
    const uint8_t *row = scan->picture[picture] + at;
#if PATH_AVX512
    if (scan->vbmi) {
        size_t size = (size_t)scan->width * (size_t)scan->height * (size_t)channels;
        look_up_vbmi(scan, row, pixels, size - at, planes);
        return;
    }
#endif
    if (pixels < LANES * 32)
        memset(planes, 0, sizeof(float) * LANES * 32 * (size_t)channels);
    for (int k = 0; k < LANES && k * 32 < pixels; k++) {
        const uint8_t *source = row + (size_t)k * 32 * (size_t)channels;
        int count = pixels - k * 32 < 32 ? pixels - k * 32 : 32;
        float *out = planes + k;
        if (channels == 1) {
            for (int j = 0; j < count; j++)
                out[j * LANES] = scan->curves[source[j]];
        } else {
            for (int j = 0; j < count; j++) {
                out[j * LANES] = scan->curves[source[3 * j]];
                out[(32 + j) * LANES] = scan->curves[256 + source[3 * j + 1]];
                out[(64 + j) * LANES] = scan->curves[512 + source[3 * j + 2]];
            }
        }
    }
}

/* Give a row of odd width one more pixel, equal to its last, for halving. */
static void FN(extend_row)(const Level *level, int block, float *planes, int count)
{
    int column = level->width - block * LANES * level->vectors;
    if (!(level->width & 1) || column >= LANES * level->vectors || column <= 0)
        return;
    int at = column % level->vectors * LANES + column / level->vectors;
    for (int i = 0; i < count; i++, planes += level->vectors * LANES)
        planes[at] = planes[at - LANES];
}

/* Linear light of one row of a block to the metric's positive X, Y, B - Y in the ring. */
static void FN(to_xyb)(const Scan *scan, const float *linear, int vectors, float *ring,
                       size_t plane_step)
{
    const vf bias = vset(BIAS), zero = vset(0.0f);
    const vf y_shift = vset(0.01f - ROOT_OF_BIAS), half = vset(0.5f);
    if (scan->channels == 1) {
        for (int j = 0; j < vectors; j++, linear += LANES, ring += LANES)
            vstore(ring, vadd(FN(cube_root)(vmax(vadd(vload(linear), bias), zero)), y_shift));
        return;
    }
    vf m[9];
    for (int i = 0; i < 9; i++)
        m[i] = vset(scan->cones[i]);
    const size_t step = (size_t)vectors * LANES;
    for (int j = 0; j < vectors; j++, linear += LANES, ring += LANES) {
        vf r = vload(linear), g = vload(linear + step), b = vload(linear + 2 * step);
        vf l = vfma(m[0], r, vfma(m[1], g, vfma(m[2], b, bias)));
        vf n = vfma(m[3], r, vfma(m[4], g, vfma(m[5], b, bias)));
        vf s = vfma(m[6], r, vfma(m[7], g, vfma(m[8], b, bias)));
        l = FN(cube_root)(vmax(l, zero));
        n = FN(cube_root)(vmax(n, zero));
        s = FN(cube_root)(vmax(s, zero));
        vf sum = vadd(l, n);
        vstore(ring, vfma(vsub(l, n), vset(7.0f), vset(0.42f)));
        vstore(ring + plane_step, vfma(sum, half, y_shift));
        vstore(ring + 2 * plane_step, vsub(vadd(s, vset(0.55f)), vmul(sum, half)));
    }
}

/* Average 2x2 pixels of all planes of a block's two rows. */
static void FN(halve)(const float *top, const float *bottom, float *out, int vectors)
{
    const vf quarter = vset(0.25f);
    for (int j = 0; j < vectors; j++, top += 2 * LANES, bottom += 2 * LANES, out += LANES) {
        vf upper = vadd(vload(top), vload(top + LANES));
        vf lower = vadd(vload(bottom), vload(bottom + LANES));
        vstore(out, vmul(vadd(upper, lower), quarter));
    }
}

/* Turn eight rows of a block into XYB in the ring, and into four rows of the next scale. */
static void FN(convert)(Scan *scan, int scale, int group, int block)
{
    Level *level = &scan->level[scale];
    const int vectors = level->vectors, channels = scan->channels, planes = 2 * channels;
    const size_t row_step = (size_t)(vectors + 1) * LANES, plane_step = RING_ROWS * row_step;
    const size_t linear_row = (size_t)planes * (size_t)vectors * LANES;
    float *ring = level->ring + (size_t)block * (size_t)planes * plane_step +
                  (size_t)(group & 1) * GROUP * row_step;
    for (int i = 0; i < GROUP; i += 2) {
        const int y = group * GROUP + i;
        float *rows[2];
        for (int odd = 0; odd < 2; odd++) {
            if (y + odd >= level->height) {
                for (int plane = 0; plane < planes; plane++)
                    memset(ring + (size_t)plane * plane_step + (size_t)(i + odd) * row_step, 0,
                           row_step * sizeof(float));
                rows[odd] = rows[0]; /* an odd last row is averaged with itself */
                continue;
            }
            if (scale) {
                rows[odd] = level->linear + ((size_t)block * GROUP + (size_t)(i + odd)) * linear_row;
            } else {
                rows[odd] = scan->looked_up + (size_t)odd * linear_row;
                int first = block * LANES * 32;
                int pixels = scan->width - first < LANES * 32 ? scan->width - first : LANES * 32;
                size_t at = ((size_t)(y + odd) * (size_t)scan->width + (size_t)first) *
                            (size_t)channels;
                for (int p = 0; p < 2; p++)
                    FN(look_up)(scan, p, at, pixels, rows[odd] + (size_t)p * linear_row / 2);
            }
            for (int p = 0; p < 2; p++)
                FN(to_xyb)(scan, rows[odd] + (size_t)p * linear_row / 2, vectors,
                           ring + (size_t)(p * channels) * plane_step + (size_t)(i + odd) * row_step,
                           plane_step);
            if (block == scan->blocks - 1) {
                for (int plane = 0; plane < planes; plane++) {
                    float *row = ring + (size_t)plane * plane_step + (size_t)(i + odd) * row_step;
                    for (int j = 0; j < vectors * LANES; j += LANES)
                        vstore(row + j, vmul(vload(row + j), vload(level->mask + j)));
                }
                if (scale + 1 < scan->scales)
                    FN(extend_row)(level, block, rows[odd], planes);
            }
        }
        if (scale + 1 < scan->scales && y < level->height)
            FN(halve)(rows[0], rows[1],
                      level[1].linear +
                          ((size_t)block * GROUP + (size_t)(y / 2 % GROUP)) * (linear_row / 2),
                      vectors / 2 * planes);
    }
}

/* Blur one vector column of the reference, the copy, their product and their squared difference
 * downwards: sixteen rows in, eight out. Each map holds a window of nine rows in registers. */
static ALWAYS_INLINE void FN(down)(const float *a, const float *b, size_t row_step, int newer,
                                   float *out, size_t out_row)
{
    const size_t out_map = GROUP * out_row;
    const size_t older_rows = (size_t)(newer ^ 1) * GROUP * row_step;
    const size_t newer_rows = (size_t)newer * GROUP * row_step;
#define ROW(p, r) vload((p) + ((r) < GROUP ? older_rows : newer_rows) + (size_t)((r) % GROUP) * row_step)
#define MAP(target, expression)                                                              \
    do {                                                                                     \
        vf w[RING_ROWS];                                                                     \
        UNROLL                                                                               \
        for (int r = 0; r < RING_ROWS; r++) {                                                \
            w[r] = (expression);                                                             \
            if (r >= GROUP)                                                                  \
                vstore((target) + (size_t)(r - GROUP) * out_row,                             \
                       FN(taps)(w[r - 8], w[r - 7], w[r - 6], w[r - 5], w[r - 4], w[r - 3],  \
                                w[r - 2], w[r - 1], w[r]));                                  \
        }                                                                                    \
    } while (0)
    MAP(out, ROW(a, r));
    MAP(out + out_map, ROW(b, r));
    MAP(out + 2 * out_map, vmul(ROW(a, r), ROW(b, r)));
    MAP(out + 3 * out_map, vmul(vsub(ROW(a, r), ROW(b, r)), vsub(ROW(a, r), ROW(b, r))));
#undef MAP
#undef ROW
}

/* Fill the four vectors left and right of a block's blurred rows with its neighbours' pixels. */
static ALWAYS_INLINE void FN(join)(float *row, int vectors, const float *left)
{
    float *right = row + vectors * LANES;
    for (int i = 3; i >= 0; i--) {
        vf inside = vload(row + i % vectors * LANES), outside = vload(right + i % vectors * LANES);
        for (int turn = 0; turn <= i / vectors; turn++) {
            inside = vnext(inside, outside);
            outside = vnext(outside, outside);
        }
        vstore(right + i * LANES, inside);
    }
    for (int i = 1; i <= 4; i++) {
        int from = (4 * vectors - i) % vectors;
        vf inside = vload(row + from * LANES);
        vf outside = vload(left + (4 - vectors + from) * LANES);
        for (int turn = 0; turn <= (i - 1) / vectors; turn++) {
            inside = vprev(outside, inside);
            outside = vprev(outside, outside);
        }
        vstore(row - i * LANES, inside);
    }
}

/* Add the six error quantities of one vector to `sums`. The structural error is
 * (e + m n) / (n + e): exactly zero where the pictures agree, see reference.py. */
static ALWAYS_INLINE void FN(score)(vf a, vf b, vf mean_a, vf mean_b, vf both, vf apart,
                                    const float *mask, vf sums[6])
{
    const vf one = vset(1.0f), zero = vset(0.0f);
    vf m = vsub(mean_a, mean_b);
    m = vmul(m, m);
    vf n = vfma(vfnma(mean_a, mean_b, both), vset(2.0f), vset(C2));
    vf e = vsub(apart, m);
    vf structure = vmax(vdiv(vfma(m, n, e), vadd(n, e)), zero);
    vf edge_a = vabs(vsub(a, mean_a)), edge_b = vabs(vsub(b, mean_b));
    vf change = vdiv(vsub(edge_b, edge_a), vadd(edge_a, one));
    if (mask) {
        structure = vmul(structure, vload(mask));
        change = vmul(change, vload(mask));
    }
    vf ringing = vmax(change, zero), blurring = vsub(ringing, change);
    vf square = vmul(structure, structure);
    sums[0] = vadd(sums[0], structure);
    sums[1] = vfma(square, square, sums[1]);
    square = vmul(ringing, ringing);
    sums[2] = vadd(sums[2], ringing);
    sums[3] = vfma(square, square, sums[3]);
    square = vmul(blurring, blurring);
    sums[4] = vadd(sums[4], blurring);
    sums[5] = vfma(square, square, sums[5]);
}

/* Blur one row across and score it, two vectors at a time for the eight loads they share. */
static ALWAYS_INLINE void FN(score_row)(const float *a, const float *b, const float *blurred,
                                        size_t out_map, int vectors, const float *mask, vf sums[6])
{
    vf s[6] = {sums[0], sums[1], sums[2], sums[3], sums[4], sums[5]};
    int j = 0;
    for (; j < (vectors & ~1) * LANES; j += 2 * LANES) {
        vf first[4], second[4];
        UNROLL
        for (int map = 0; map < 4; map++) {
            const float *p = blurred + (size_t)map * out_map + j;
            vf w[10];
            UNROLL
            for (int i = 0; i < 10; i++)
                w[i] = vload(p + (i - 4) * LANES);
            first[map] = FN(taps)(w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7], w[8]);
            second[map] = FN(taps)(w[1], w[2], w[3], w[4], w[5], w[6], w[7], w[8], w[9]);
        }
        FN(score)(vload(a + j), vload(b + j), first[0], first[1], first[2], first[3],
                  mask ? mask + j : NULL, s);
        FN(score)(vload(a + j + LANES), vload(b + j + LANES), second[0], second[1], second[2],
                  second[3], mask ? mask + j + LANES : NULL, s);
    }
    for (; j < vectors * LANES; j += LANES)
        FN(score)(vload(a + j), vload(b + j), FN(across)(blurred + j),
                  FN(across)(blurred + out_map + j), FN(across)(blurred + 2 * out_map + j),
                  FN(across)(blurred + 3 * out_map + j), mask ? mask + j : NULL, s);
    for (int i = 0; i < 6; i++)
        sums[i] = s[i];
}

/* Add the lanes of `sums` to the tiles they lie in; lane k begins at pixel 32 k of the block. */
static void FN(settle)(const Scan *scan, int scale, int channel, int block, int tile_row,
                       const vf sums[6])
{
    float lanes[LANES * 6 + 16];
    float *at = lanes + ((64 - ((uintptr_t)lanes & 63)) & 63) / sizeof(float);
    for (int i = 0; i < 6; i++)
        vstore(at + i * LANES, sums[i]);
    for (int k = 0; k < LANES; k++) {
        int column = (block * LANES + k) * 32 / scan->tile_size;
        column = column < scan->columns ? column : scan->columns - 1;
        double *out = scan->sums +
                      (((size_t)tile_row * (size_t)scan->columns + (size_t)column) * MAX_SCALES +
                       (size_t)scale) * 18 + (size_t)channel * 6;
        for (int i = 0; i < 6; i++)
            out[i] += at[i * LANES + k];
    }
}

/* Blur and score the eight rows of a block that end four rows above the group's last. */
static ALWAYS_INLINE void FN(filter_rows)(Scan *scan, int scale, int group, int block,
                                          const int vectors)
{
    Level *level = &scan->level[scale];
    const int channels = scan->channels, newer = group & 1;
    const int edge = vectors < 4 ? vectors : 4, last = block == scan->blocks - 1;
    const size_t row_step = (size_t)(vectors + 1) * LANES, plane_step = RING_ROWS * row_step;
    const size_t out_row = (size_t)(vectors + 9) * LANES, out_map = GROUP * out_row;
    const size_t block_step = 2 * (size_t)channels * plane_step;
    float *blurred = scan->blurred + 4 * LANES;
    for (int c = 0; c < channels; c++) {
        const float *a = level->ring + (size_t)block * block_step + (size_t)c * plane_step;
        const float *b = a + (size_t)channels * plane_step;
        float *left = scan->left + (size_t)c * 4 * GROUP * 4 * LANES;
        for (int j = 0; j < vectors * LANES; j += LANES)
            FN(down)(a + j, b + j, row_step, newer, blurred + j, out_row);
        float *right = blurred + vectors * LANES;
        for (int j = 0; j < edge * LANES && !last; j += LANES)
            FN(down)(a + block_step + j, b + block_step + j, row_step, newer, right + j, out_row);
        for (int i = 0; i < 4 * GROUP; i++) {
            float *row = blurred + (size_t)i * out_row, *kept = left + (size_t)i * 4 * LANES;
            if (last)
                memset(row + vectors * LANES, 0, sizeof(float) * 4 * LANES);
            if (block == 0)
                memset(kept, 0, sizeof(float) * 4 * LANES);
            FN(join)(row, vectors, kept);
            memcpy(kept + (4 - edge) * LANES, row + (vectors - edge) * LANES,
                   sizeof(float) * (size_t)edge * LANES);
        }
        vf sums[6] = {vset(0), vset(0), vset(0), vset(0), vset(0), vset(0)};
        for (int r = 0; r < GROUP; r++) {
            const int y = group * GROUP - 4 + r;
            if (y < 0 || y >= level->height)
                continue;
            const int i = r + 4, slot = (i < GROUP ? newer ^ 1 : newer) * GROUP + i % GROUP;
            const float *row_a = a + (size_t)slot * row_step, *row_b = b + (size_t)slot * row_step;
            const float *row = blurred + (size_t)r * out_row;
            if (last)
                FN(score_row)(row_a, row_b, row, out_map, vectors, level->mask, sums);
            else
                FN(score_row)(row_a, row_b, row, out_map, vectors, NULL, sums);
            const int tile = scan->tile_size >> scale;
            if ((y + 1) % tile == 0 || r == GROUP - 1 || y + 1 == level->height) {
                int tile_row = y / tile < scan->rows ? y / tile : scan->rows - 1;
                FN(settle)(scan, scale, channels == 1 ? 1 : c, block, tile_row, sums);
                for (int k = 0; k < 6; k++)
                    sums[k] = vset(0);
            }
        }
    }
}

/* The two scales with 15 of 16 pixels get code of their own, all distances constant. */
static void FN(filter)(Scan *scan, int scale, int group, int block)
{
    switch (scan->level[scale].vectors) {
    case 32:
        FN(filter_rows)(scan, scale, group, block, 32);
        break;
    case 16:
        FN(filter_rows)(scan, scale, group, block, 16);
        break;
    default:
        FN(filter_rows)(scan, scale, group, block, scan->level[scale].vectors);
    }
}

/* Take eight more rows of a scale, and of those below as their rows become complete. */
static void FN(run_group)(Scan *scan, int scale)
{
    Level *level = &scan->level[scale];
    const int group = level->done++;
    for (int block = 0; block < scan->blocks; block++) {
        FN(convert)(scan, scale, group, block);
        if (block)
            FN(filter)(scan, scale, group, block - 1);
    }
    FN(filter)(scan, scale, group, scan->blocks - 1);
    if (scale + 1 < scan->scales && (group & 1) && level[1].done < level[1].groups)
        FN(run_group)(scan, scale + 1);
}

static void FN(run)(Scan *scan)
{
    for (int scale = 0; scale < scan->scales; scale++)
        while (scan->level[scale].done < scan->level[scale].groups)
            FN(run_group)(scan, scale);
}
