/* Ordered maps: a table of heads by key, and a table of nodes. The nodes of one map are a treap
 * (a search tree by bytes, a heap by priority) and a doubly linked list in order.
 *
 *   heads   key -> [ stamp, root, first, last, count, .. ]
 *   nodes   [ bytes | map, left, right, prev, next, .. | record ] ..      shared by all maps
 *
 * Links are entry numbers, so both tables are saved and loaded like any other. A node's priority is
 * a hash of its number: the tree's shape depends on the order of changes alone, never on addresses.
 * A change touches the nodes whose links it sets, of which there are few, wherever in the tree. */
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "state/snap_int.h"

#define CHUNK_ROWS 256
#define SWEEP_MAPS 4

struct lt_ordered_map {
    int64_t stamp; /* of the last use, with a TTL */
    uint32_t root;
    uint32_t first;
    uint32_t last;
    uint32_t count;
    uint32_t number; /* the head's own; 0 = just made */
    uint32_t unused;
};

typedef struct {
    uint32_t map;    /* the head's number */
    uint32_t number; /* its own */
    uint32_t left;
    uint32_t right;
    uint32_t prev;
    uint32_t next;
} map_node;

_Static_assert(sizeof(map_node) == ORDERED_HEAD_BYTES, "readers know where the record begins");

struct lt_ordered {
    lt_mem *mem;
    lt_env *env;
    lt_ordered_decl decl;
    uint32_t *cell_offsets; /* in a node */
    lt_table *heads;
    lt_table *nodes;
    uint32_t sweep_at; /* a head's number; 0 = from the oldest */
};

lt_ordered *lt_ordered_new_(lt_state *state, const lt_ordered_decl *decl)
{
    lt_ordered *ordered = lt_mem_zalloc(state->mem, sizeof *ordered);
    if (!ordered) {
        return NULL;
    }
    ordered->mem = state->mem;
    ordered->env = state->env;
    ordered->decl = *decl;
    ordered->cell_offsets = lt_mem_alloc(state->mem, sizeof(uint32_t) * (decl->cell_count + 1));
    for (uint32_t i = 0; ordered->cell_offsets && i < decl->cell_count; i++) {
        ordered->cell_offsets[i] = decl->cell_offsets[i] + (uint32_t)sizeof(map_node);
    }
    const lt_table_decl heads = {.name = decl->name,
                                 .key = decl->key,
                                 .value_size = sizeof(lt_ordered_map),
                                 .group_fields = decl->group_fields};
    const lt_table_decl nodes = {.name = decl->name,
                                 .value_size = (uint32_t)sizeof(map_node) + decl->value_size,
                                 .cell_offsets = ordered->cell_offsets,
                                 .cell_count = decl->cell_count};
    ordered->heads = ordered->cell_offsets ? lt_table_new_(state, &heads, TABLE_KEYED) : NULL;
    ordered->nodes = ordered->cell_offsets ? lt_table_new_(state, &nodes, TABLE_ROWS) : NULL;
    if (!ordered->heads || !ordered->nodes) {
        lt_ordered_free_(ordered);
        return NULL;
    }
    return ordered;
}

void lt_ordered_free_(lt_ordered *ordered)
{
    if (!ordered) {
        return;
    }
    lt_table_free_(ordered->heads);
    lt_table_free_(ordered->nodes);
    lt_mem_free(ordered->mem, ordered->cell_offsets,
                sizeof(uint32_t) * (ordered->decl.cell_count + 1));
    lt_mem_free(ordered->mem, ordered, sizeof *ordered);
}

void lt_ordered_clear_(lt_ordered *ordered)
{
    lt_table_clear(ordered->heads);
    lt_table_clear(ordered->nodes);
    ordered->sweep_at = 0;
}

void lt_ordered_tables_(const lt_ordered *ordered, lt_table **tables)
{
    tables[0] = ordered->heads;
    tables[1] = ordered->nodes;
}

uint64_t lt_ordered_count(const lt_ordered *ordered)
{
    return lt_table_count(ordered->nodes);
}

lt_cells *lt_ordered_cells(lt_ordered *ordered)
{
    return lt_table_cells(ordered->nodes);
}

/* ---- nodes ---- */

static map_node *node_at(const lt_ordered *ordered, uint32_t number)
{
    return lt_table_at_(ordered->nodes, number);
}

static map_node *node_change(lt_ordered *ordered, uint32_t number)
{
    entry_touch(ordered->nodes, number - 1);
    return node_at(ordered, number);
}

static void *record_of(map_node *node)
{
    return node + 1;
}

static map_node *node_of(const void *value)
{
    return (map_node *)(uintptr_t)value - 1;
}

static uint32_t priority(uint32_t number)
{
    return (uint32_t)(lt_hash_u64(number) >> 32);
}

static int compare(const lt_ordered *ordered, uint32_t number, lt_str bytes)
{
    uint32_t len;
    const uint8_t *own = lt_table_key(ordered->nodes, node_at(ordered, number), &len);
    size_t common = LT_MIN((size_t)len, bytes.len);
    int order = common > 0 ? memcmp(own, bytes.ptr, common) : 0;
    return order != 0 ? order : (len > bytes.len) - (len < bytes.len);
}

lt_str lt_ordered_bytes(const lt_ordered *ordered, const void *value)
{
    uint32_t len;
    const uint8_t *own = lt_table_key(ordered->nodes, node_of(value), &len);
    return (lt_str){(const char *)own, len};
}

/* Where a link of the tree stands: in a node, or the map's root. */
typedef struct {
    uint32_t node; /* 0 = the root */
    bool right;
} tree_link;

static void link_set(lt_ordered *ordered, lt_ordered_map *map, tree_link at, uint32_t number)
{
    if (at.node == 0) {
        map->root = number;
        return;
    }
    const map_node *node = node_at(ordered, at.node);
    if ((at.right ? node->right : node->left) == number) {
        return;
    }
    map_node *to = node_change(ordered, at.node);
    if (at.right) {
        to->right = number;
    } else {
        to->left = number;
    }
}

static uint32_t link_get(const lt_ordered *ordered, const lt_ordered_map *map, tree_link at)
{
    if (at.node == 0) {
        return map->root;
    }
    const map_node *node = node_at(ordered, at.node);
    return at.right ? node->right : node->left;
}

/* The first node whose bytes are >= these, or 0. */
static uint32_t lower_bound(const lt_ordered *ordered, const lt_ordered_map *map, lt_str bytes)
{
    uint32_t found = 0;
    for (uint32_t at = map->root; at != 0;) {
        const map_node *node = node_at(ordered, at);
        if (compare(ordered, at, bytes) < 0) {
            at = node->right;
        } else {
            found = at;
            at = node->left;
        }
    }
    return found;
}

/* Hangs a node into the tree: above the first node of less priority on the way down, whose subtree
 * is split into what comes before and after it. */
static void tree_insert(lt_ordered *ordered, lt_ordered_map *map, uint32_t number, lt_str bytes)
{
    bool last = map->last == number; /* then everything is before it */
    tree_link at = {0, false};
    uint32_t here = map->root;
    while (here != 0 && priority(here) >= priority(number)) {
        at = (tree_link){here, last || compare(ordered, here, bytes) < 0};
        here = link_get(ordered, map, at);
    }
    link_set(ordered, map, at, number);
    tree_link before = {number, false};
    tree_link after = {number, true};
    while (here != 0) {
        if (last) {
            break;
        }
        if (compare(ordered, here, bytes) < 0) {
            link_set(ordered, map, before, here);
            before = (tree_link){here, true};
        } else {
            link_set(ordered, map, after, here);
            after = (tree_link){here, false};
        }
        here = link_get(ordered, map, before.node == here ? before : after);
    }
    link_set(ordered, map, before, here);
    link_set(ordered, map, after, 0);
}

static void tree_remove(lt_ordered *ordered, lt_ordered_map *map, uint32_t number)
{
    map_node *node = node_at(ordered, number);
    lt_str bytes = lt_ordered_bytes(ordered, record_of(node));
    tree_link at = {0, false};
    for (uint32_t here = map->root; here != number; here = link_get(ordered, map, at)) {
        LT_ASSERT(here != 0);
        at = (tree_link){here, compare(ordered, here, bytes) < 0};
    }
    uint32_t left = node->left;
    uint32_t right = node->right;
    while (left != 0 && right != 0) {
        bool take_left = priority(left) >= priority(right);
        link_set(ordered, map, at, take_left ? left : right);
        at = (tree_link){take_left ? left : right, take_left};
        if (take_left) {
            left = node_at(ordered, left)->right;
        } else {
            right = node_at(ordered, right)->left;
        }
    }
    link_set(ordered, map, at, left != 0 ? left : right);
}

/* ---- removing ---- */

/* Without removing an empty map. */
static void take_out(lt_ordered *ordered, lt_ordered_map *map, map_node *node)
{
    tree_remove(ordered, map, node->number);
    if (node->prev) {
        node_change(ordered, node->prev)->next = node->next;
    } else {
        map->first = node->next;
    }
    if (node->next) {
        node_change(ordered, node->next)->prev = node->prev;
    } else {
        map->last = node->prev;
    }
    map->count--;
    lt_table_remove_at_(ordered->nodes, node->number);
}

static void drop_head(lt_ordered *ordered, lt_ordered_map *map)
{
    LT_ASSERT(map->count == 0);
    if (ordered->sweep_at != 0 && ordered->sweep_at == map->number) {
        ordered->sweep_at = link_at(ordered->heads, map->number - 1)->next;
    }
    lt_table_remove(ordered->heads, map);
}

/* The tree is not kept in shape: all of it goes. */
static void drop_nodes(lt_ordered *ordered, lt_ordered_map *map)
{
    for (uint32_t at = map->first; at != 0;) {
        uint32_t next = node_at(ordered, at)->next;
        lt_table_remove_at_(ordered->nodes, at);
        at = next;
    }
    map->root = map->first = map->last = map->count = 0;
}

/* ---- time to live ---- */

static int64_t now_ms(const lt_ordered *ordered)
{
    return ordered->decl.ttl_ms > 0 ? ordered->env->wall_us(ordered->env) / 1000 : 0;
}

/* Maps from before there was a TTL, and stamps of a clock that was ahead, count from now. */
static bool is_idle(const lt_ordered *ordered, lt_ordered_map *map, int64_t now)
{
    map->stamp = map->stamp == 0 ? now : LT_MIN(map->stamp, now);
    return now - map->stamp >= ordered->decl.ttl_ms;
}

/* Looks at a few maps, all of them in the course of many calls. */
static void sweep(lt_ordered *ordered, int64_t now)
{
    lt_table *heads = ordered->heads;
    for (uint32_t i = 0; i < SWEEP_MAPS && heads->count > 0; i++) {
        uint32_t number = ordered->sweep_at ? ordered->sweep_at : heads->head;
        lt_ordered_map *map = lt_table_at_(heads, number);
        entry_touch(heads, number - 1);
        ordered->sweep_at = link_at(heads, number - 1)->next;
        if (is_idle(ordered, map, now)) {
            drop_nodes(ordered, map);
            drop_head(ordered, map);
        }
    }
}

/* Maps that were probed: idle ones are as good as empty. */
static void use_maps(lt_ordered *ordered, lt_ordered_map **maps, uint32_t count, bool create)
{
    int64_t now = now_ms(ordered);
    for (uint32_t i = 0; i < count; i++) {
        if (maps[i] && maps[i]->count > 0 && is_idle(ordered, maps[i], now)) {
            drop_nodes(ordered, maps[i]);
        }
        if (maps[i] && create) {
            maps[i]->stamp = now;
        }
    }
}

/* ---- interface ---- */

lt_status lt_ordered_probe(lt_ordered *ordered, const lt_rows *keys, bool create,
                           lt_ordered_map **maps, lt_error *err)
{
    bool expires = ordered->decl.ttl_ms > 0;
    if (expires) {
        sweep(ordered, now_ms(ordered));
    }
    LT_TRY(lt_table_probe(ordered->heads, keys, create, (void **)(void *)maps, NULL, err));
    if (expires) {
        use_maps(ordered, maps, keys->count, create);
    }
    return LT_OK;
}

void lt_ordered_trim(lt_ordered *ordered, lt_ordered_map *map)
{
    if (map->count == 0) {
        drop_head(ordered, map);
    }
}

uint32_t lt_ordered_size(const lt_ordered_map *map)
{
    return map->count;
}

/* A node before `next` (0 = behind all). */
static lt_status add_node(lt_ordered *ordered, lt_ordered_map *map, lt_str bytes, uint32_t next,
                          uint32_t *out, lt_error *err)
{
    uint32_t number;
    void *value;
    if (bytes.len > UINT32_MAX) {
        return lt_error_set(err, LT_ERR_LIMIT, "a key in '%s' is too long", ordered->decl.name);
    }
    if (map->number == 0) {
        map->number = lt_table_number_(ordered->heads, map);
    }
    if (!lt_table_append_(ordered->nodes, (const uint8_t *)bytes.ptr, (uint32_t)bytes.len, &number,
                          &value)) {
        return lt_error_nomem(err, ordered->decl.name);
    }
    map_node *node = value;
    node->map = map->number;
    node->number = number;
    node->next = next;
    node->prev = next ? node_at(ordered, next)->prev : map->last;
    if (node->prev) {
        node_change(ordered, node->prev)->next = number;
    } else {
        map->first = number;
    }
    if (next) {
        node_change(ordered, next)->prev = number;
    } else {
        map->last = number;
    }
    map->count++;
    *out = number;
    return LT_OK;
}

lt_status lt_ordered_get(lt_ordered *ordered, lt_ordered_map *map, lt_str bytes, bool create,
                         void **value, bool *fresh, lt_error *err)
{
    bool behind = map->last == 0 || compare(ordered, map->last, bytes) < 0;
    uint32_t found = behind ? 0 : lower_bound(ordered, map, bytes);
    bool there = found != 0 && compare(ordered, found, bytes) == 0;
    *value = NULL;
    if (fresh) {
        *fresh = !there && create;
    }
    if (there) {
        *value = record_of(node_change(ordered, found));
    } else if (create) {
        uint32_t number = 0;
        LT_TRY(add_node(ordered, map, bytes, found, &number, err));
        tree_insert(ordered, map, number, bytes);
        *value = record_of(node_at(ordered, number));
    }
    return LT_OK;
}

static void *record_at(const lt_ordered *ordered, uint32_t number)
{
    return number ? record_of(node_at(ordered, number)) : NULL;
}

void *lt_ordered_seek(const lt_ordered *ordered, const lt_ordered_map *map, lt_str bytes)
{
    return record_at(ordered, lower_bound(ordered, map, bytes));
}

void *lt_ordered_first(const lt_ordered *ordered, const lt_ordered_map *map)
{
    return record_at(ordered, map->first);
}

void *lt_ordered_last(const lt_ordered *ordered, const lt_ordered_map *map)
{
    return record_at(ordered, map->last);
}

void lt_ordered_prefetch_last(const lt_ordered *ordered, const lt_ordered_map *map, bool bytes)
{
    if (map->last == 0) {
        return;
    }
    const map_node *node = node_at(ordered, map->last);
    if (!bytes) {
        LT_PREFETCH(node);
        return;
    }
    uint32_t len;
    LT_PREFETCH(lt_table_key(ordered->nodes, node, &len));
}

void *lt_ordered_next(const lt_ordered *ordered, const void *value)
{
    return record_at(ordered, node_of(value)->next);
}

void *lt_ordered_prev(const lt_ordered *ordered, const void *value)
{
    return record_at(ordered, node_of(value)->prev);
}

void lt_ordered_touch(lt_ordered *ordered, void *value)
{
    entry_touch(ordered->nodes, node_of(value)->number - 1);
}

void lt_ordered_take(lt_ordered *ordered, lt_ordered_map *map, void *value)
{
    LT_ASSERT(node_of(value)->map == map->number);
    take_out(ordered, map, node_of(value));
}

void lt_ordered_remove(lt_ordered *ordered, lt_ordered_map *map, void *value)
{
    lt_ordered_take(ordered, map, value);
    lt_ordered_trim(ordered, map);
}

uint64_t lt_ordered_remove_range(lt_ordered *ordered, lt_ordered_map *map, lt_str from, lt_str to)
{
    uint64_t removed = 0;
    uint32_t at = lower_bound(ordered, map, from);
    while (at != 0 && (!to.ptr || compare(ordered, at, to) < 0)) {
        map_node *node = node_at(ordered, at);
        at = node->next;
        take_out(ordered, map, node);
        removed++;
    }
    if (removed > 0) {
        lt_ordered_trim(ordered, map);
    }
    return removed;
}

/* ---- loading ---- */

static lt_status broken(lt_error *err)
{
    return lt_error_set(err, LT_ERR_STATE,
                        "the state snapshot is damaged: an ordered map is "
                        "broken");
}

typedef LT_ARRAY(uint32_t) number_stack;

/* Makes the tree from the list: the nodes on the stack are the rightmost path of what is there. */
static lt_status rebuild(lt_ordered_map *map, lt_table *nodes, number_stack *path, lt_error *err)
{
    path->count = 0;
    for (uint32_t at = map->first; at != 0;) {
        map_node *node = lt_table_at_(nodes, at);
        uint32_t below = 0;
        while (path->count > 0 && priority(path->items[path->count - 1]) < priority(at)) {
            below = path->items[--path->count];
        }
        node->left = below;
        node->right = 0;
        if (path->count > 0) {
            ((map_node *)lt_table_at_(nodes, path->items[path->count - 1]))->right = at;
        }
        if (!lt_array_push(path, nodes->mem, at)) {
            return lt_error_nomem(err, "ordered maps");
        }
        at = node->next;
    }
    map->root = path->count > 0 ? path->items[0] : 0;
    return LT_OK;
}

static bool comes_before(const lt_table *nodes, const map_node *a, const map_node *b)
{
    uint32_t a_len, b_len;
    const uint8_t *x = lt_table_key(nodes, a, &a_len);
    const uint8_t *y = lt_table_key(nodes, b, &b_len);
    uint32_t common = LT_MIN(a_len, b_len);
    int order = common > 0 ? memcmp(x, y, common) : 0;
    return order < 0 || (order == 0 && a_len < b_len);
}

static bool is_list(const lt_ordered_map *map, uint32_t number, const lt_table *nodes)
{
    const map_node *before = NULL;
    uint32_t count = 0;
    for (uint32_t at = map->first; at != 0; count++) {
        const map_node *node = lt_table_has_(nodes, at) ? lt_table_at_(nodes, at) : NULL;
        if (!node || count == map->count || node->map != number || node->number != at ||
            node->prev != (before ? before->number : 0) ||
            (before && !comes_before(nodes, before, node))) {
            return false;
        }
        before = node;
        at = node->next;
    }
    return count == map->count && map->last == (before ? before->number : 0) &&
           (map->number == number || map->number == 0);
}

lt_status lt_ordered_check_(lt_table *heads, lt_table *nodes, lt_error *err)
{
    number_stack path = {0};
    uint64_t total = 0;
    lt_status st = LT_OK;
    for (uint32_t number = heads->head; st == LT_OK && number != 0;) {
        lt_ordered_map *map = lt_table_at_(heads, number);
        st = is_list(map, number, nodes) ? rebuild(map, nodes, &path, err) : broken(err);
        total += map->count;
        number = link_at(heads, number - 1)->next;
    }
    lt_array_deinit(&path, nodes->mem);
    return st == LT_OK && total != lt_table_count(nodes) ? broken(err) : st;
}

lt_status lt_ordered_insert_(lt_ordered *ordered, const lt_table *heads, const lt_table *nodes,
                             const void *value, lt_error *err)
{
    const lt_ordered_map *from = value;
    void *to;
    uint32_t len;
    const uint8_t *key = lt_table_key(heads, value, &len);
    LT_TRY(lt_table_get(ordered->heads, key, len, lt_row_hash(key, len), true, &to, NULL, err));
    lt_ordered_map *map = to;
    map->stamp = from->stamp;
    if (map->count > 0) {
        return lt_error_set(err, LT_ERR_STATE,
                            "state table '%s': a key is there twice in what is put together",
                            ordered->decl.name);
    }
    for (uint32_t at = from->first; at != 0;) {
        map_node *node = lt_table_at_(nodes, at);
        uint32_t bytes_len;
        const uint8_t *bytes = lt_table_key(nodes, node, &bytes_len);
        void *record;
        LT_TRY(lt_ordered_get(ordered, map, (lt_str){(const char *)bytes, bytes_len}, true, &record,
                              NULL, err));
        memcpy(record, record_of(node), ordered->decl.value_size);
        for (uint32_t c = 0; c < ordered->decl.cell_count; c++) {
            lt_cell *cell = (lt_cell *)(void *)((uint8_t *)record + ordered->decl.cell_offsets[c]);
            lt_cell theirs = *cell;
            memset(cell, 0, sizeof *cell);
            if (theirs.cap_class > 0 &&
                !lt_cells_set(ordered->nodes->cells, cell, theirs.ptr, theirs.len)) {
                for (uint32_t left = c + 1; left < ordered->decl.cell_count; left++) {
                    memset((uint8_t *)record + ordered->decl.cell_offsets[left], 0, sizeof *cell);
                }
                return lt_error_nomem(err, ordered->decl.name);
            }
        }
        at = node->next;
    }
    return LT_OK;
}
