/* Lists: a table of heads by key and a table of rows, each row linked to the next of its list by
 * number, so that both are saved and loaded like any other table.
 *
 *   heads   key -> [ first, last, count, .. ]
 *   rows    [ bytes | list, next, prev, .. ] [ .. ] ..      shared by all lists
 *
 * Appending and finding cost one lookup of the key. Removing a row looks through a short list; the
 * first removal from a long one (more than SCAN_ROWS_MAX) puts its rows into a hash index, which
 * that list keeps from then on: later removals and appends cost one more lookup, however long the
 * list is. Of equal rows the index has the oldest; the others hang on it in order. The index is not
 * saved.
 *
 * Rows are told apart by their identity: all bytes, or in keyed lists the id at their end. Rows of
 * marked and keyed lists are wide: behind the links stand the mark and the length of the id. */
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "state/snap_int.h"

#define SCAN_ROWS_MAX 32
#define CHUNK_ROWS    256
#define SWEEP_LISTS   4

typedef struct {
    int64_t stamp; /* of the last use, with a TTL */
    uint32_t first;
    uint32_t last;
    uint32_t count;
    uint32_t number; /* its own; 0 = just made */
    uint32_t indexed;
    uint32_t listed; /* during a call: about to be removed */
} list_head;

typedef struct {
    uint32_t list; /* the head's number */
    uint32_t next;
    uint32_t prev;
    uint32_t tag;    /* of the row's hash */
    uint32_t same;   /* the next equal row, in an indexed list */
    uint32_t newest; /* the last equal row; only in the oldest one, 0 = itself */
} list_row;

typedef struct {
    list_row row;
    int32_t mark;
    uint32_t id_len;
} wide_row;

struct lt_lists {
    lt_mem *mem;
    lt_state *state;
    lt_lists_decl decl;
    lt_table *heads;
    lt_table *rows;
    lt_index index;    /* of the rows of indexed lists */
    uint32_t sweep_at; /* a head's number; 0 = from the oldest */
    bool wide;
};

lt_lists *lt_lists_new_(lt_state *state, const lt_lists_decl *decl)
{
    lt_lists *lists = lt_mem_zalloc(state->mem, sizeof *lists);
    if (!lists) {
        return NULL;
    }
    lists->mem = state->mem;
    lists->state = state;
    lists->decl = *decl;
    lists->index.mem = state->mem;
    lists->wide = decl->marked || decl->form == LT_LISTS_KEYED;
    const lt_table_decl heads = {.name = decl->name,
                                 .key = decl->key,
                                 .value_size = sizeof(list_head),
                                 .group_fields = decl->group_fields};
    const lt_table_decl rows = {.name = decl->name,
                                .value_size = lists->wide ? sizeof(wide_row) : sizeof(list_row)};
    lists->heads = lt_table_new_(state, &heads, TABLE_KEYED);
    lists->rows = lt_table_new_(state, &rows, TABLE_ROWS);
    if (!lists->heads || !lists->rows) {
        lt_lists_free_(lists);
        return NULL;
    }
    return lists;
}

void lt_lists_free_(lt_lists *lists)
{
    if (!lists) {
        return;
    }
    lt_table_free_(lists->heads);
    lt_table_free_(lists->rows);
    lt_index_free(&lists->index);
    lt_mem_free(lists->mem, lists, sizeof *lists);
}

void lt_lists_clear_(lt_lists *lists)
{
    lt_table_clear(lists->heads);
    lt_table_clear(lists->rows);
    lt_index_free(&lists->index);
    lists->sweep_at = 0;
}

void lt_lists_tables_(const lt_lists *lists, lt_table **tables)
{
    tables[0] = lists->heads;
    tables[1] = lists->rows;
}

bool lt_lists_are_wide_(uint32_t row_size)
{
    return row_size == sizeof(wide_row);
}

uint64_t lt_lists_count(const lt_lists *lists)
{
    return lt_table_count(lists->rows);
}

/* ---- rows ---- */

static list_row *row_at(const lt_lists *lists, uint32_t number)
{
    return lt_table_at_(lists->rows, number);
}

/* A row that is about to be changed. */
static list_row *row_change(lt_lists *lists, uint32_t number)
{
    entry_touch(lists->rows, number - 1);
    return row_at(lists, number);
}

static const uint8_t *identity_of(const lt_lists *lists, const list_row *row, uint32_t *len)
{
    const uint8_t *bytes = lt_table_key(lists->rows, row, len);
    if (lists->decl.form == LT_LISTS_KEYED) {
        uint32_t id_len = ((const wide_row *)row)->id_len;
        bytes += *len - id_len;
        *len = id_len;
    }
    return bytes;
}

static bool row_equals(const lt_lists *lists, const list_row *row, const uint8_t *bytes,
                       uint32_t len)
{
    uint32_t own_len;
    const uint8_t *own = identity_of(lists, row, &own_len);
    return own_len == len && (len == 0 || memcmp(own, bytes, len) == 0);
}

typedef struct {
    list_head *head;
    const uint8_t *bytes;
    uint32_t len;
    uint32_t tag;
} row_ref;

static row_ref ref_of(const lt_lists *lists, list_head *head, uint32_t number)
{
    const list_row *row = row_at(lists, number);
    row_ref ref = {.head = head, .tag = row->tag};
    ref.bytes = identity_of(lists, row, &ref.len);
    return ref;
}

/* ---- the index ---- */

static uint32_t index_tag(const row_ref *ref)
{
    return (uint32_t)lt_hash_u64((uint64_t)ref->head->number << 32 | ref->tag);
}

/* The oldest row equal to this one in its list, or 0. */
static uint32_t index_find(const lt_lists *lists, const row_ref *ref)
{
    if (!lists->index.dir) {
        return 0;
    }
    uint32_t tag = index_tag(ref);
    uint32_t mask = lists->index.group_mask;
    const index_segment *seg = index_segment_of(&lists->index, tag);
    for (uint32_t at = tag & mask;; at = (at + 1) & mask) {
        const index_group *group = &seg->groups[at];
        for (uint32_t match = index_match(group, tag); match != 0; match &= match - 1) {
            uint32_t number = group->numbers[LT_CTZ64(match)];
            const list_row *row = number != 0 ? row_at(lists, number) : NULL;
            if (row && row->list == ref->head->number &&
                row_equals(lists, row, ref->bytes, ref->len)) {
                return number;
            }
        }
        if (!index_group_full(group)) {
            return 0;
        }
    }
}

/* Puts the list's newest row so far into the index. false = out of memory. */
static bool index_add(lt_lists *lists, list_head *head, uint32_t number)
{
    row_ref ref = ref_of(lists, head, number);
    uint32_t oldest = index_find(lists, &ref);
    if (oldest == 0 && !lt_index_reserve(&lists->index, index_tag(&ref))) {
        return false;
    }
    list_row *row = row_change(lists, number);
    row->same = 0;
    row->newest = 0;
    if (oldest == 0) {
        lt_index_put(&lists->index, index_tag(&ref), number - 1);
        return true;
    }
    list_row *first = row_change(lists, oldest);
    uint32_t before = first->newest ? first->newest : oldest;
    row_change(lists, before)->same = number;
    first->newest = number;
    return true;
}

/* Takes the oldest of some equal rows out of the index; the next one takes its place. */
static void index_remove(lt_lists *lists, list_head *head, uint32_t number)
{
    row_ref ref = ref_of(lists, head, number);
    uint32_t tag = index_tag(&ref);
    const list_row *row = row_at(lists, number);
    lt_index_remove(&lists->index, tag, number - 1);
    if (row->same) {
        list_row *next = row_change(lists, row->same);
        next->newest = row->newest != row->same ? row->newest : 0;
        lt_index_put(&lists->index, tag, row->same - 1);
    }
}

/* false = out of memory: the list is looked through then. */
static bool index_list(lt_lists *lists, list_head *head)
{
    uint32_t number = head->first;
    for (; number != 0; number = row_at(lists, number)->next) {
        if (!index_add(lists, head, number)) {
            break;
        }
    }
    if (number == 0) {
        head->indexed = 1;
        return true;
    }
    for (uint32_t at = head->first; at != number; at = row_at(lists, at)->next) {
        row_ref ref = ref_of(lists, head, at);
        if (index_find(lists, &ref) == at) {
            lt_index_remove(&lists->index, index_tag(&ref), at - 1);
        }
    }
    return false;
}

/* ---- removing ---- */

static uint32_t find_row(lt_lists *lists, const row_ref *ref)
{
    list_head *head = ref->head;
    if (head->indexed || (head->count > SCAN_ROWS_MAX && index_list(lists, head))) {
        return index_find(lists, ref);
    }
    for (uint32_t at = head->first; at != 0;) {
        const list_row *row = row_at(lists, at);
        if (row->tag == ref->tag && row_equals(lists, row, ref->bytes, ref->len)) {
            return at;
        }
        at = row->next;
    }
    return 0;
}

/* The row is the oldest of those that equal it; the head was probed for writing. */
static void take_out(lt_lists *lists, list_head *head, uint32_t number)
{
    if (head->indexed) {
        index_remove(lists, head, number);
    }
    const list_row row = *row_at(lists, number);
    if (row.prev) {
        row_change(lists, row.prev)->next = row.next;
    } else {
        head->first = row.next;
    }
    if (row.next) {
        row_change(lists, row.next)->prev = row.prev;
    } else {
        head->last = row.prev;
    }
    head->count--;
    lt_table_remove_at_(lists->rows, number);
}

static void drop_head(lt_lists *lists, list_head *head)
{
    LT_ASSERT(head->count == 0);
    if (lists->sweep_at != 0 && lists->sweep_at == head->number) {
        lists->sweep_at = link_at(lists->heads, head->number - 1)->next;
    }
    lt_table_remove(lists->heads, head);
}

/* Heads whose last row was taken; one may stand several times in the list. */
static void drop_empty(lt_lists *lists, void **values, uint32_t count)
{
    uint32_t empty = 0;
    for (uint32_t i = 0; i < count; i++) {
        list_head *head = values[i];
        if (head && head->count == 0 && !head->listed) {
            head->listed = 1;
            values[empty++] = head;
        }
    }
    for (uint32_t i = 0; i < empty; i++) {
        drop_head(lists, values[i]);
    }
}

static void drop_rows(lt_lists *lists, list_head *head)
{
    while (head->first) {
        take_out(lists, head, head->first); /* the oldest of all is the oldest of its equals */
    }
}

/* ---- time to live ---- */

static int64_t now_ms(const lt_lists *lists)
{
    lt_env *env = lists->state->env;
    return lists->decl.ttl_ms > 0 ? env->wall_us(env) / 1000 : 0;
}

static bool is_idle(const lt_lists *lists, const list_head *head, int64_t now)
{
    return lists->decl.ttl_ms > 0 && now - head->stamp >= lists->decl.ttl_ms;
}

/* Looks at a few lists, all of them in the course of many calls. */
static void sweep(lt_lists *lists, int64_t now)
{
    lt_table *heads = lists->heads;
    for (uint32_t i = 0; i < SWEEP_LISTS && lists->decl.ttl_ms > 0 && heads->count > 0; i++) {
        uint32_t number = lists->sweep_at ? lists->sweep_at : heads->head;
        list_head *head = lt_table_at_(heads, number);
        lists->sweep_at = link_at(heads, number - 1)->next;
        if (is_idle(lists, head, now)) {
            entry_touch(heads, number - 1);
            drop_rows(lists, head);
            drop_head(lists, head);
        }
    }
}

/* ---- interface ---- */

static lt_rows part_of(const lt_rows *rows, uint32_t first)
{
    lt_rows part = *rows;
    part.count = LT_MIN(rows->count - first, (uint32_t)CHUNK_ROWS);
    part.hashes += first;
    if (part.stride) {
        part.bytes += (size_t)first * part.stride;
    } else {
        part.offsets += first;
    }
    return part;
}

lt_status lt_lists_find(lt_lists *lists, const lt_rows *keys, uint64_t *cursors, lt_error *err)
{
    (void)err;
    int64_t now = now_ms(lists);
    const void *values[CHUNK_ROWS];
    for (uint32_t first = 0; first < keys->count; first += CHUNK_ROWS) {
        const lt_rows part = part_of(keys, first);
        lt_table_peek(lists->heads, &part, values);
        for (uint32_t i = 0; i < part.count; i++) {
            const list_head *head = values[i];
            cursors[first + i] = head && !is_idle(lists, head, now) ? head->first : 0;
            if (cursors[first + i] != 0) {
                LT_PREFETCH(entry_at(lists->rows, (uint32_t)cursors[first + i] - 1));
            }
        }
    }
    return LT_OK;
}

void lt_lists_sizes(lt_lists *lists, const lt_rows *keys, uint32_t *sizes)
{
    int64_t now = now_ms(lists);
    const void *values[CHUNK_ROWS];
    for (uint32_t first = 0; first < keys->count; first += CHUNK_ROWS) {
        const lt_rows part = part_of(keys, first);
        lt_table_peek(lists->heads, &part, values);
        for (uint32_t i = 0; i < part.count; i++) {
            const list_head *head = values[i];
            sizes[first + i] = head && !is_idle(lists, head, now) ? head->count : 0;
        }
    }
}

void lt_lists_next(lt_lists *lists, uint64_t *cursor, const uint8_t **bytes, uint32_t *len)
{
    LT_ASSERT(*cursor != 0);
    const list_row *row = row_at(lists, (uint32_t)*cursor);
    *bytes = lt_table_key(lists->rows, row, len);
    if (lists->decl.form == LT_LISTS_KEYED) {
        *len -= ((const wide_row *)row)->id_len;
    }
    *cursor = row->next;
    if (row->next) {
        LT_PREFETCH(entry_at(lists->rows, row->next - 1));
    }
}

uint64_t lt_lists_start_(const void *head)
{
    return ((const list_head *)head)->first;
}

int32_t lt_lists_mark(const lt_lists *lists, uint64_t cursor)
{
    LT_ASSERT(lists->decl.marked && cursor != 0);
    return ((const wide_row *)row_at(lists, (uint32_t)cursor))->mark;
}

void lt_lists_mark_set(lt_lists *lists, uint64_t cursor, int32_t mark)
{
    LT_ASSERT(lists->decl.marked && cursor != 0);
    wide_row *row = (wide_row *)row_change(lists, (uint32_t)cursor);
    row->mark = mark;
    if (lists->decl.ttl_ms > 0) {
        uint32_t list = row->row.list;
        entry_touch(lists->heads, list - 1);
        ((list_head *)lt_table_at_(lists->heads, list))->stamp = now_ms(lists);
    }
}

/* ---- changing ---- */

typedef struct {
    const uint8_t *bytes;
    uint32_t len;
    uint32_t id_len;
    uint64_t hash; /* of the identity */
    int32_t mark;
} new_row;

/* head was probed for writing. */
LT_INLINE bool append(lt_lists *lists, list_head *head, const new_row *from)
{
    uint32_t number;
    void *value;
    if (head->number == 0) {
        head->number = lt_table_number_(lists->heads, head);
    }
    if (!lt_table_append_(lists->rows, from->bytes, from->len, &number, &value)) {
        return false;
    }
    list_row *row = value;
    *row = (list_row){.list = head->number, .prev = head->last, .tag = (uint32_t)from->hash};
    if (lists->wide) {
        ((wide_row *)row)->mark = from->mark;
        ((wide_row *)row)->id_len = from->id_len;
    }
    if (head->indexed && !index_add(lists, head, number)) {
        lt_table_remove_at_(lists->rows, number);
        return false;
    }
    if (head->last) {
        row_change(lists, head->last)->next = number;
    } else {
        head->first = number;
    }
    head->last = number;
    head->count++;
    return true;
}

static row_ref ref_to(const lt_lists_change *change, list_head *head, uint32_t i)
{
    const lt_rows *by = change->ids ? change->ids : change->rows;
    return (row_ref){head, lt_rows_ptr(by, i), lt_rows_len(by, i), (uint32_t)by->hashes[i]};
}

/* Makes room for a row: what is idle goes, and what the row takes the place of. */
static void make_way(lt_lists *lists, const lt_lists_change *change, list_head *head, uint32_t i,
                     int64_t now)
{
    if (head->count == 0) {
        return;
    }
    if (lists->decl.form == LT_LISTS_SINGLE || is_idle(lists, head, now)) {
        drop_rows(lists, head);
    } else if (lists->decl.form == LT_LISTS_KEYED) {
        row_ref ref = ref_to(change, head, i);
        uint32_t number = find_row(lists, &ref);
        if (number) {
            take_out(lists, head, number);
        }
    }
}

/* Row i of a change, as it is put into a list. */
LT_INLINE new_row row_of(const lt_lists *lists, const lt_lists_change *change, uint32_t i)
{
    new_row row = {.bytes = lt_rows_ptr(change->rows, i),
                   .len = lt_rows_len(change->rows, i),
                   .hash = change->rows->hashes[i]};
    if (lists->wide) {
        row.mark = change->marks ? change->marks[i] : 0;
        row.id_len = change->ids ? lt_rows_len(change->ids, i) : 0;
        row.hash = change->ids ? change->ids->hashes[i] : row.hash;
    }
    return row;
}

static bool remove_row(lt_lists *lists, const lt_lists_change *change, list_head *head, uint32_t i,
                       int64_t now)
{
    if (!head || head->count == 0 || is_idle(lists, head, now)) {
        return false;
    }
    row_ref ref = ref_to(change, head, i);
    uint32_t number = lists->decl.form == LT_LISTS_SINGLE ? head->first : find_row(lists, &ref);
    if (number) {
        take_out(lists, head, number);
    }
    return number != 0;
}

static lt_status add_part(lt_lists *lists, const lt_lists_change *change, const lt_rows *keys,
                          uint32_t first, lt_error *err)
{
    void *values[CHUNK_ROWS];
    int64_t now = now_ms(lists);
    LT_TRY(lt_table_probe(lists->heads, keys, true, values, NULL, err));
    for (uint32_t i = 0; i < keys->count; i++) {
        const list_head *head = values[i];
        if (head->last) {
            LT_PREFETCH_WRITE(entry_at(lists->rows, head->last - 1));
        }
    }
    bool in_the_way = lists->decl.form != LT_LISTS_BAG || lists->decl.ttl_ms > 0;
    for (uint32_t i = 0; i < keys->count; i++) {
        list_head *head = values[i];
        if (in_the_way) {
            make_way(lists, change, head, first + i, now);
        }
        head->stamp = now;
        const new_row row = row_of(lists, change, first + i);
        if (!append(lists, head, &row)) {
            return lt_error_nomem(err, lists->decl.name);
        }
    }
    return LT_OK;
}

/* adds: of the part's rows. Rows that are only taken away make no heads. */
static lt_status change_part(lt_lists *lists, const lt_lists_change *change, const lt_rows *keys,
                             const uint8_t *adds, lt_error *err)
{
    uint32_t first = (uint32_t)(keys->hashes - change->keys->hashes);
    void *values[CHUNK_ROWS];
    int64_t now = now_ms(lists);
    lt_status st = LT_OK;
    bool any_add = false;
    for (uint32_t i = 0; i < keys->count; i++) {
        any_add = any_add || adds[i];
    }
    LT_TRY(lt_table_probe(lists->heads, keys, any_add, values, NULL, err));
    for (uint32_t i = 0; i < keys->count; i++) {
        const list_head *head = values[i];
        if (head && head->first) {
            LT_PREFETCH_WRITE(entry_at(lists->rows, head->first - 1));
        }
    }
    for (uint32_t i = 0; i < keys->count && st == LT_OK; i++) {
        list_head *head = values[i];
        if (!adds[i]) {
            change->found[first + i] = remove_row(lists, change, head, first + i, now);
            continue;
        }
        make_way(lists, change, head, first + i, now);
        head->stamp = now;
        const new_row row = row_of(lists, change, first + i);
        if (!append(lists, head, &row)) {
            st = lt_error_nomem(err, lists->decl.name);
        }
    }
    drop_empty(lists, values, keys->count);
    return st;
}

lt_status lt_lists_apply(lt_lists *lists, const lt_lists_change *change, lt_error *err)
{
    const lt_rows *keys = change->keys;
    LT_ASSERT(keys->count == change->rows->count);
    LT_ASSERT((lists->decl.form == LT_LISTS_KEYED) == (change->ids != NULL));
    LT_ASSERT(!change->adds || change->found);
    sweep(lists, now_ms(lists));
    for (uint32_t first = 0; first < keys->count; first += CHUNK_ROWS) {
        const lt_rows part = part_of(keys, first);
        LT_TRY(change->adds ? change_part(lists, change, &part, change->adds + first, err)
                            : add_part(lists, change, &part, first, err));
    }
    return LT_OK;
}

lt_status lt_lists_append(lt_lists *lists, const lt_rows *keys, const lt_rows *rows, lt_error *err)
{
    const lt_lists_change change = {.keys = keys, .rows = rows};
    return lt_lists_apply(lists, &change, err);
}

lt_status lt_lists_remove(lt_lists *lists, const lt_rows *keys, const lt_rows *rows, uint8_t *found,
                          lt_error *err)
{
    static const uint8_t no_adds[CHUNK_ROWS];
    const lt_lists_change change = {.keys = keys, .rows = rows, .found = found};
    LT_ASSERT(keys->count == rows->count && lists->decl.form != LT_LISTS_KEYED);
    sweep(lists, now_ms(lists));
    for (uint32_t first = 0; first < keys->count; first += CHUNK_ROWS) {
        const lt_rows part = part_of(keys, first);
        LT_TRY(change_part(lists, &change, &part, no_adds, err));
    }
    return LT_OK;
}

/* ---- loading ---- */

lt_status lt_lists_insert_(lt_lists *lists, const lt_table *heads, const lt_table *rows,
                           const void *value, lt_error *err)
{
    const list_head *from = value;
    void *to;
    uint32_t len;
    const uint8_t *key = lt_table_key(heads, value, &len);
    LT_TRY(lt_table_get(lists->heads, key, len, lt_row_hash(key, len), true, &to, NULL, err));
    list_head *head = to;
    if (head->count > 0) {
        return lt_error_set(err, LT_ERR_STATE,
                            "state table '%s': a key is there twice in what is put together",
                            lists->decl.name);
    }
    head->stamp = LT_MIN(from->stamp, now_ms(lists));
    for (uint32_t at = from->first; at != 0;) {
        const list_row *row = lt_table_at_(rows, at);
        uint32_t row_len;
        const uint8_t *bytes = lt_table_key(rows, row, &row_len);
        new_row copy = {.bytes = bytes, .len = row_len};
        if (lists->wide) {
            copy.mark = ((const wide_row *)row)->mark;
            copy.id_len = LT_MIN(((const wide_row *)row)->id_len, row_len);
        }
        uint32_t id_at = lists->decl.form == LT_LISTS_KEYED ? row_len - copy.id_len : 0;
        copy.hash = lt_row_hash(bytes + id_at, row_len - id_at);
        if (!append(lists, head, &copy)) {
            return lt_error_nomem(err, lists->decl.name);
        }
        at = row->next;
    }
    return LT_OK;
}

static bool id_fits(const lt_table *rows, const list_row *row)
{
    uint32_t len;
    (void)lt_table_key(rows, row, &len);
    return !lt_lists_are_wide_(rows->decl.value_size) || ((const wide_row *)row)->id_len <= len;
}

lt_status lt_lists_check_(lt_table *heads, const lt_table *rows, int64_t now, lt_error *err)
{
    uint64_t total = 0;
    for (uint32_t number = heads->head; number != 0;) {
        list_head *head = lt_table_at_(heads, number);
        uint32_t before = 0;
        uint32_t count = 0;
        for (uint32_t at = head->first; at != 0 && count <= head->count; count++) {
            const list_row *row = lt_table_has_(rows, at) ? lt_table_at_(rows, at) : NULL;
            if (!row || row->list != number || row->prev != before || !id_fits(rows, row)) {
                return lt_error_set(err, LT_ERR_STATE,
                                    "the state snapshot is damaged: a list "
                                    "is broken");
            }
            before = at;
            at = row->next;
        }
        if (count != head->count || before != head->last ||
            (head->number != number && head->number != 0)) {
            return lt_error_set(err, LT_ERR_STATE,
                                "the state snapshot is damaged: a list is "
                                "broken");
        }
        head->indexed = 0;
        head->stamp = LT_MIN(head->stamp, now);
        total += count;
        number = link_at(heads, number - 1)->next;
    }
    return total == lt_table_count(rows)
               ? LT_OK
               : lt_error_set(err, LT_ERR_STATE,
                              "the state snapshot is damaged: rows without a "
                              "list");
}
