/* SSIMULACRA2 (version 2.1; Jon Sneyers, Cloudinary) as a CPython extension on the stable ABI.
 *
 * This file is the door: arguments, memory, the choice of instruction set. The work is in
 * kernel_scan.h, compiled once for each set. No state outlives a call, so threads may call at once;
 * the GIL is released meanwhile. The meaning of every step is in reference.py, the tests' oracle. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__) || defined(_M_X64)
#define X86 1
#include <immintrin.h>
#ifdef _MSC_VER
#include <intrin.h>
#endif
#else
#define X86 0
#endif

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#define FENCE 64 /* floats */
#endif

#define MAX_SCALES 6
#define GROUP 8      /* rows taken at a time; the filter reaches 4 both ways, so 8 older rows stay */
#define RING_ROWS 16

/* The Gaussian of sigma 1.5 from its centre outwards. */
#define TAP0 0.264621105488f
#define TAP1 0.21292859201f
#define TAP2 0.109335372777f
#define TAP3 0.036011114658f
#define TAP4 0.00941436781f
#define C2 0.0009f
#define BIAS 0.0037930732552754493f
#define ROOT_OF_BIAS 0.15595420054924863f

typedef struct {
    int width, height; /* pixels */
    int vectors;       /* to a block's row */
    int groups, done;  /* of eight rows; the last reaches four rows beyond the picture */
    float *ring;       /* [block][picture, channel][16 rows][vectors + 1]: odd, to spread over L1 */
    float *linear;     /* [block][8 rows][picture, channel][vectors]; not at the first scale */
    float *mask;       /* [vectors]: 1 inside the picture, 0 outside, for the last block */
} Level;

typedef struct {
    const uint8_t *picture[2];
    float curves[3 * 256], cones[9]; /* copies: a buffer may begin at any byte */
    double *sums; /* [rows][columns][6 scales][3 channels][6] */
    int width, height, channels, scales, tile_size, rows, columns, blocks;
    float *looked_up; /* [2 rows][picture, channel][32 vectors] */
    float *blurred;   /* [4 maps][8 rows][4 + vectors + 4 + 1] */
    uint8_t *tables;  /* [channel][byte of a float][256]: the curves, where vbmi */
    int vbmi;         /* whether to look samples up by kernel_lookup.h */
    float *left;      /* [channel][4 maps][8 rows][4]: the end of the block to the left */
    Level level[MAX_SCALES];
} Scan;

#if defined(__clang__)
#define ALWAYS_INLINE inline __attribute__((always_inline))
#define UNROLL _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__)
#define ALWAYS_INLINE inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")
#else
#define ALWAYS_INLINE __forceinline
#define UNROLL
#endif

#define PATH_AVX512 0
#define PATH_AVX2 0
#define FN(name) name##_plain
#include "kernel_lanes.h"
#include "kernel_scan.h"
#undef FN
static const int lanes_plain = LANES;

#if X86
#include "kernel_lookup.h"

#undef PATH_AVX2
#define PATH_AVX2 1
#define FN(name) name##_avx2
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#elif defined(__GNUC__)
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
#include "kernel_lanes.h"
#include "kernel_scan.h"
#if defined(__clang__)
#pragma clang attribute pop
#elif defined(__GNUC__)
#pragma GCC pop_options
#endif
#undef FN
#undef PATH_AVX2
#define PATH_AVX2 0

#undef PATH_AVX512
#define PATH_AVX512 1
#define FN(name) name##_avx512
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,fma"))), \
                             apply_to = function)
#elif defined(__GNUC__)
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,fma")
#endif
#include "kernel_lanes.h"
#include "kernel_scan.h"
#if defined(__clang__)
#pragma clang attribute pop
#elif defined(__GNUC__)
#pragma GCC pop_options
#endif
#undef FN
#endif

typedef struct {
    const char *name;
    int lanes, vbmi;
    void (*run)(Scan *);
} Path;

#define MOST_PATHS 4

/* List what this processor can run, the fastest first. */
static int find_paths(Path found[MOST_PATHS])
{
    int count = 0;
#if X86
    int avx2 = 0, avx512 = 0, vbmi = 0;
#ifdef _MSC_VER
    int leaf1[4], leaf7[4];
    __cpuidex(leaf1, 1, 0);
    __cpuidex(leaf7, 7, 0);
    /* OSXSAVE and FMA, then the registers that the system saves. */
    if ((leaf1[2] & (1 << 27)) && (leaf1[2] & (1 << 12))) {
        unsigned long long saved = _xgetbv(0);
        int wide = (1 << 16) | (1 << 17) | (1 << 30) | (int)(1u << 31); /* F, DQ, BW, VL */
        avx2 = (saved & 6) == 6 && (leaf7[1] & (1 << 5));
        avx512 = avx2 && (saved & 0xe6) == 0xe6 && (leaf7[1] & wide) == wide;
        vbmi = avx512 && (leaf7[2] & (1 << 1));
    }
#else
    __builtin_cpu_init();
    avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
    vbmi = avx512 && __builtin_cpu_supports("avx512vbmi");
#endif
    if (vbmi)
        found[count++] = (Path){"avx512vbmi", 16, 1, run_avx512};
    if (avx512)
        found[count++] = (Path){"avx512", 16, 0, run_avx512};
    if (avx2)
        found[count++] = (Path){"avx2", 8, 0, run_avx2};
#endif
    found[count++] = (Path){"plain", lanes_plain, 0, run_plain};
    return count;
}

/* Cut `floats` from the pool, or only count them while there is no pool yet. A build for
 * AddressSanitizer fences each part off: it would take the pool for one piece otherwise. */
static float *cut(float *pool, size_t *used, size_t floats)
{
    float *at = pool ? pool + *used : NULL;
    *used += (floats + 15) & ~(size_t)15;
#ifdef FENCE
    if (pool)
        ASAN_POISON_MEMORY_REGION(pool + *used, FENCE * sizeof(float));
    *used += FENCE;
#endif
    return at;
}

static size_t lay_out(Scan *scan, int lanes, float *pool)
{
    size_t used = 0, planes = 2 * (size_t)scan->channels, n = (size_t)lanes;
    for (int s = 0; s < scan->scales; s++) {
        Level *level = &scan->level[s];
        size_t vectors = (size_t)level->vectors, blocks = (size_t)scan->blocks;
        level->ring = cut(pool, &used, blocks * planes * RING_ROWS * (vectors + 1) * n);
        level->linear = cut(pool, &used, s ? blocks * GROUP * planes * vectors * n : 0);
        level->mask = cut(pool, &used, vectors * n);
    }
    scan->looked_up = cut(pool, &used, 2 * planes * 32 * n);
    scan->blurred = cut(pool, &used, 4 * GROUP * 41 * n);
    scan->left = cut(pool, &used, (size_t)scan->channels * 4 * GROUP * 4 * n);
    scan->tables = (uint8_t *)cut(pool, &used, (size_t)scan->channels * 256);
    return used;
}

/* Lay out memory and run; 0, or -1 when there is none. */
static int scan_pictures(Scan *scan, const Path *path)
{
    int width = scan->width, height = scan->height, block = path->lanes * 32;
    scan->blocks = (width + block - 1) / block;
    for (int s = 0; s < scan->scales; s++) {
        Level *level = &scan->level[s];
        level->width = width, level->height = height, level->vectors = 32 >> s;
        level->groups = (height + 4 + GROUP - 1) / GROUP, level->done = 0;
        width = (width + 1) / 2, height = (height + 1) / 2;
    }
    size_t floats = lay_out(scan, path->lanes, NULL);
    void *memory = calloc(floats * sizeof(float) + 63, 1);
    if (!memory)
        return -1;
    lay_out(scan, path->lanes, (float *)(((uintptr_t)memory + 63) & ~(uintptr_t)63));
    for (int s = 0; s < scan->scales; s++) {
        Level *level = &scan->level[s];
        int inside = level->width - (scan->blocks - 1) * path->lanes * level->vectors;
        for (int x = 0; x < inside; x++)
            level->mask[x % level->vectors * path->lanes + x / level->vectors] = 1.0f;
    }
#if X86
    if (path->vbmi)
        cut_curves(scan->curves, scan->channels, scan->tables);
#endif
    scan->vbmi = path->vbmi;
    path->run(scan);
    free(memory);
    return 0;
}

/* Whether the buffers have the sizes the numbers speak of, and the sums can be added to. */
static int fits(const Scan *scan, const Py_buffer view[5])
{
    if (scan->width < 8 || scan->height < 8 || scan->width > 1 << 24 || scan->height > 1 << 24 ||
        (scan->channels != 1 && scan->channels != 3) || scan->scales < 1 ||
        scan->scales > MAX_SCALES || scan->tile_size < 64 || (scan->tile_size & 63) ||
        scan->rows < 1 || scan->rows > 1 << 24 || scan->columns < 1 || scan->columns > 1 << 24 ||
        (uintptr_t)view[4].buf % sizeof(double))
        return 0;
    Py_ssize_t samples = (Py_ssize_t)scan->width * scan->height * scan->channels;
    return view[0].len == samples && view[1].len == samples &&
           view[2].len == (Py_ssize_t)sizeof(scan->curves) &&
           view[3].len == (Py_ssize_t)sizeof(scan->cones) &&
           view[4].len ==
               (Py_ssize_t)scan->rows * scan->columns * MAX_SCALES * 18 * (Py_ssize_t)sizeof(double);
}

PyDoc_STRVAR(tile_sums_doc,
             "tile_sums(reference, distorted, width, height, channels, scales, curves, cones,\n"
             "          tile_size, rows, columns, sums, path)\n"
             "--\n\n"
             "Add the error quantities of every tile to sums, a zeroed C-contiguous float64 buffer\n"
             "(rows, columns, 6, 3, 6). Samples are uint8; curves (3, 256) and cones (3, 3) float32.");

static PyObject *tile_sums(PyObject *module, PyObject *args)
{
    (void)module;
    Py_buffer view[5];
    Scan scan = {0};
    const char *wanted;
    if (!PyArg_ParseTuple(args, "y*y*iiiiy*y*iiiw*s", &view[0], &view[1], &scan.width, &scan.height,
                          &scan.channels, &scan.scales, &view[2], &view[3], &scan.tile_size,
                          &scan.rows, &scan.columns, &view[4], &wanted))
        return NULL;
    Path paths[MOST_PATHS];
    const Path *path = NULL;
    int count = find_paths(paths), outcome = 0, valid = fits(&scan, view);
    for (int i = count - 1; i >= 0; i--)
        if (!*wanted || !strcmp(wanted, paths[i].name))
            path = &paths[i];
    if (!valid)
        PyErr_SetString(PyExc_ValueError, "the buffers do not have the sizes stated");
    else if (!path)
        PyErr_Format(PyExc_ValueError, "no such path here: %s", wanted);
    else {
        scan.picture[0] = view[0].buf, scan.picture[1] = view[1].buf;
        memcpy(scan.curves, view[2].buf, sizeof(scan.curves));
        memcpy(scan.cones, view[3].buf, sizeof(scan.cones));
        scan.sums = view[4].buf;
        Py_BEGIN_ALLOW_THREADS
        outcome = scan_pictures(&scan, path);
        Py_END_ALLOW_THREADS
        if (outcome)
            PyErr_NoMemory();
    }
    for (int i = 0; i < 5; i++)
        PyBuffer_Release(&view[i]);
    if (PyErr_Occurred())
        return NULL;
    Py_RETURN_NONE;
}

PyDoc_STRVAR(paths_doc, "paths()\n--\n\nName the instruction sets usable here, the fastest first.");

static PyObject *paths(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    Path found[MOST_PATHS];
    int count = find_paths(found);
    PyObject *names = PyTuple_New(count);
    for (int i = 0; names && i < count; i++) {
        PyObject *name = PyUnicode_FromString(found[i].name);
        if (!name || PyTuple_SetItem(names, i, name)) {
            Py_DECREF(names);
            return NULL;
        }
    }
    return names;
}

static PyMethodDef methods[] = {
    {"tile_sums", tile_sums, METH_VARARGS, tile_sums_doc},
    {"paths", paths, METH_NOARGS, paths_doc},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{0, NULL}};

static struct PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_kernel",
    .m_doc = "The compiled SSIMULACRA2 pass.",
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__kernel(void)
{
    return PyModuleDef_Init(&definition);
}
