/* The store for lt_cell bytes.
 *
 * Blocks have power-of-two sizes: class c holds 8 << c bytes, so that class 1 is 16 bytes. Up to
 * BLOCK_SLAB_MAX they are cut from slabs, and a freed block goes to its class's free list, linked
 * through its first bytes. Larger blocks are allocations of their own, in a doubly linked list
 * through a header, so that the store can free what its owner did not clear.
 *
 * A cell never moves by itself; its bytes move when it grows out of its class. */
#include "data/cells.h"

#include "base/assert.h"

#define CLASS_BYTES(c) ((size_t)8 << (c))
#define CLASS_SLAB_MAX 12 /* 32 KiB: the largest block cut from a slab */
#define CLASS_MAX      29 /* 4 GiB */
#define SLAB_BYTES_MIN ((size_t)4096)
#define SLAB_BYTES_MAX ((size_t)1 << 18)
#define HEADER_BYTES   64

typedef struct slab slab;

struct slab {
    slab *next;
    size_t size;
};

typedef struct large large;

struct large {
    large *prev;
    large *next;
    size_t size;
};

_Static_assert(sizeof(slab) <= HEADER_BYTES && sizeof(large) <= HEADER_BYTES, "headers fit");

struct lt_cells {
    lt_mem *mem;
    slab *slabs; /* the first one is being cut */
    size_t slab_used;
    large *larges;
    void *free[CLASS_SLAB_MAX + 1];
    lt_arena *scratch; /* NULL until it is asked for */
};

#define SCRATCH_MAX  ((size_t)1 << 30)
#define SCRATCH_KEPT ((size_t)1 << 16)

lt_arena *lt_cells_scratch(lt_cells *cells)
{
    if (!cells->scratch) {
        cells->scratch = lt_arena_new(cells->mem, SCRATCH_MAX);
    } else {
        lt_arena_reset(cells->scratch, SCRATCH_KEPT);
    }
    return cells->scratch;
}

lt_cells *lt_cells_new(lt_mem *mem)
{
    lt_cells *cells = lt_mem_zalloc(mem, sizeof *cells);
    if (cells) {
        cells->mem = mem;
    }
    return cells;
}

void lt_cells_reset(lt_cells *cells)
{
    while (cells->larges) {
        large *next = cells->larges->next;
        lt_mem_free_large(cells->mem, cells->larges, cells->larges->size);
        cells->larges = next;
    }
    /* The newest slab is the largest: worth keeping. */
    while (cells->slabs && cells->slabs->next) {
        slab *old = cells->slabs->next;
        cells->slabs->next = old->next;
        lt_mem_free_large(cells->mem, old, old->size);
    }
    cells->slab_used = HEADER_BYTES;
    memset(cells->free, 0, sizeof cells->free);
}

void lt_cells_free(lt_cells *cells)
{
    if (!cells) {
        return;
    }
    lt_cells_reset(cells);
    lt_arena_free(cells->scratch);
    if (cells->slabs) {
        lt_mem_free_large(cells->mem, cells->slabs, cells->slabs->size);
    }
    lt_mem_free(cells->mem, cells, sizeof *cells);
}

static uint32_t class_of(uint32_t len)
{
    uint32_t c = 1;
    while (CLASS_BYTES(c) < len) {
        c++;
    }
    return c;
}

/* Cuts the rest of the current slab into blocks before it is left. */
static void retire_slab(lt_cells *cells)
{
    if (!cells->slabs) {
        return;
    }
    for (uint32_t c = CLASS_SLAB_MAX; c >= 1; c--) {
        while (cells->slabs->size - cells->slab_used >= CLASS_BYTES(c)) {
            uint8_t *block = (uint8_t *)cells->slabs + cells->slab_used;
            memcpy(block, &cells->free[c], sizeof(void *));
            cells->free[c] = block;
            cells->slab_used += CLASS_BYTES(c);
        }
    }
}

static bool slab_add(lt_cells *cells, size_t block_size)
{
    size_t size = cells->slabs ? LT_MIN(cells->slabs->size * 2, SLAB_BYTES_MAX) : SLAB_BYTES_MIN;
    while (size - HEADER_BYTES < block_size) {
        size *= 2;
    }
    slab *fresh = lt_mem_alloc_large(cells->mem, size);
    if (!fresh) {
        return false;
    }
    retire_slab(cells);
    fresh->next = cells->slabs;
    fresh->size = size;
    cells->slabs = fresh;
    cells->slab_used = HEADER_BYTES;
    return true;
}

static uint8_t *block_new_large(lt_cells *cells, uint32_t c)
{
    size_t size = HEADER_BYTES + CLASS_BYTES(c);
    large *block = lt_mem_alloc_large(cells->mem, size);
    if (!block) {
        return NULL;
    }
    *block = (large){NULL, cells->larges, size};
    if (cells->larges) {
        cells->larges->prev = block;
    }
    cells->larges = block;
    return (uint8_t *)block + HEADER_BYTES;
}

static uint8_t *block_new(lt_cells *cells, uint32_t c)
{
    if (c > CLASS_SLAB_MAX) {
        return block_new_large(cells, c);
    }
    uint8_t *block = cells->free[c];
    if (block) {
        memcpy(&cells->free[c], block, sizeof(void *));
        return block;
    }
    size_t size = CLASS_BYTES(c);
    if ((!cells->slabs || cells->slabs->size - cells->slab_used < size) && !slab_add(cells, size)) {
        return NULL;
    }
    block = (uint8_t *)cells->slabs + cells->slab_used;
    cells->slab_used += size;
    return block;
}

static void block_free(lt_cells *cells, uint8_t *ptr, uint32_t c)
{
    if (c <= CLASS_SLAB_MAX) {
        memcpy(ptr, &cells->free[c], sizeof(void *));
        cells->free[c] = ptr;
        return;
    }
    large *block = (large *)(void *)(ptr - HEADER_BYTES);
    LT_ASSERT(block->size == HEADER_BYTES + CLASS_BYTES(c));
    if (block->prev) {
        block->prev->next = block->next;
    } else {
        cells->larges = block->next;
    }
    if (block->next) {
        block->next->prev = block->prev;
    }
    lt_mem_free_large(cells->mem, block, block->size);
}

bool lt_cells_resize(lt_cells *cells, lt_cell *cell, uint32_t len)
{
    LT_DCHECK((cell->cap_class == 0) == (cell->ptr == NULL));
    /* A cell that shrank much gives its block back, one that shrank a little will grow again. */
    bool fits = cell->cap_class > 0 && len <= CLASS_BYTES(cell->cap_class) &&
                (cell->cap_class <= 3 || len > CLASS_BYTES(cell->cap_class) / 8);
    if (fits) {
        cell->len = len;
        return true;
    }
    uint32_t c = class_of(len);
    uint8_t *ptr = block_new(cells, c);
    if (!ptr) {
        return false;
    }
    if (cell->ptr) {
        memcpy(ptr, cell->ptr, LT_MIN(cell->len, len));
        block_free(cells, cell->ptr, cell->cap_class);
    }
    *cell = (lt_cell){len, c, ptr};
    return true;
}

void lt_cells_shrink(lt_cells *cells, lt_cell *cell, uint32_t len)
{
    LT_ASSERT(len <= cell->len);
    if (len == 0) {
        lt_cells_clear(cells, cell);
    } else if (!lt_cells_resize(cells, cell, len)) {
        cell->len = len;
    }
}

bool lt_cells_set(lt_cells *cells, lt_cell *cell, const void *bytes, uint32_t len)
{
    if (!lt_cells_resize(cells, cell, len)) {
        return false;
    }
    if (len > 0) {
        memcpy(cell->ptr, bytes, len);
    }
    return true;
}

bool lt_cells_append(lt_cells *cells, lt_cell *cell, const void *bytes, uint32_t len)
{
    uint32_t old = cell->len;
    if (len > UINT32_MAX - old || !lt_cells_resize(cells, cell, old + len)) {
        return false;
    }
    if (len > 0) {
        memcpy(cell->ptr + old, bytes, len);
    }
    return true;
}

void lt_cells_clear(lt_cells *cells, lt_cell *cell)
{
    if (cell->ptr) {
        block_free(cells, cell->ptr, cell->cap_class);
    }
    memset(cell, 0, sizeof *cell);
}
