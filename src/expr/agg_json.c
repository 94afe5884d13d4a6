/* JSON_OBJECTAGG and JSON_ARRAYAGG. Values reach them as JSON text (bind wraps them in JSON_STRING,
 * but for nested JSON_OBJECT and JSON_ARRAY, which are JSON already), so a state holds text only:
 *
 *   JSON_ARRAYAGG    lt_agg_bag of texts; a NULL that is kept is the text null
 *   JSON_OBJECTAGG   lt_agg_bag keyed: u32 length of the key, key, value's text
 *
 * As in Flink the members of an object are ordered by key, a key that comes twice is an error, and
 * a removal takes the oldest equal element of an array, or the member of that key. The names with $
 * are the forms with the clause that is not the default. */
#include <stdlib.h>

#include "expr/agg_bag.h"
#include "expr/agg_int.h"

/* agg->bound */
typedef struct {
    bool keeps_nulls;
    lt_mem *mem;
} json_form;

static const lt_str null_text = {"null", 4};

static const json_form *form_of(const lt_agg *agg)
{
    return (const json_form *)agg->bound;
}

static lt_str text_at(const lt_col *col, uint32_t row)
{
    return lt_strv_str(&LT_COL_DATA(col, const lt_strv)[row]);
}

/* ---- arrays ---- */

static lt_status array_update(const lt_agg *agg, uint8_t *const *states, const lt_col *args,
                              const uint32_t *rows, uint32_t count, int sign, lt_cells *cells,
                              lt_error *err)
{
    const bool keeps_nulls = form_of(agg)->keeps_nulls;
    for (uint32_t i = 0; i < count; i++) {
        bool null = lt_col_is_null(&args[0], rows[i]);
        if (null && !keeps_nulls) {
            continue;
        }
        lt_str text = null ? null_text : text_at(&args[0], rows[i]);
        if (!lt_agg_bag_change(cells, (lt_agg_bag *)(void *)states[i], text, sign)) {
            return lt_error_nomem(err, "aggregate");
        }
    }
    return LT_OK;
}

static lt_status array_finish(const lt_agg *agg, const uint8_t *const *states, uint32_t count,
                              lt_col *out, uint32_t out_cap, lt_arena *arena, lt_error *err)
{
    (void)agg;
    (void)out_cap;
    for (uint32_t i = 0; i < count; i++) {
        const lt_agg_bag *bag = (const lt_agg_bag *)(const void *)states[i];
        lt_agg_item item;
        size_t room = 2;
        for (uint32_t at = bag->first; lt_agg_bag_next(bag, at, &item); at = item.end) {
            room += item.len + 1;
        }
        char *text = lt_arena_alloc(arena, room, 1);
        if (text == NULL) {
            return lt_error_nomem(err, "aggregate");
        }
        size_t len = 0;
        text[len++] = '[';
        for (uint32_t at = bag->first; lt_agg_bag_next(bag, at, &item); at = item.end) {
            if (len > 1) {
                text[len++] = ',';
            }
            memcpy(text + len, item.bytes, item.len);
            len += item.len;
        }
        text[len++] = ']';
        LT_COL_DATA(out, lt_strv)[i] = lt_strv_make(text, len);
    }
    return LT_OK;
}

static const lt_agg_class array_absent = {"JSON_ARRAYAGG", array_update, lt_agg_bag_merge,
                                          array_finish};
static const lt_agg_class array_null = {"$JSON_ARRAYAGG_NULL", array_update, lt_agg_bag_merge,
                                        array_finish};

/* ---- objects ---- */

static lt_status duplicate(lt_str keyed, lt_error *err)
{
    const size_t head = sizeof(uint32_t);
    int len = (int)LT_MIN(keyed.len - head, (size_t)100);
    return lt_error_set(err, LT_ERR_DATA,
                        "JSON_OBJECTAGG has the key '%.*s' twice: its keys must be unique", len,
                        keyed.ptr + head);
}

/* Adds the member whose length and key are `keyed`; value NULL: only sees that it is not there. */
static lt_status add_member(lt_cells *cells, lt_agg_bag *bag, lt_str keyed, const lt_str *value,
                            lt_error *err)
{
    lt_agg_item item;
    bool found;
    if (!lt_agg_bag_find(cells, bag, true, keyed, &item, &found)) {
        return lt_error_nomem(err, "aggregate");
    }
    if (found) {
        return duplicate(keyed, err);
    }
    if (value == NULL) {
        return LT_OK;
    }
    size_t size = keyed.len + value->len;
    uint8_t *to = size <= UINT32_MAX ? lt_agg_bag_reserve(cells, bag, (uint32_t)size) : NULL;
    if (to == NULL) {
        return lt_error_nomem(err, "aggregate");
    }
    memcpy(to, keyed.ptr, keyed.len);
    memcpy(to + keyed.len, value->ptr, value->len);
    return lt_agg_bag_commit(cells, bag, true, 1) ? LT_OK : lt_error_nomem(err, "aggregate");
}

static bool remove_member(lt_cells *cells, lt_agg_bag *bag, lt_str keyed)
{
    lt_agg_item item;
    bool found;
    if (!lt_agg_bag_find(cells, bag, true, keyed, &item, &found)) {
        return false;
    }
    if (found) {
        lt_agg_bag_remove(cells, bag, true, &item);
    }
    return true;
}

/* A key with its length before it, made in `room`. false = out of memory. */
static bool make_key(lt_text *room, lt_str key, lt_str *keyed)
{
    const uint32_t len = (uint32_t)key.len;
    lt_text_clear(room);
    lt_text_append(room, (const char *)&len, sizeof len);
    lt_text_append(room, key.ptr, key.len);
    *keyed = lt_text_str(room);
    return !room->failed;
}

static lt_status object_update(const lt_agg *agg, uint8_t *const *states, const lt_col *args,
                               const uint32_t *rows, uint32_t count, int sign, lt_cells *cells,
                               lt_error *err)
{
    const json_form *form = form_of(agg);
    lt_status st = LT_OK;
    lt_text room;
    lt_text_init(&room, form->mem);
    for (uint32_t i = 0; st == LT_OK && i < count; i++) {
        lt_agg_bag *bag = (lt_agg_bag *)(void *)states[i];
        lt_str keyed;
        if (lt_col_is_null(&args[0], rows[i])) {
            st = lt_error_set(err, LT_ERR_DATA, "JSON_OBJECTAGG has a key that is NULL");
        } else if (!make_key(&room, text_at(&args[0], rows[i]), &keyed)) {
            st = lt_error_nomem(err, "aggregate");
        } else if (sign < 0) {
            st = remove_member(cells, bag, keyed) ? LT_OK : lt_error_nomem(err, "aggregate");
        } else {
            bool null = lt_col_is_null(&args[1], rows[i]);
            lt_str value = null ? null_text : text_at(&args[1], rows[i]);
            st = add_member(cells, bag, keyed, null && !form->keeps_nulls ? NULL : &value, err);
        }
    }
    lt_text_deinit(&room);
    return st;
}

static lt_str key_part(const lt_agg_item *item)
{
    uint32_t len;
    memcpy(&len, item->bytes, sizeof len);
    return (lt_str){(const char *)item->bytes + sizeof len, len};
}

static lt_status object_merge(const lt_agg *agg, uint8_t *const *dst, const uint8_t *const *src,
                              uint32_t count, lt_cells *cells, lt_error *err)
{
    (void)agg;
    for (uint32_t i = 0; i < count; i++) {
        const lt_agg_bag *s = (const lt_agg_bag *)(const void *)src[i];
        lt_agg_item item;
        for (uint32_t at = s->first; lt_agg_bag_next(s, at, &item); at = item.end) {
            size_t head = sizeof(uint32_t) + key_part(&item).len;
            lt_str value = {(const char *)item.bytes + head, item.len - head};
            LT_TRY(add_member(cells, (lt_agg_bag *)(void *)dst[i],
                              (lt_str){(const char *)item.bytes, head}, &value, err));
        }
    }
    return LT_OK;
}

static int by_key(const void *a, const void *b)
{
    return lt_str_cmp(key_part(a), key_part(b));
}

static void put_members(const lt_agg_item *members, uint32_t count, lt_text *to)
{
    lt_text_putc(to, '{');
    for (uint32_t m = 0; m < count; m++) {
        lt_str key = key_part(&members[m]);
        size_t head = sizeof(uint32_t) + key.len;
        if (m > 0) {
            lt_text_putc(to, ',');
        }
        lt_text_json(to, key);
        lt_text_putc(to, ':');
        lt_text_append(to, (const char *)members[m].bytes + head, members[m].len - head);
    }
    lt_text_putc(to, '}');
}

static lt_status object_finish(const lt_agg *agg, const uint8_t *const *states, uint32_t count,
                               lt_col *out, uint32_t out_cap, lt_arena *arena, lt_error *err)
{
    (void)out_cap;
    bool ok = true;
    lt_text text;
    lt_text_init(&text, form_of(agg)->mem);
    for (uint32_t i = 0; ok && i < count; i++) {
        const lt_agg_bag *bag = (const lt_agg_bag *)(const void *)states[i];
        uint32_t entries = lt_agg_bag_entries(bag), used = 0;
        lt_agg_item *members = LT_NEW_ARRAY(arena, lt_agg_item, (size_t)entries + 1);
        ok = members != NULL;
        if (!ok) {
            break;
        }
        for (uint32_t at = bag->first; lt_agg_bag_next(bag, at, &members[used]);) {
            at = members[used++].end;
        }
        qsort(members, used, sizeof *members, by_key);
        lt_text_clear(&text);
        put_members(members, used, &text);
        ok = !text.failed && lt_agg_put_text(out, i, lt_text_str(&text), arena);
    }
    lt_text_deinit(&text);
    return ok ? LT_OK : lt_error_nomem(err, "aggregate");
}

static const lt_agg_class object_null = {"JSON_OBJECTAGG", object_update, object_merge,
                                         object_finish};
static const lt_agg_class object_absent = {"$JSON_OBJECTAGG_ABSENT", object_update, object_merge,
                                           object_finish};

/* ---- binding ---- */

static lt_status bind_json(lt_agg_bind_ctx *c, uint32_t value, lt_error *err)
{
    lt_agg *agg = c->agg;
    json_form *form = LT_NEW(c->b->arena, json_form);
    if (form == NULL) {
        return lt_error_nomem(err, "aggregate");
    }
    form->keeps_nulls = c->func->op == LT_AGG_JSON_NULL;
    form->mem = c->b->session->mem;
    if (!c->again && !lt_expr_is_json(agg->args[value])) {
        LT_TRY(lt_expr_call(c->b, LT_STR("JSON_STRING"), &agg->args[value], 1,
                            agg->args[value]->pos, &agg->args[value], err));
    }
    agg->bound = form;
    agg->result = lt_type_sized(c->b->arena, LT_TYPE_VARCHAR, 2000, false); /* as Flink says */
    agg->clause = form->keeps_nulls ? "NULL ON NULL" : "ABSENT ON NULL";
    lt_agg_bag_state(agg);
    return LT_OK;
}

lt_status lt_agg_bind_json_array(lt_agg_bind_ctx *c, lt_error *err)
{
    c->agg->cls = c->func->op == LT_AGG_JSON_NULL ? &array_null : &array_absent;
    c->agg->shown = "JSON_ARRAYAGG";
    return bind_json(c, 0, err);
}

lt_status lt_agg_bind_json_object(lt_agg_bind_ctx *c, lt_error *err)
{
    if (!lt_type_is_string(c->agg->args[0]->type)) {
        return lt_agg_refuse(c, err);
    }
    c->agg->cls = c->func->op == LT_AGG_JSON_NULL ? &object_null : &object_absent;
    c->agg->shown = "JSON_OBJECTAGG";
    return bind_json(c, 1, err);
}
